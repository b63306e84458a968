using EntityActors.Storage.Format;

namespace EntityActors.Storage.Segments;

/// <summary>First row of a block: key bytes and a number (revision in data blocks, high half of the ordinals in posting blocks).</summary>
internal readonly record struct FirstRow(byte[] Key, long Number, long At, long RecordedAt)
{
    public static readonly FirstRow None = new([], 0, 0, 0);
}

/// <summary>Where a stored block or parity block lies and what its bytes must be.</summary>
internal readonly record struct BlockEntry(long Offset, int StoredBytes, int RawBytes, uint Checksum, FirstRow First);

/// <summary>All blocks of a segment, in memory. Data blocks come first, then event blocks, then posting blocks.</summary>
internal sealed class BlockIndex
{
    /// <summary>A byte of an LZ4 block stands for at most 255 bytes; a little more for those that its last token adds.</summary>
    private const int Lz4GrowthMax = 256;

    private BlockIndex(BlockEntry[] blocks, BlockEntry[] parity, int dataCount, int eventCount)
    {
        (Blocks, Parity, DataCount, EventCount) = (blocks, parity, dataCount, eventCount);
        foreach (var block in blocks) MemoryBytes += 88 + block.First.Key.Length;
        MemoryBytes += parity.Length * 56L;
    }

    public BlockEntry[] Blocks { get; }

    /// <summary>One for each stripe of 16 blocks, behind its blocks.</summary>
    public BlockEntry[] Parity { get; }

    public int DataCount { get; }

    public int EventCount { get; }

    public int PostingStart => DataCount + EventCount;

    public long MemoryBytes { get; }

    public static void Write(ByteWriter writer, List<BlockEntry> blocks, List<BlockEntry> parity, int dataCount, int eventCount)
    {
        writer.VarUInt((ulong)blocks.Count);
        writer.VarUInt((ulong)dataCount);
        writer.VarUInt((ulong)eventCount);
        foreach (var block in blocks)
        {
            writer.VarUInt((ulong)block.StoredBytes);
            writer.VarUInt((ulong)block.RawBytes);
            writer.UInt32(block.Checksum);
            writer.Block(block.First.Key);
            writer.VarUInt(block.First.Number);
            writer.VarUInt(block.First.At);
            writer.VarUInt(block.First.RecordedAt);
        }

        foreach (var entry in parity) writer.UInt32(entry.Checksum);
    }

    /// <param name="end">Where the last block must end.</param>
    /// <exception cref="MalformedBytesException">The bytes are no block index of this file.</exception>
    public static BlockIndex Read(ReadOnlySpan<byte> bytes, long end)
    {
        var reader = new ByteReader(bytes);
        var blocks = new BlockEntry[reader.Count(10)];
        var (dataCount, eventCount) = (reader.VarLong(), reader.VarLong());
        if (dataCount < 1 || dataCount > blocks.Length || eventCount > blocks.Length - dataCount)
            throw new MalformedBytesException("block counts do not add up");
        var parity = new BlockEntry[(blocks.Length + SegmentFormat.StripeBlocks - 1) / SegmentFormat.StripeBlocks];
        var (offset, longest) = ((long)SegmentFormat.HeaderBytes, 0);
        for (var i = 0; i < blocks.Length; i++)
        {
            var stored = Size(reader.VarLong());
            var (raw, checksum) = (RawSize(reader.VarLong(), stored), reader.UInt32());
            var first = new FirstRow(reader.Block().ToArray(), reader.VarLong(), reader.VarLong(), reader.VarLong());
            blocks[i] = new BlockEntry(offset, stored, raw, checksum, first);
            offset += stored;
            longest = Math.Max(longest, stored);
            if ((i + 1) % SegmentFormat.StripeBlocks != 0 && i + 1 != blocks.Length) continue;
            parity[i / SegmentFormat.StripeBlocks] = new BlockEntry(offset, longest, longest, 0, FirstRow.None);
            offset += longest;
            longest = 0;
        }

        for (var i = 0; i < parity.Length; i++) parity[i] = parity[i] with { Checksum = reader.UInt32() };
        reader.End();
        if (offset != end) throw new MalformedBytesException($"blocks end at {offset}, not at {end}");
        return new BlockIndex(blocks, parity, (int)dataCount, (int)eventCount);
    }

    /// <summary>Length after decompression, which is allocated before it is known to be right: no LZ4 block grows to more than this.</summary>
    /// <exception cref="MalformedBytesException">So many bytes cannot come out of the stored ones.</exception>
    internal static int RawSize(long bytes, int stored) => bytes <= (long)stored * Lz4GrowthMax
        ? Size(bytes)
        : throw new MalformedBytesException($"a block of {bytes} bytes out of {stored}");

    private static int Size(long bytes) => bytes is > 0 and <= SegmentFormat.BlockRawBytesMax
        ? (int)bytes
        : throw new MalformedBytesException($"a block of {bytes} bytes");
}
