using EntityActors.Storage.Format;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Segments;

/// <summary>A row of a data block: what it takes to find it, and how to read the rest.</summary>
internal readonly ref struct DataRow
{
    private readonly int _body;
    private readonly ReadOnlySpan<byte> _bytes;

    /// <exception cref="MalformedBytesException">The bytes are no row.</exception>
    public DataRow(ReadOnlySpan<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        _bytes = bytes;
        Kind = (RowKind)reader.Byte();
        Key = reader.Block();
        _body = reader.Offset;
        if (Kind is < RowKind.NewHead or > RowKind.TrimmedHead) throw new MalformedBytesException($"unknown row kind {(byte)Kind}");
        if (IsHead) return;
        Ordinal = reader.VarUInt32();
        _body = reader.Offset;
        (Revision, At, RecordedAt) = ChangeCodec.PeekChange(ref reader);
    }

    public RowKind Kind { get; }

    public ReadOnlySpan<byte> Key { get; }

    public bool IsHead => Kind is RowKind.NewHead or RowKind.ContinuedHead or RowKind.PurgedHead or RowKind.TrimmedHead;

    /// <summary>Of a change; 0 for a head.</summary>
    public uint Ordinal { get; }

    /// <summary>Of a change; 0 for a head, which so sorts before the changes.</summary>
    public long Revision { get; }

    public Timestamp At { get; }

    public Timestamp RecordedAt { get; }

    public uint HeadOrdinal
    {
        get
        {
            var reader = new ByteReader(_bytes[_body..]);
            return reader.VarUInt32();
        }
    }

    /// <exception cref="MalformedBytesException">The bytes are no key.</exception>
    public static EntityKey ReadKey(ReadOnlySpan<byte> bytes) => EntityKey.TryFromBytes(bytes, out var key)
        ? key
        : throw new MalformedBytesException("a key that is not a dataset, a zero byte and an id");

    public EntityHead ReadHead(EntityKey key)
    {
        var reader = new ByteReader(_bytes[_body..]);
        return ChangeCodec.ReadHead(ref reader, key);
    }

    public (EntityHead? Before, EntityHead After) ReadHeads(EntityKey key)
    {
        var reader = new ByteReader(_bytes[_body..]);
        var after = ChangeCodec.ReadHead(ref reader, key);
        var before = Kind == RowKind.ContinuedHead ? ChangeCodec.ReadHead(ref reader, key) : null;
        reader.End();
        return (before, after);
    }

    /// <param name="memory">The row's memory when content may stay a slice of it; empty for a copy.</param>
    public Change ReadChange(EntityKey key, ReadOnlyMemory<byte> memory, out EntityHead? keyframe)
    {
        var reader = new ByteReader(_bytes[_body..]);
        var change = ChangeCodec.ReadChange(ref reader, key, Ordinal, memory.IsEmpty ? memory : memory[_body..]);
        keyframe = Kind == RowKind.Keyframe ? ChangeCodec.ReadHead(ref reader, key) : null;
        reader.End();
        return change;
    }
}
