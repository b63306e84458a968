using System.Numerics;
using EntityActors.Storage.Format;

namespace EntityActors.Storage.Indexes;

/// <summary>Set of numbers below 65,536: a sorted array while it is small, a bitmap of 8 KiB above. Not thread-safe.</summary>
internal sealed class OrdinalChunk
{
    /// <summary>At this count array and bitmap take the same space.</summary>
    public const int ArrayCountMax = 4096;

    public const int Size = 65_536;
    private const int WordCount = Size / 64;
    private const byte ArrayMark = 1;
    private const byte BitmapMark = 2;

    private ushort[]? _values = [];
    private ulong[]? _bits;

    public int Count { get; private set; }

    public int MemoryBytes => 48 + (_values is null ? WordCount * sizeof(ulong) : _values.Length * sizeof(ushort));

    public OrdinalChunk Clone()
    {
        var copy = new OrdinalChunk { Count = Count };
        copy._values = _values?.AsSpan(0, Count).ToArray();
        copy._bits = _bits?.AsSpan().ToArray();
        return copy;
    }

    public bool Contains(ushort low) => _values is null
        ? (_bits![low >> 6] & (1UL << low)) != 0
        : Find(low) >= 0;

    public bool Add(ushort low)
    {
        if (_values is null) return AddBit(low);
        var at = Count == 0 || _values[Count - 1] < low ? ~Count : Find(low);
        if (at >= 0) return false;
        if (Count == ArrayCountMax)
        {
            ToBitmap();
            return AddBit(low);
        }

        if (Count == _values.Length) Array.Resize(ref _values, Math.Max(4, Count * 2));
        Array.Copy(_values, ~at, _values, ~at + 1, Count - ~at);
        _values[~at] = low;
        Count++;
        return true;
    }

    public bool Remove(ushort low)
    {
        if (!Contains(low)) return false;
        Count--;
        if (_values is null)
        {
            _bits![low >> 6] &= ~(1UL << low);
            Normalize();
            return true;
        }

        var at = _values.AsSpan(0, Count + 1).BinarySearch(low);
        Array.Copy(_values, at + 1, _values, at, Count - at);
        return true;
    }

    public void Or(OrdinalChunk other)
    {
        if (other._values is not null)
        {
            foreach (var low in other._values.AsSpan(0, other.Count)) Add(low);
            return;
        }

        if (_values is not null) ToBitmap();
        for (var i = 0; i < WordCount; i++) _bits![i] |= other._bits![i];
        Count = CountBits();
    }

    public void And(OrdinalChunk other)
    {
        if (_values is not null)
        {
            Filter(other, keep: true);
        }
        else if (other._values is not null)
        {
            var kept = new ushort[other.Count];
            var count = 0;
            foreach (var low in other._values.AsSpan(0, other.Count))
            {
                if (Contains(low)) kept[count++] = low;
            }

            (_values, _bits, Count) = (kept, null, count);
        }
        else
        {
            for (var i = 0; i < WordCount; i++) _bits![i] &= other._bits![i];
            Count = CountBits();
            Normalize();
        }
    }

    public void AndNot(OrdinalChunk other)
    {
        if (_values is not null)
        {
            Filter(other, keep: false);
        }
        else if (other._values is not null)
        {
            foreach (var low in other._values.AsSpan(0, other.Count)) Remove(low);
        }
        else
        {
            for (var i = 0; i < WordCount; i++) _bits![i] &= ~other._bits![i];
            Count = CountBits();
            Normalize();
        }
    }

    /// <summary>Smallest member that is at least <paramref name="from"/>, or -1.</summary>
    public int Next(int from)
    {
        if (from >= Size) return -1;
        if (_values is not null)
        {
            var at = Find((ushort)from);
            if (at < 0) at = ~at;
            return at < Count ? _values[at] : -1;
        }

        var word = from >> 6;
        var rest = _bits![word] & (ulong.MaxValue << from);
        while (rest == 0)
        {
            if (++word == WordCount) return -1;
            rest = _bits[word];
        }

        return (word << 6) + BitOperations.TrailingZeroCount(rest);
    }

    public bool SetEquals(OrdinalChunk other)
    {
        if (Count != other.Count) return false;
        for (int mine = Next(0), others = other.Next(0); mine >= 0; mine = Next(mine + 1), others = other.Next(others + 1))
        {
            if (mine != others) return false;
        }

        return true;
    }

    public void Write(ByteWriter writer)
    {
        // Which form is written depends on the count alone, so that equal sets have equal bytes.
        if (Count > ArrayCountMax)
        {
            writer.Byte(BitmapMark);
            foreach (var word in _bits!) writer.UInt64(word);
            return;
        }

        writer.Byte(ArrayMark);
        writer.VarUInt((ulong)Count);
        for (var low = Next(0); low >= 0; low = Next(low + 1)) writer.UInt16((ushort)low);
    }

    /// <exception cref="MalformedBytesException">The bytes are no chunk.</exception>
    public static OrdinalChunk Read(ref ByteReader reader)
    {
        var mark = reader.Byte();
        var chunk = new OrdinalChunk();
        if (mark == BitmapMark)
        {
            chunk._values = null;
            chunk._bits = new ulong[WordCount];
            for (var i = 0; i < WordCount; i++) chunk._bits[i] = reader.UInt64();
            chunk.Count = chunk.CountBits();
            if (chunk.Count <= ArrayCountMax) throw new MalformedBytesException($"a bitmap with only {chunk.Count} ordinals");
            return chunk;
        }

        if (mark != ArrayMark) throw new MalformedBytesException($"unknown chunk mark {mark}");
        var count = reader.Count(sizeof(ushort));
        if (count > ArrayCountMax) throw new MalformedBytesException($"an array of {count} ordinals");
        chunk._values = new ushort[count];
        for (var i = 0; i < count; i++)
        {
            chunk._values[i] = reader.UInt16();
            if (i > 0 && chunk._values[i] <= chunk._values[i - 1]) throw new MalformedBytesException("ordinals out of order");
        }

        chunk.Count = count;
        return chunk;
    }

    private int Find(ushort low) => MemoryExtensions.BinarySearch((ReadOnlySpan<ushort>)_values.AsSpan(0, Count), low);

    private bool AddBit(ushort low)
    {
        ref var word = ref _bits![low >> 6];
        var bit = 1UL << low;
        if ((word & bit) != 0) return false;
        word |= bit;
        Count++;
        return true;
    }

    private void Filter(OrdinalChunk other, bool keep)
    {
        var count = 0;
        foreach (var low in _values.AsSpan(0, Count))
        {
            if (other.Contains(low) == keep) _values![count++] = low;
        }

        Count = count;
    }

    private int CountBits()
    {
        var count = 0;
        foreach (var word in _bits!) count += BitOperations.PopCount(word);
        return count;
    }

    private void ToBitmap()
    {
        var bits = new ulong[WordCount];
        foreach (var low in _values.AsSpan(0, Count)) bits[low >> 6] |= 1UL << low;
        (_bits, _values) = (bits, null);
    }

    // Half of the limit, so that a set that wavers around the limit does not convert at every step.
    private void Normalize()
    {
        if (Count > ArrayCountMax / 2) return;
        var values = new ushort[Count];
        var count = 0;
        for (var low = Next(0); low >= 0; low = Next(low + 1)) values[count++] = (ushort)low;
        (_values, _bits) = (values, null);
    }
}
