using System.Collections.Concurrent;
using EntityActors.Storage.Format;
using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Segments;

/// <summary>The tag index of one segment, read from its posting and event blocks. Thread-safe.</summary>
internal sealed class SegmentPostings(SegmentFile file)
{
    /// <summary>Datasets whose bases are remembered; the least a store of many datasets can do is to forget.</summary>
    private const int BasesMax = 64;

    private static readonly OrdinalSet NoBases = new();

    private readonly ConcurrentDictionary<string, OrdinalSet> _bases = new(StringComparer.Ordinal);

    public void ApplyTo(OrdinalSet held, string dataset, string tag, AsOf asOf)
    {
        // What older segments say of an entity whose base is here was trimmed.
        if (!held.IsEmpty) held.AndNot(Bases(dataset));
        var key = new EntityKey(dataset, tag).ToBytes();
        for (var at = LowerBound(key); at.Block < file.Index.Blocks.Length; at = Next(at))
        {
            if (!TryRead(at, key, out var high, out var row)) return;
            if (asOf.Sees(row.Latest.At, row.Latest.RecordedAt))
            {
                held.AndNotChunk(high, row.Gone);
                held.OrChunk(high, row.Held);
            }
            else if (asOf.Sees(row.Earliest.At, row.Earliest.RecordedAt))
            {
                ApplyEvents(held, row, high, asOf);
            }
        }
    }

    /// <summary>Ordinals of the dataset's entities whose base is here. Read once; not to be changed.</summary>
    public OrdinalSet Bases(string dataset)
    {
        if (_bases.TryGetValue(dataset, out var known)) return known;
        if (_bases.Count >= BasesMax) _bases.Clear();
        return _bases[dataset] = ReadBases(dataset);
    }

    private OrdinalSet ReadBases(string dataset)
    {
        var (bases, key) = (new OrdinalSet(), new EntityKey(dataset, LifecycleTags.Trimmed).ToBytes());
        for (var at = LowerBound(key); at.Block < file.Index.Blocks.Length && TryRead(at, key, out var high, out var row); at = Next(at))
            bases.OrChunk(high, row.Held);
        return bases.IsEmpty ? NoBases : bases;
    }

    public IEnumerable<string> TagsFrom(string dataset, string prefix, string? after)
    {
        var wanted = new EntityKey(dataset, prefix).ToBytes();
        var from = after is not null && Utf8Order.CompareTexts(after, prefix) > 0 ? new EntityKey(dataset, after).ToBytes() : wanted;
        string? last = after;
        for (var at = LowerBound(from); at.Block < file.Index.Blocks.Length; at = Next(at))
        {
            var key = KeyAt(at);
            if (!key.AsSpan().StartsWith(wanted)) yield break;
            if (!EntityKey.TryFromBytes(key, out var name)) throw file.Corrupt(at.Block, "a dataset and a tag", Convert.ToHexString(key));
            var tag = name.Id;
            if (tag == last || LifecycleTags.IsPseudo(tag)) continue;
            last = tag;
            yield return tag;
        }
    }

    public IEnumerable<string> DatasetsFrom(string? after)
    {
        var from = after is null ? [] : BehindTagsOf(after);
        for (var at = LowerBound(from); at.Block < file.Index.Blocks.Length; at = LowerBound(from))
        {
            var key = KeyAt(at);
            if (!EntityKey.TryFromBytes(key, out var name)) throw file.Corrupt(at.Block, "a dataset and a tag", Convert.ToHexString(key));
            from = BehindTagsOf(name.Dataset);
            // A dataset of damaged bytes that is not behind itself would be found for ever.
            if (from.AsSpan().SequenceCompareTo(key) <= 0) throw file.Corrupt(at.Block, "datasets in order", Convert.ToHexString(key));
            yield return name.Dataset;
        }
    }

    /// <summary>Behind every key of this dataset, which go on with a zero byte, and before those of the next one.</summary>
    private static byte[] BehindTagsOf(string dataset) => [.. StrictText.Utf8.GetBytes(dataset), 1];

    /// <summary>Every posting row with its events, in order; for verification.</summary>
    public IEnumerable<(byte[] Key, ushort High, PostingRow Row, PostingEvent[] Events)> ReadAll()
    {
        for (var at = new RowPosition(file.Index.PostingStart, 0); at.Block < file.Index.Blocks.Length; at = Next(at))
        {
            var key = KeyAt(at);
            if (!TryRead(at, key, out var high, out var row)) yield break;
            yield return (key, high, row, [.. Events(row, high)]);
        }
    }

    /// <summary>Ordinals of purged entities, over all datasets.</summary>
    public OrdinalSet PurgedOrdinals()
    {
        var purged = new OrdinalSet();
        for (var at = new RowPosition(file.Index.PostingStart, 0); at.Block < file.Index.Blocks.Length; at = Next(at))
        {
            var key = KeyAt(at);
            if (!EntityKey.TryFromBytes(key, out var name) || name.Id != LifecycleTags.Purged) continue;
            if (TryRead(at, key, out var high, out var row)) purged.OrChunk(high, row.Held);
        }

        return purged;
    }

    /// <summary>Ordinals of the entities whose base is here, by dataset. Reads all posting blocks.</summary>
    public Dictionary<string, OrdinalSet> BasesByDataset()
    {
        var bases = new Dictionary<string, OrdinalSet>();
        for (var at = new RowPosition(file.Index.PostingStart, 0); at.Block < file.Index.Blocks.Length; at = Next(at))
        {
            var key = KeyAt(at);
            if (!EntityKey.TryFromBytes(key, out var name) || name.Id != LifecycleTags.Trimmed || name.Dataset == ExpiryTags.Dataset) continue;
            if (!TryRead(at, key, out var high, out var row)) continue;
            if (!bases.TryGetValue(name.Dataset, out var ordinals)) bases.Add(name.Dataset, ordinals = new OrdinalSet());
            ordinals.OrChunk(high, row.Held);
        }

        return bases;
    }

    private void ApplyEvents(OrdinalSet held, PostingRow row, ushort high, AsOf asOf)
    {
        foreach (var item in Events(row, high))
        {
            if (!asOf.Sees(item.At, item.RecordedAt)) continue;
            if (item.Added) held.Add(item.Ordinal);
            else held.Remove(item.Ordinal);
        }
    }

    private IEnumerable<PostingEvent> Events(PostingRow row, ushort high)
    {
        var (index, at, left) = (row.EventBlock, row.EventRow, row.EventCount);
        while (left > 0)
        {
            if (index < file.Index.DataCount || index >= file.Index.PostingStart)
                throw file.Corrupt(0, "events of a posting in an event block", $"block {index}");
            var block = file.Load(index);
            var events = EventsAt(block, index, at, high);
            if (events.Length > left) throw file.Corrupt(index, $"{left} more events", $"{events.Length}");
            foreach (var item in events) yield return item;
            left -= events.Length;
            if (++at < block.RowCount) continue;
            (index, at) = (index + 1, 0);
        }
    }

    private PostingEvent[] EventsAt(Block block, int index, int row, ushort high)
    {
        try
        {
            if (row >= block.RowCount) throw new MalformedBytesException($"row {row} of {block.RowCount}");
            var events = PostingRow.ReadEvents(block.Row(row), high);
            return events.Length > 0 ? events : throw new MalformedBytesException("a row without events");
        }
        catch (MalformedBytesException cause)
        {
            throw file.Corrupt(index, "events that follow the format", cause.Message);
        }
    }

    private bool TryRead(RowPosition at, ReadOnlySpan<byte> key, out ushort high, out PostingRow row)
    {
        try
        {
            var reader = new ByteReader(file.Load(at.Block).Row(at.Row));
            row = default;
            if (!PostingRow.ReadKey(ref reader, out high).SequenceEqual(key)) return false;
            row = PostingRow.ReadBody(ref reader);
            return true;
        }
        catch (MalformedBytesException cause)
        {
            throw file.Corrupt(at.Block, "postings that follow the format", cause.Message);
        }
    }

    private byte[] KeyAt(RowPosition at) => KeyIn(at.Block, file.Load(at.Block), at.Row).ToArray();

    private ReadOnlySpan<byte> KeyIn(int index, Block block, int row)
    {
        try
        {
            var reader = new ByteReader(block.Row(row));
            return PostingRow.ReadKey(ref reader, out _);
        }
        catch (MalformedBytesException cause)
        {
            throw file.Corrupt(index, "postings that follow the format", cause.Message);
        }
    }

    /// <summary>First posting row whose key is not before this one.</summary>
    private RowPosition LowerBound(ReadOnlySpan<byte> key)
    {
        var blocks = file.Index.Blocks;
        var (from, to) = (file.Index.PostingStart, blocks.Length);
        while (from < to)
        {
            var middle = (from + to) / 2;
            if (blocks[middle].First.Key.AsSpan().SequenceCompareTo(key) < 0) from = middle + 1;
            else to = middle;
        }

        if (from == file.Index.PostingStart) return new RowPosition(from, 0);
        var index = from - 1;
        var block = file.Load(index);
        (from, to) = (0, block.RowCount);
        while (from < to)
        {
            var middle = (from + to) / 2;
            if (KeyIn(index, block, middle).SequenceCompareTo(key) < 0) from = middle + 1;
            else to = middle;
        }

        return from < block.RowCount ? new RowPosition(index, from) : new RowPosition(index + 1, 0);
    }

    private RowPosition Next(RowPosition at) =>
        at.Row + 1 < file.Load(at.Block).RowCount ? at with { Row = at.Row + 1 } : new RowPosition(at.Block + 1, 0);
}
