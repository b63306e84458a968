using EntityActors.Storage.Format;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using K4os.Compression.LZ4;

namespace EntityActors.Storage.Segments;

/// <summary>Lays blocks, parity, index parts and footer of a segment into its file. Knows nothing of what rows mean.</summary>
internal sealed class SegmentFileWriter(IStoreFile file)
{
    private readonly List<BlockEntry> _blocks = [];
    private readonly List<BlockEntry> _parity = [];
    private byte[] _stripe = [];
    private int _stripeBytes;
    private byte[] _compressed = [];
    private long _offset = SegmentFormat.HeaderBytes;

    public int BlockCount => _blocks.Count;

    public void AddBlock(ReadOnlySpan<byte> raw, FirstRow first)
    {
        Invariant.Check(raw.Length <= SegmentFormat.BlockRawBytesMax, "a block holds one row of the largest size at most");
        var stored = Compress(raw);
        _blocks.Add(new BlockEntry(_offset, stored.Length, raw.Length, Crc32C.Compute(stored), first));
        Write(stored);
        if (_stripe.Length < stored.Length) Array.Resize(ref _stripe, stored.Length);
        Xor(_stripe, stored);
        _stripeBytes = Math.Max(_stripeBytes, stored.Length);
        if (_blocks.Count % SegmentFormat.StripeBlocks == 0) EndStripe();
    }

    /// <summary>Writes everything behind the blocks and the header, and syncs.</summary>
    /// <returns>Length of the file and checksum of its footer.</returns>
    public (long LengthBytes, uint Checksum) Finish(SegmentId id, ReadOnlySpan<byte> properties, int dataCount, int eventCount,
        ReadOnlySpan<byte> bloom, ReadOnlySpan<byte> ordinals)
    {
        if (_stripeBytes > 0) EndStripe();
        var index = new ByteWriter();
        BlockIndex.Write(index, _blocks, _parity, dataCount, eventCount);
        var header = new ByteWriter(SegmentFormat.HeaderBytes);
        WriteHeader(header, id);
        file.Write(0, header.Written);

        var footer = new ByteWriter(SegmentFormat.FooterBytes);
        footer.Bytes(SegmentFormat.FooterMagic);
        footer.UInt32(SegmentFormat.Version);
        footer.UInt32(SegmentFormat.PartCount);
        var longest = Math.Max(Math.Max(Math.Max(properties.Length, index.Length), Math.Max(bloom.Length, ordinals.Length)), header.Length);
        var parity = new byte[longest];
        Xor(parity, header.Written);
        Enter(footer, 0, header.Written);
        AddPart(footer, parity, properties);
        AddPart(footer, parity, index.Written);
        AddPart(footer, parity, bloom);
        AddPart(footer, parity, ordinals);
        Enter(footer, _offset, parity);
        Write(parity);
        var checksum = Crc32C.Compute(footer.Written);
        footer.UInt32(checksum);

        // Twice, because everything else is found through it.
        Write(footer.Written);
        Write(footer.Written);
        file.SyncData();
        return (_offset, checksum);
    }

    public static void WriteHeader(ByteWriter writer, SegmentId id)
    {
        writer.Bytes(SegmentFormat.HeaderMagic);
        writer.UInt32(SegmentFormat.Version);
        writer.UInt32(0);
        writer.Int64(id.Epoch.Value);
        writer.Int64(id.Number);
    }

    public static void Xor(Span<byte> target, ReadOnlySpan<byte> source)
    {
        var i = 0;
        for (; i + sizeof(ulong) <= source.Length; i += sizeof(ulong))
            BitConverter.TryWriteBytes(target[i..], BitConverter.ToUInt64(target[i..]) ^ BitConverter.ToUInt64(source[i..]));
        for (; i < source.Length; i++) target[i] ^= source[i];
    }

    private ReadOnlySpan<byte> Compress(ReadOnlySpan<byte> raw)
    {
        var bound = LZ4Codec.MaximumOutputSize(raw.Length);
        if (_compressed.Length < bound) _compressed = new byte[bound];
        var count = LZ4Codec.Encode(raw, _compressed);
        return count > 0 && count <= raw.Length - (raw.Length / 8) && count < raw.Length ? _compressed.AsSpan(0, count) : raw;
    }

    private void EndStripe()
    {
        var parity = _stripe.AsSpan(0, _stripeBytes);
        _parity.Add(new BlockEntry(_offset, parity.Length, parity.Length, Crc32C.Compute(parity), FirstRow.None));
        Write(parity);
        parity.Clear();
        _stripeBytes = 0;
    }

    private void AddPart(ByteWriter footer, byte[] parity, ReadOnlySpan<byte> part)
    {
        Xor(parity, part);
        Enter(footer, _offset, part);
        Write(part);
    }

    private static void Enter(ByteWriter footer, long offset, ReadOnlySpan<byte> part)
    {
        footer.Int64(offset);
        footer.UInt32((uint)part.Length);
        footer.UInt32(Crc32C.Compute(part));
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        file.Write(_offset, bytes);
        _offset += bytes.Length;
    }
}
