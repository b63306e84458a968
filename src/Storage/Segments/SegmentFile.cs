using System.Buffers.Binary;
using EntityActors.Storage.Format;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using K4os.Compression.LZ4;

namespace EntityActors.Storage.Segments;

/// <summary>An open segment file: index parts in memory, blocks on request, either rebuilt from parity where damaged.</summary>
/// <remarks>No length and no offset is used before the checksum that covers it was checked; the chain starts in the shard's header.</remarks>
internal sealed class SegmentFile : IDisposable
{
    private readonly IStoreFile _file;
    private readonly BlockCache _cache;
    private readonly long _owner;
    private readonly Action<RepairedBlock>? _repaired;
    private readonly (long Offset, int Bytes, uint Checksum)[] _parts = new (long, int, uint)[SegmentFormat.PartCount];

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
        _cache.RemoveOwner(_owner, Index.Blocks.Length);
    }

    /// <param name="keep">False for scans, which would push out what point reads need.</param>
    public Block Load(int index, bool keep = true)
    {
        if (_cache.Find(_owner, index) is { } cached) return cached;
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

    /// <summary>Reads every byte of the file that a checksum covers and names what differs, without repairing.</summary>
    public void CheckBytes(Action<string> finding)
    {
        for (var i = 0; i < Index.Blocks.Length; i++)
        {
            if (ReadStored(Index.Blocks[i]) is null) finding($"{Path}: block {i} at byte {Index.Blocks[i].Offset} is damaged");
        }

        for (var i = 0; i < Index.Parity.Length; i++)
        {
            if (ReadStored(Index.Parity[i]) is not { } parity)
            {
                finding($"{Path}: parity block {i} at byte {Index.Parity[i].Offset} is damaged");
                continue;
            }

            if (TryXorStripe(i, except: -1, parity) && parity.AsSpan().ContainsAnyExcept((byte)0))
                finding($"{Path}: parity block {i} at byte {Index.Parity[i].Offset} does not match its blocks");
        }

        for (var i = 0; i < SegmentFormat.PartCount; i++)
        {
            if (ReadPart((SegmentPart)i) is null) finding($"{Path}: part {(SegmentPart)i} at byte {_parts[i].Offset} is damaged");
        }

        for (var copy = 1; copy <= 2; copy++)
        {
            if (ReadFooterCopy(copy, out _) is null) finding($"{Path}: copy {copy} of the footer is damaged");
        }
    }

    public CorruptDataException Corrupt(int block, string expected, string found) =>
        new(Path, Index.Blocks[block].Offset, expected, found);

    private static byte[] Decompress(byte[] stored, BlockEntry entry)
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
        var stripe = index / SegmentFormat.StripeBlocks;
        if (ReadStored(Index.Parity[stripe]) is not { } bytes || !TryXorStripe(stripe, index, bytes))
            throw Corrupt(index, $"checksum {entry.Checksum:x8}", "other bytes, and a second damage in the same stripe");
        Array.Resize(ref bytes, entry.StoredBytes);
        if (Crc32C.Compute(bytes) != entry.Checksum)
            throw Corrupt(index, $"checksum {entry.Checksum:x8}", $"{Crc32C.Compute(bytes):x8} after rebuilding from parity");
        _repaired?.Invoke(new RepairedBlock(Path, entry.Offset, entry.StoredBytes));
        return bytes;
    }

    private bool TryXorStripe(int stripe, int except, byte[] target)
    {
        var first = stripe * SegmentFormat.StripeBlocks;
        for (var i = first; i < Math.Min(first + SegmentFormat.StripeBlocks, Index.Blocks.Length); i++)
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
        var offset = Info.LengthBytes - ((3 - copy) * SegmentFormat.FooterBytes);
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
        var rebuilt = ReadPart(SegmentPart.Parity) ?? throw Unrepairable();
        for (var other = SegmentPart.Header; other < SegmentPart.Parity; other++)
        {
            if (other != part) SegmentFileWriter.Xor(rebuilt, ReadPart(other) ?? throw Unrepairable());
        }

        Array.Resize(ref rebuilt, count);
        if (Crc32C.Compute(rebuilt) != checksum) throw Unrepairable();
        _repaired?.Invoke(new RepairedBlock(Path, offset, count));
        return rebuilt;

        CorruptDataException Unrepairable() =>
            new(Path, offset, $"checksum {checksum:x8} of part {part}", "other bytes, and a second damaged part");
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
