using System.Buffers.Binary;
using System.Collections.Concurrent;
using EntityActors.Storage.Format;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using K4os.Compression.LZ4;

namespace EntityActors.Storage.Segments;

/// <summary>An open segment file: index parts in memory, blocks on request, either rebuilt from parity where damaged.</summary>
/// <remarks>No length and no offset is used before the checksum that covers it was checked; the chain starts in the shard's header.</remarks>
internal sealed class SegmentFile : IDisposable
{
    private readonly BlockCache _cache;
    private readonly long _owner;
    private readonly Action<RepairedBlock>? _repaired;
    private readonly (long Offset, int Bytes, uint Checksum)[] _parts = new (long, int, uint)[SegmentFormat.PartCount];
    private readonly ConcurrentQueue<IStoreFile> _replaced = new();
    private volatile IStoreFile _file;

    private SegmentFile(IStoreFile file, SegmentInfo expected, BlockCache cache, Action<RepairedBlock>? repaired)
    {
        (_file, _cache, _repaired, Info) = (file, cache, repaired, expected);
        _owner = cache.NewOwner();
        ReadFooter();
        CheckFacts(SegmentPart.Header, writer => SegmentFileWriter.WriteHeader(writer, expected.Id));
        CheckFacts(SegmentPart.Properties, expected.WriteFacts);
        Index = Decode(SegmentPart.BlockIndex, bytes => BlockIndex.Read(bytes, _parts[(int)SegmentPart.Properties].Offset));
        Bloom = Decode(SegmentPart.Bloom, static bytes => bytes.Length >= BloomFilter.BytesMin
            ? new BloomFilter(bytes)
            : throw new MalformedBytesException($"a bloom filter of {bytes.Length} bytes"));
        Ordinals = Decode(SegmentPart.Ordinals, bytes => new OrdinalDirectory(bytes, Index.DataCount));
    }

    public SegmentInfo Info { get; }

    public BlockIndex Index { get; }

    public BloomFilter Bloom { get; }

    public OrdinalDirectory Ordinals { get; }

    public string Path => _file.Path;

    public long MemoryBytes => Index.MemoryBytes + Bloom.MemoryBytes + Ordinals.MemoryBytes;

    public static SegmentFile Open(IFileSystem fs, string path, SegmentInfo expected, BlockCache cache, Action<RepairedBlock>? repaired)
    {
        var file = fs.OpenRead(path);
        try
        {
            return new SegmentFile(file, expected, cache, repaired);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _file.Dispose();
        while (_replaced.TryDequeue(out var replaced)) replaced.Dispose();
        _cache.RemoveOwner(_owner, Index.Blocks.Length);
    }

    /// <param name="keep">False for scans, which would push out what point reads need.</param>
    public Block Load(int index, bool keep = true)
    {
        if (_cache.Find(_owner, index) is Block cached) return cached;
        var entry = Index.Blocks[index];
        var stored = ReadStored(entry) ?? Rebuild(index);
        try
        {
            var block = new Block(Decompress(stored, entry));
            if (keep) _cache.Add(_owner, index, block);
            return block;
        }
        catch (MalformedBytesException cause)
        {
            throw Corrupt(index, "rows that follow the format", cause.Message);
        }
    }

    /// <summary>What was kept under this key, below 0, unless it had to make room.</summary>
    public ICachedItem? FindCached(int key) => _cache.Find(_owner, key);

    /// <summary>Most changes of a window over this segment.</summary>
    public int WindowChangesMax => _cache.WindowChangesMax;

    public void Cache(int key, ICachedItem item) => _cache.Replace(_owner, key, item);

    /// <summary>Reads every byte of the file that a checksum covers, past every cache, and names what differs, without repairing.</summary>
    /// <returns>Bytes read at each step, so that the caller may take its time.</returns>
    public IEnumerable<long> Check(Action<DamagedPlace> found)
    {
        for (var stripe = 0; stripe < Index.Parity.Length; stripe++)
        {
            var (start, end) = StripeOf(stripe);
            var parity = Index.Parity[stripe];
            _file.DropCached(Index.Blocks[start].Offset, parity.Offset + parity.StoredBytes - Index.Blocks[start].Offset);
            var xor = ReadStored(parity);
            if (xor is null) found(new DamagedPlace($"parity block {stripe}", parity.Offset, parity.StoredBytes));
            yield return parity.StoredBytes;
            for (var i = start; i < end; i++)
            {
                var block = ReadStored(Index.Blocks[i]);
                if (block is null) found(new DamagedPlace($"block {i}", Index.Blocks[i].Offset, Index.Blocks[i].StoredBytes));
                if (xor is not null && block is not null) SegmentFileWriter.Xor(xor, block);
                else xor = null;
                yield return Index.Blocks[i].StoredBytes;
            }

            if (xor is not null && xor.AsSpan().ContainsAnyExcept((byte)0))
                found(new DamagedPlace($"parity block {stripe}, which does not match its blocks,", parity.Offset, parity.StoredBytes));
        }

        for (var i = 0; i < SegmentFormat.PartCount; i++)
        {
            _file.DropCached(_parts[i].Offset, _parts[i].Bytes);
            if (ReadPart((SegmentPart)i) is null) found(new DamagedPlace($"part {(SegmentPart)i}", _parts[i].Offset, _parts[i].Bytes));
            yield return _parts[i].Bytes;
        }

        for (var copy = 1; copy <= 2; copy++)
        {
            _file.DropCached(FooterOffset(copy), SegmentFormat.FooterBytes);
            if (ReadFooterCopy(copy, out _) is null) found(new DamagedPlace($"copy {copy} of the footer", FooterOffset(copy), SegmentFormat.FooterBytes));
        }

        yield return 2 * SegmentFormat.FooterBytes;
    }

    /// <summary>Writes the whole file as it must be; what cannot be rebuilt is copied as it is.</summary>
    /// <returns>Bytes written at each step, so that the caller may take its time.</returns>
    /// <exception cref="StoreIoException">The disk refused, or bytes that cannot be rebuilt cannot be read either.</exception>
    public IEnumerable<long> CopyRepaired(IStoreFile target)
    {
        for (var stripe = 0; stripe < Index.Parity.Length; stripe++)
        {
            var (start, end) = StripeOf(stripe);
            for (var i = start; i < end; i++)
            {
                var block = Index.Blocks[i];
                yield return Put(target, block.Offset, ReadStored(block) ?? TryRebuild(i) ?? ReadRaw(block.Offset, block.StoredBytes));
            }

            var parity = Index.Parity[stripe];
            yield return Put(target, parity.Offset, ReadStored(parity) ?? RebuildParity(stripe) ?? ReadRaw(parity.Offset, parity.StoredBytes));
        }

        for (var part = SegmentPart.Header; part <= SegmentPart.Parity; part++)
        {
            var (offset, count, _) = _parts[(int)part];
            yield return Put(target, offset, ReadPart(part) ?? TryRebuildPart(part) ?? ReadRaw(offset, count));
        }

        var footer = (ReadFooterCopy(2, out _) ?? ReadFooterCopy(1, out _))!;
        for (var copy = 1; copy <= 2; copy++) yield return Put(target, FooterOffset(copy), footer);
    }

    /// <summary>From now on the bytes come from this file, which was made to hold the same.</summary>
    public void ReadFrom(IStoreFile fresh)
    {
        // Reads may be under way in the one before, so it closes with the segment.
        _replaced.Enqueue(Interlocked.Exchange(ref _file, fresh));
    }

    public CorruptDataException Corrupt(int block, string expected, string found) =>
        new(Path, Index.Blocks[block].Offset, expected, found);

    /// <exception cref="MalformedBytesException">The bytes decompress to another length, or not at all.</exception>
    internal static byte[] Decompress(byte[] stored, BlockEntry entry)
    {
        if (entry.RawBytes == entry.StoredBytes) return stored;
        var raw = new byte[entry.RawBytes];
        var count = LZ4Codec.Decode(stored, raw);
        return count == raw.Length ? raw : throw new MalformedBytesException($"{count} bytes after decompression, not {raw.Length}");
    }

    private byte[]? ReadStored(BlockEntry entry) => Read(entry.Offset, entry.StoredBytes, entry.Checksum);

    private byte[]? ReadPart(SegmentPart part)
    {
        var (offset, bytes, checksum) = _parts[(int)part];
        return Read(offset, bytes, checksum);
    }

    /// <summary>Null when the bytes are not what the checksum says, or the device cannot read them.</summary>
    private byte[]? Read(long offset, int count, uint checksum)
    {
        var bytes = GC.AllocateUninitializedArray<byte>(count);
        try
        {
            return _file.Read(offset, bytes) == count && Crc32C.Compute(bytes) == checksum ? bytes : null;
        }
        catch (StoreIoException)
        {
            return null;
        }
    }

    private byte[] Rebuild(int index)
    {
        var entry = Index.Blocks[index];
        var bytes = TryRebuild(index) ?? throw Corrupt(index, $"checksum {entry.Checksum:x8}", "other bytes, and a second damage in the same stripe");
        _repaired?.Invoke(new RepairedBlock(Path, entry.Offset, entry.StoredBytes));
        return bytes;
    }

    private byte[]? TryRebuild(int index)
    {
        var entry = Index.Blocks[index];
        var stripe = index / SegmentFormat.StripeBlocks;
        if (ReadStored(Index.Parity[stripe]) is not { } bytes || !TryXorStripe(stripe, index, bytes)) return null;
        Array.Resize(ref bytes, entry.StoredBytes);
        return Crc32C.Compute(bytes) == entry.Checksum ? bytes : null;
    }

    private byte[]? RebuildParity(int stripe)
    {
        var bytes = new byte[Index.Parity[stripe].StoredBytes];
        return TryXorStripe(stripe, except: -1, bytes) && Crc32C.Compute(bytes) == Index.Parity[stripe].Checksum ? bytes : null;
    }

    private byte[] ReadRaw(long offset, int count)
    {
        var bytes = new byte[count];
        _ = _file.Read(offset, bytes);
        return bytes;
    }

    private static long Put(IStoreFile target, long offset, byte[] bytes)
    {
        target.Write(offset, bytes);
        return bytes.Length;
    }

    private (int Start, int End) StripeOf(int stripe)
    {
        var start = stripe * SegmentFormat.StripeBlocks;
        return (start, Math.Min(start + SegmentFormat.StripeBlocks, Index.Blocks.Length));
    }

    private long FooterOffset(int copy) => Info.LengthBytes - ((3 - copy) * SegmentFormat.FooterBytes);

    private bool TryXorStripe(int stripe, int except, byte[] target)
    {
        var (start, end) = StripeOf(stripe);
        for (var i = start; i < end; i++)
        {
            if (i == except) continue;
            if (ReadStored(Index.Blocks[i]) is not { } other) return false;
            SegmentFileWriter.Xor(target, other);
        }

        return true;
    }

    private void ReadFooter()
    {
        if (_file.Length != Info.LengthBytes)
            throw new CorruptDataException(Path, 0, $"{Info.LengthBytes} bytes of segment {Info.Id}", $"{_file.Length} bytes");
        var second = ReadFooterCopy(2, out var found);
        var footer = second ?? ReadFooterCopy(1, out found) ?? throw new CorruptDataException(Path,
            Info.LengthBytes - SegmentFormat.FooterBytes, $"a footer with checksum {Info.Checksum:x8}", found);
        if (second is null)
            _repaired?.Invoke(new RepairedBlock(Path, Info.LengthBytes - SegmentFormat.FooterBytes, SegmentFormat.FooterBytes));
        var reader = new ByteReader(footer);
        var magic = reader.Bytes(SegmentFormat.FooterMagic.Length).SequenceEqual(SegmentFormat.FooterMagic);
        var (version, count) = (reader.UInt32(), reader.UInt32());
        if (!magic || version != SegmentFormat.Version || count != SegmentFormat.PartCount)
            throw new CorruptDataException(Path, Info.LengthBytes - SegmentFormat.FooterBytes,
                $"format version {SegmentFormat.Version}", $"version {version} with {count} parts");
        for (var i = 0; i < SegmentFormat.PartCount; i++)
        {
            var (offset, bytes, checksum) = (reader.Int64(), reader.UInt32(), reader.UInt32());
            if (offset < 0 || bytes > int.MaxValue || offset > Info.LengthBytes - bytes)
                throw new CorruptDataException(Path, offset, "a part within the file", $"{bytes} bytes");
            _parts[i] = (offset, (int)bytes, checksum);
        }

        foreach (var (offset, bytes, _) in _parts)
        {
            if (bytes > _parts[(int)SegmentPart.Parity].Bytes)
                throw new CorruptDataException(Path, offset, "a part no longer than the parity of all", $"{bytes} bytes");
        }
    }

    private byte[]? ReadFooterCopy(int copy, out string found)
    {
        var footer = new byte[SegmentFormat.FooterBytes];
        var offset = FooterOffset(copy);
        found = "a file too short for it";
        try
        {
            if (offset < 0 || _file.Read(offset, footer) != footer.Length) return null;
        }
        catch (StoreIoException cause)
        {
            found = cause.Message;
            return null;
        }

        var checksum = Crc32C.Compute(footer.AsSpan(..^4));
        found = $"{checksum:x8}";
        return checksum == Info.Checksum && BinaryPrimitives.ReadUInt32LittleEndian(footer.AsSpan(^4..)) == checksum ? footer : null;
    }

    private byte[] LoadPart(SegmentPart part)
    {
        if (ReadPart(part) is { } bytes) return bytes;
        var (offset, count, checksum) = _parts[(int)part];
        var rebuilt = TryRebuildPart(part)
            ?? throw new CorruptDataException(Path, offset, $"checksum {checksum:x8} of part {part}", "other bytes, and a second damaged part");
        _repaired?.Invoke(new RepairedBlock(Path, offset, count));
        return rebuilt;
    }

    private byte[]? TryRebuildPart(SegmentPart part)
    {
        // The parity is the XOR of all others, so each of them, itself included, is the XOR of the rest.
        var rebuilt = new byte[_parts[(int)SegmentPart.Parity].Bytes];
        for (var other = SegmentPart.Header; other <= SegmentPart.Parity; other++)
        {
            if (other == part) continue;
            if (ReadPart(other) is not { } bytes) return null;
            SegmentFileWriter.Xor(rebuilt, bytes);
        }

        Array.Resize(ref rebuilt, _parts[(int)part].Bytes);
        return Crc32C.Compute(rebuilt) == _parts[(int)part].Checksum ? rebuilt : null;
    }

    private T Decode<T>(SegmentPart part, Func<byte[], T> decode)
    {
        try
        {
            return decode(LoadPart(part));
        }
        catch (MalformedBytesException cause)
        {
            throw new CorruptDataException(Path, _parts[(int)part].Offset, $"a valid part {part}", cause.Message);
        }
    }

    private void CheckFacts(SegmentPart part, Action<ByteWriter> write)
    {
        var facts = new ByteWriter();
        write(facts);
        if (!LoadPart(part).AsSpan().SequenceEqual(facts.Written))
            throw new CorruptDataException(Path, _parts[(int)part].Offset, $"the {part} of segment {Info.Id}", "those of another segment");
    }
}
