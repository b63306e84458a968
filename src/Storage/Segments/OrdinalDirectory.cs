using System.Buffers.Binary;
using EntityActors.Storage.Format;

namespace EntityActors.Storage.Segments;

/// <summary>Which ordinals a segment holds, and the data block of each one's head row. Takes 3 to 6 bytes an entity in memory.</summary>
/// <remarks>Kept as encoded: sorted low halves by chunk of 65,536, then the block numbers in as few bytes as the largest needs.</remarks>
internal sealed class OrdinalDirectory
{
    private readonly byte[] _bytes;
    private readonly int _width;
    private readonly int[] _chunkHigh;
    private readonly int[] _chunkCount;
    private readonly int[] _chunkOffset;

    /// <exception cref="MalformedBytesException">The bytes are no directory of a segment with this many data blocks.</exception>
    public OrdinalDirectory(byte[] bytes, int blockCount)
    {
        var reader = new ByteReader(bytes);
        _bytes = bytes;
        _width = reader.Byte();
        if (_width != WidthFor(blockCount)) throw new MalformedBytesException($"block numbers of {_width} bytes");
        var chunks = reader.Count(4);
        (_chunkHigh, _chunkCount, _chunkOffset) = (new int[chunks], new int[chunks], new int[chunks]);
        for (var i = 0; i < chunks; i++)
        {
            _chunkHigh[i] = reader.UInt16();
            _chunkCount[i] = reader.Count(2 + _width);
            _chunkOffset[i] = reader.Offset;
            if (_chunkCount[i] is 0 or > 65_536 || (i > 0 && _chunkHigh[i] <= _chunkHigh[i - 1]))
                throw new MalformedBytesException("chunks of the ordinal directory are not in order");
            reader.Bytes(_chunkCount[i] * (2 + _width));
            Count += _chunkCount[i];
        }

        reader.End();
    }

    public long Count { get; }

    public long MemoryBytes => _bytes.Length + (12L * _chunkHigh.Length);

    public static void Write(ByteWriter writer, List<(uint Ordinal, int Block)> entities, int blockCount)
    {
        entities.Sort(static (left, right) => left.Ordinal.CompareTo(right.Ordinal));
        var width = WidthFor(blockCount);
        writer.Byte((byte)width);
        var runs = new List<(int Start, int End)>();
        for (var i = 0; i < entities.Count; i++)
        {
            if (i == 0 || entities[i].Ordinal >> 16 != entities[i - 1].Ordinal >> 16) runs.Add((i, i + 1));
            else runs[^1] = (runs[^1].Start, i + 1);
        }

        writer.VarUInt((ulong)runs.Count);
        Span<byte> number = stackalloc byte[sizeof(uint)];
        foreach (var (start, end) in runs)
        {
            writer.UInt16((ushort)(entities[start].Ordinal >> 16));
            writer.VarUInt((ulong)(end - start));
            for (var i = start; i < end; i++) writer.UInt16((ushort)entities[i].Ordinal);
            for (var i = start; i < end; i++)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(number, (uint)entities[i].Block);
                writer.Bytes(number[..width]);
            }
        }
    }

    /// <summary>Data block that holds the head row, or -1 when the segment does not have this ordinal.</summary>
    public int BlockOf(uint ordinal)
    {
        var chunk = Array.BinarySearch(_chunkHigh, (int)(ordinal >> 16));
        if (chunk < 0) return -1;
        var count = _chunkCount[chunk];
        var lows = _bytes.AsSpan(_chunkOffset[chunk]);
        var (from, to) = (0, count);
        while (from < to)
        {
            var middle = (from + to) / 2;
            if (BinaryPrimitives.ReadUInt16LittleEndian(lows[(middle * 2)..]) < (ushort)ordinal) from = middle + 1;
            else to = middle;
        }

        if (from == count || BinaryPrimitives.ReadUInt16LittleEndian(lows[(from * 2)..]) != (ushort)ordinal) return -1;
        Span<byte> number = stackalloc byte[sizeof(uint)];
        number.Clear();
        lows.Slice((count * 2) + (from * _width), _width).CopyTo(number);
        return (int)BinaryPrimitives.ReadUInt32LittleEndian(number);
    }

    private static int WidthFor(int blockCount) => blockCount switch
    {
        <= 1 << 8 => 1,
        <= 1 << 16 => 2,
        <= 1 << 24 => 3,
        _ => 4,
    };
}
