using EntityActors.Storage.Format;

namespace EntityActors.Storage.Segments;

/// <summary>Collects the rows of one block: the rows, then where each begins, then their number.</summary>
internal sealed class BlockBuilder
{
    private readonly ByteWriter _rows = new(64 * 1024);
    private readonly List<int> _starts = [];

    public int RowCount => _starts.Count;

    public int RowBytes => _rows.Length;

    public void Add(ReadOnlySpan<byte> row)
    {
        _starts.Add(_rows.Length);
        _rows.Bytes(row);
    }

    /// <summary>Bytes of the block, valid until <see cref="Clear"/>.</summary>
    public ReadOnlySpan<byte> Finish()
    {
        foreach (var start in _starts) _rows.UInt32((uint)start);
        _rows.UInt32((uint)_starts.Count);
        return _rows.Written;
    }

    public void Clear()
    {
        _rows.Clear();
        _starts.Clear();
    }
}
