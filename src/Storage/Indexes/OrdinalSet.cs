using EntityActors.Storage.Format;

namespace EntityActors.Storage.Indexes;

/// <summary>Compressed set of entity ordinals, in chunks of 65,536. Mutable, not thread-safe; layout in docs/FORMAT.md, "Segments".</summary>
public sealed class OrdinalSet
{
    private readonly List<ushort> _highs = [];
    private readonly List<OrdinalChunk> _chunks = [];

    public OrdinalSet()
    {
    }

    public OrdinalSet(IEnumerable<uint> ordinals)
    {
        foreach (var ordinal in ordinals) Add(ordinal);
    }

    public long Count
    {
        get
        {
            var count = 0L;
            foreach (var chunk in _chunks) count += chunk.Count;
            return count;
        }
    }

    public bool IsEmpty => _chunks.Count == 0;

    public bool Contains(uint ordinal)
    {
        var at = _highs.BinarySearch((ushort)(ordinal >> 16));
        return at >= 0 && _chunks[at].Contains((ushort)ordinal);
    }

    /// <returns>False when it was in the set already.</returns>
    public bool Add(uint ordinal)
    {
        var high = (ushort)(ordinal >> 16);
        var at = _highs.BinarySearch(high);
        if (at < 0)
        {
            at = ~at;
            _highs.Insert(at, high);
            _chunks.Insert(at, new OrdinalChunk());
        }

        return _chunks[at].Add((ushort)ordinal);
    }

    /// <returns>False when it was not in the set.</returns>
    public bool Remove(uint ordinal)
    {
        var at = _highs.BinarySearch((ushort)(ordinal >> 16));
        if (at < 0 || !_chunks[at].Remove((ushort)ordinal)) return false;
        DropIfEmpty(at);
        return true;
    }

    /// <summary>Adds what <paramref name="other"/> holds.</summary>
    public void Or(OrdinalSet other)
    {
        for (var i = 0; i < other._highs.Count; i++) OrChunk(other._highs[i], other._chunks[i]);
    }

    /// <summary>Keeps only what <paramref name="other"/> holds too.</summary>
    public void And(OrdinalSet other)
    {
        for (var i = _highs.Count - 1; i >= 0; i--)
        {
            var at = other._highs.BinarySearch(_highs[i]);
            if (at >= 0) _chunks[i].And(other._chunks[at]);
            if (at < 0 || _chunks[i].Count == 0) DropAt(i);
        }
    }

    /// <summary>Removes what <paramref name="other"/> holds.</summary>
    public void AndNot(OrdinalSet other)
    {
        for (var i = other._highs.Count - 1; i >= 0; i--) AndNotChunk(other._highs[i], other._chunks[i]);
    }

    public OrdinalSet Clone()
    {
        var copy = new OrdinalSet();
        copy.Or(this);
        return copy;
    }

    /// <summary>Members in ascending order, beginning with the first that is at least <paramref name="ordinal"/>.</summary>
    public IEnumerable<uint> From(uint ordinal)
    {
        var at = _highs.BinarySearch((ushort)(ordinal >> 16));
        var from = at >= 0 ? (int)(ordinal & 0xFFFF) : 0;
        for (var i = at >= 0 ? at : ~at; i < _chunks.Count; i++)
        {
            for (var low = _chunks[i].Next(from); low >= 0; low = _chunks[i].Next(low + 1))
                yield return ((uint)_highs[i] << 16) | (uint)low;
            from = 0;
        }
    }

    public void Write(ByteWriter writer)
    {
        writer.VarUInt((ulong)_chunks.Count);
        for (var i = 0; i < _chunks.Count; i++)
        {
            writer.UInt16(_highs[i]);
            _chunks[i].Write(writer);
        }
    }

    /// <exception cref="MalformedBytesException">The bytes are no set.</exception>
    public static OrdinalSet Read(ref ByteReader reader)
    {
        var set = new OrdinalSet();
        var count = reader.Count(4);
        for (var i = 0; i < count; i++)
        {
            var high = reader.UInt16();
            if (i > 0 && high <= set._highs[^1]) throw new MalformedBytesException("chunks of a set out of order");
            var chunk = OrdinalChunk.Read(ref reader);
            if (chunk.Count == 0) throw new MalformedBytesException("an empty chunk in a set");
            set._highs.Add(high);
            set._chunks.Add(chunk);
        }

        return set;
    }

    internal void OrChunk(ushort high, OrdinalChunk chunk)
    {
        if (chunk.Count == 0) return;
        var at = _highs.BinarySearch(high);
        if (at >= 0)
        {
            _chunks[at].Or(chunk);
            return;
        }

        _highs.Insert(~at, high);
        _chunks.Insert(~at, chunk.Clone());
    }

    internal void AndNotChunk(ushort high, OrdinalChunk chunk)
    {
        var at = _highs.BinarySearch(high);
        if (at < 0) return;
        _chunks[at].AndNot(chunk);
        DropIfEmpty(at);
    }

    private void DropIfEmpty(int index)
    {
        if (_chunks[index].Count == 0) DropAt(index);
    }

    private void DropAt(int index)
    {
        _highs.RemoveAt(index);
        _chunks.RemoveAt(index);
    }
}
