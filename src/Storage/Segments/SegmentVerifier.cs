using EntityActors.Storage.Format;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Segments;

/// <summary>Checks one segment against itself: bytes, order, histories, and the indexes recomputed from the rows.</summary>
internal sealed class SegmentVerifier(SegmentFile file, SegmentRows rows, SegmentPostings postings, Action<string> finding, Action<Change>? verified)
{
    private readonly PostingBuilder _expected = new();
    private readonly HashSet<uint> _ordinals = [];
    private long _entities;
    private long _new;
    private long _changes;
    private long _added;
    private long _removed;
    private byte[] _first = [];
    private byte[] _last = [];
    private Timestamp _maxAt;
    private Timestamp _maxRecordedAt;

    public void Run()
    {
        foreach (var _ in file.Check(place => finding(place.In(file.Path))))
        {
        }

        try
        {
            var (at, block) = (0, file.Load(0, keep: false));
            var state = new Walk();
            while (true)
            {
                for (var i = 0; i < block.RowCount; i++) CheckRow(at, i, block, state);
                if (++at == file.Index.DataCount) break;
                block = file.Load(at, keep: false);
            }

            EndEntity(state);
            CheckInfo();
            CheckPostings();
        }
        catch (StoreException cause) when (cause is CorruptDataException or MalformedBytesException)
        {
            finding(cause.Message);
        }
    }

    private void CheckRow(int blockIndex, int rowIndex, Block block, Walk walk)
    {
        var row = new DataRow(block.Row(rowIndex));
        if (rowIndex == 0) CheckFirst(blockIndex, row);
        if (row.IsHead)
        {
            EndEntity(walk);
            BeginEntity(blockIndex, row, walk);
            return;
        }

        if (walk.After is null || !row.Key.SequenceEqual(_last))
        {
            Report(blockIndex, "a change does not follow the head of its entity");
            return;
        }

        var change = row.ReadChange(walk.Key, block.RowMemory(rowIndex), out var keyframe);
        if (!Follows(walk.State, change)) Report(blockIndex, $"revision {change.Revision} of {walk.Key} does not follow its predecessor");
        else CheckChange(blockIndex, walk, change, keyframe);
    }

    private void CheckChange(int block, Walk walk, Change change, EntityHead? keyframe)
    {
        var before = walk.State;
        var after = EntityHead.Apply(before, change);
        var isKeyframe = walk.Changes > 0 && walk.Changes % SegmentFormat.KeyframeInterval == 0;
        if (isKeyframe != keyframe is not null || (keyframe is not null && !Same(keyframe, after)))
            Report(block, $"the state written at revision {change.Revision} of {walk.Key} is not the fold of the changes");
        if (change.Ordinal != walk.After!.Ordinal) Report(block, $"revision {change.Revision} of {walk.Key} has another ordinal");
        if (change.IsBase != (walk.IsTrimmed && walk.Changes == 0))
            Report(block, $"revision {change.Revision} of {walk.Key} is a base where none belongs, or none where one does");
        if (!change.IsBase && change.ContentRevision != (change.Content is null ? before?.ContentRevision ?? 0 : change.Revision))
            Report(block, $"revision {change.Revision} of {walk.Key} names a wrong content revision");
        if (change.IsBase && (change.ContentRevision > change.Revision || !change.Removed.IsEmpty || change.Content is { IsCleared: true }))
            Report(block, $"revision {change.Revision} of {walk.Key} names a wrong content revision");
        if (change.Sequence < file.Info.FirstSequence || change.Sequence > file.Info.LastSequence)
            Report(block, $"revision {change.Revision} of {walk.Key} is of event {change.Sequence}, which the segment does not cover");
        foreach (var tag in change.Added)
        {
            if (before is not null && TagSet.Contains(before.Tags, tag)) Report(block, $"{walk.Key} adds a tag it holds: {tag}");
        }

        foreach (var tag in change.Removed)
        {
            if (before is null || !TagSet.Contains(before.Tags, tag)) Report(block, $"{walk.Key} removes a tag it does not hold: {tag}");
        }

        _expected.Add(before, change);
        verified?.Invoke(change);
        (walk.State, walk.Changes) = (after, walk.Changes + 1);
        _changes++;
        _added += change.Added.Length;
        _removed += change.Removed.Length;
        if (change.At > _maxAt) _maxAt = change.At;
        if (change.RecordedAt > _maxRecordedAt) _maxRecordedAt = change.RecordedAt;
    }

    private void BeginEntity(int block, DataRow row, Walk walk)
    {
        var key = row.Key.ToArray();
        if (_entities == 0) _first = key;
        else if (_last.AsSpan().SequenceCompareTo(key) >= 0) Report(block, "entities are not in the order of their keys");
        _last = key;
        walk.Key = DataRow.ReadKey(key);
        (walk.State, walk.After) = row.ReadHeads(walk.Key);
        walk.Changes = 0;
        walk.IsTrimmed = row.Kind == RowKind.TrimmedHead;
        walk.Block = block;
        _entities++;
        if (walk.State is null && row.Kind != RowKind.PurgedHead) _new++;
        if (row.Kind == RowKind.PurgedHead != (walk.After.Lifecycle == Lifecycle.Purged))
            Report(block, $"the head of {walk.Key} is of another kind than its state");
        if (!_ordinals.Add(walk.After.Ordinal)) Report(block, $"ordinal {walk.After.Ordinal} belongs to two entities");
        if (file.Ordinals.BlockOf(walk.After.Ordinal) != block) Report(block, $"the ordinal directory does not lead to {walk.Key}");
        if (!file.Bloom.MightContain(BloomFilter.HashOf(key))) Report(block, $"the bloom filter denies {walk.Key}");
        if (rows.Seek(key, 0, AsOf.Everything).IsNone) Report(block, $"a search does not find {walk.Key}");
    }

    private void EndEntity(Walk walk)
    {
        if (walk.After is null) return;
        if (walk.Changes == 0) Report(walk.Block, $"{walk.Key} has no change");
        else if (!Same(walk.State!, walk.After)) Report(walk.Block, $"the head of {walk.Key} is not the fold of its changes");
        else if (walk.After.Lifecycle == Lifecycle.Purged && walk.Changes != 1) Report(walk.Block, $"{walk.Key} was purged, and changes of it are still here");
        walk.After = null;
    }

    private void CheckFirst(int block, DataRow row)
    {
        var first = file.Index.Blocks[block].First;
        if (!row.Key.SequenceEqual(first.Key) || row.Revision != first.Number || row.At.Nanoseconds != first.At
            || row.RecordedAt.Nanoseconds != first.RecordedAt) Report(block, "the block index names another first row");
    }

    private void CheckInfo()
    {
        var info = file.Info;
        var found = info with
        {
            FirstKey = _first,
            LastKey = _last,
            EntityCount = _entities,
            NewEntityCount = _new,
            ChangeCount = _changes,
            TagsAddedCount = _added,
            TagsRemovedCount = _removed,
            MaxAt = _maxAt,
            MaxRecordedAt = _maxRecordedAt,
        };
        if (!found.Equals(info)) finding($"{file.Path}: counts and bounds are {found}, but the header says {info}");
        if (file.Ordinals.Count != _entities) finding($"{file.Path}: the ordinal directory has {file.Ordinals.Count} of {_entities} entities");
    }

    private void CheckPostings()
    {
        using var stored = postings.ReadAll().GetEnumerator();
        var (block, row) = (file.Index.DataCount, 0);
        foreach (var chunk in _expected.Chunks())
        {
            if (!stored.MoveNext())
            {
                finding($"{file.Path}: postings end before tag {DataRow.ReadKey(chunk.Key)}");
                return;
            }

            var writer = new ByteWriter();
            PostingRow.Write(writer, chunk, stored.Current.Row.EventBlock, stored.Current.Row.EventRow);
            var reader = new ByteReader(writer.Written);
            _ = PostingRow.ReadKey(ref reader, out _);
            var expected = PostingRow.ReadBody(ref reader);
            var found = stored.Current.Row;
            if (!stored.Current.Key.AsSpan().SequenceEqual(chunk.Key) || stored.Current.High != chunk.High
                || expected.Earliest != found.Earliest || expected.Latest != found.Latest || expected.EventCount != found.EventCount
                || !expected.Held.SetEquals(found.Held) || !expected.Gone.SetEquals(found.Gone)
                || (found.EventBlock, found.EventRow) != (block, row)
                || !stored.Current.Events.AsSpan().SequenceEqual(chunk.Events))
            {
                finding($"{file.Path}: the posting of {DataRow.ReadKey(chunk.Key)} is not what the rows say");
                return;
            }

            var eventRows = (chunk.Events.Count + SegmentFormat.EventsPerRow - 1) / SegmentFormat.EventsPerRow;
            for (row += eventRows; block < file.Index.PostingStart && row >= file.Load(block).RowCount; block++)
                row -= file.Load(block).RowCount;
        }

        if (stored.MoveNext()) finding($"{file.Path}: there are postings that no row accounts for");
        if (block != file.Index.PostingStart || row != 0) finding($"{file.Path}: there are events that no posting accounts for");
    }

    private void Report(int block, string problem) => finding($"{file.Path}: block {block} at byte {file.Index.Blocks[block].Offset}: {problem}");

    private static bool Follows(EntityHead? state, Change change) =>
        EntityHead.IsFollowedBy(state, change) && change.At <= change.RecordedAt;

    private static bool Same(EntityHead left, EntityHead right)
    {
        var (mine, others) = (new ByteWriter(), new ByteWriter());
        ChangeCodec.WriteHead(mine, left);
        ChangeCodec.WriteHead(others, right);
        return mine.Written.SequenceEqual(others.Written);
    }

    /// <summary>Where the walk over the rows stands.</summary>
    private sealed class Walk
    {
        public EntityKey Key;
        public EntityHead? State;
        public EntityHead? After;
        public long Changes;
        public int Block;
        public bool IsTrimmed;
    }
}
