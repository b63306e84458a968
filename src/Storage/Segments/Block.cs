using System.Buffers.Binary;
using EntityActors.Storage.Format;

namespace EntityActors.Storage.Segments;

/// <summary>A block after checksum and decompression. Immutable, so slices of it may be handed out.</summary>
internal sealed class Block : ICachedItem
{
    private readonly byte[] _bytes;
    private readonly int _table;

    /// <exception cref="MalformedBytesException">The row table does not fit the bytes.</exception>
    public Block(byte[] bytes)
    {
        if (bytes.Length < 2 * sizeof(uint)) throw new MalformedBytesException("a block too short for its row table");
        var count = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(bytes.Length - sizeof(uint)));
        if (count == 0 || count > (uint)(bytes.Length / sizeof(uint)) - 1)
            throw new MalformedBytesException($"{count} rows in a block of {bytes.Length} bytes");
        (_bytes, RowCount) = (bytes, (int)count);
        _table = bytes.Length - ((RowCount + 1) * sizeof(uint));
        var last = 0U;
        for (var i = 0; i < RowCount; i++)
        {
            var start = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(_table + (i * sizeof(uint))));
            if (i == 0 ? start != 0 : start <= last) throw new MalformedBytesException("rows of a block out of order");
            last = start;
        }

        if (last >= (uint)_table) throw new MalformedBytesException("a row beyond the end of its block");
    }

    public int RowCount { get; }

    public int LengthBytes => _bytes.Length;

    public ReadOnlySpan<byte> Row(int index) => _bytes.AsSpan(Start(index)..End(index));

    public ReadOnlyMemory<byte> RowMemory(int index) => _bytes.AsMemory(Start(index)..End(index));

    private int Start(int index) => (int)BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(_table + (index * sizeof(uint))));

    private int End(int index) => index + 1 < RowCount ? Start(index + 1) : _table;
}
