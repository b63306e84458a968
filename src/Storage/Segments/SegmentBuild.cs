using EntityActors.Storage.Format;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Segments;

/// <summary>State of writing one segment: turns entities into rows, rows into blocks, and counts.</summary>
internal sealed class SegmentBuild(
    SegmentFileWriter file, SegmentId id, SequenceNumber first, SequenceNumber last, SegmentOptions options)
{
    private readonly BlockBuilder _block = new();
    private readonly ByteWriter _row = new(4096);
    private readonly PostingBuilder _postings = new();
    private readonly List<ulong> _hashes = [];
    private readonly List<(uint Ordinal, int Block)> _ordinals = [];
    private FirstRow _firstRow;
    private byte[] _firstKey = [];
    private byte[] _lastKey = [];
    private long _newCount;
    private long _changeCount;
    private long _addedCount;
    private long _removedCount;
    private Timestamp _maxAt;
    private Timestamp _maxRecordedAt;

    public void Add(SegmentEntity entity)
    {
        var key = entity.After.Key.ToBytes();
        Invariant.Check(_hashes.Count == 0 || _lastKey.AsSpan().SequenceCompareTo(key) < 0, "entities of a segment must be sorted");
        if (_hashes.Count == 0) _firstKey = key;
        _lastKey = key;
        _hashes.Add(BloomFilter.HashOf(key));
        Invariant.Check(!entity.IsPurged || entity.Before is null, "nothing of what was before a purge is written");
        if (entity.Before is null && !entity.IsPurged) _newCount++;

        _row.Clear();
        _row.Byte((byte)(entity.IsPurged ? RowKind.PurgedHead : entity.IsTrimmed ? RowKind.TrimmedHead
            : entity.Before is null ? RowKind.NewHead : RowKind.ContinuedHead));
        _row.Block(key);
        ChangeCodec.WriteHead(_row, entity.After);
        if (entity.Before is not null) ChangeCodec.WriteHead(_row, entity.Before);
        AddRow(new FirstRow(key, 0, 0, 0));
        _ordinals.Add((entity.After.Ordinal, file.BlockCount));

        var (state, count) = (entity.Before, 0L);
        foreach (var change in entity.Changes) state = AddChange(key, state, change, count++);
        Invariant.Check(!entity.IsTrimmed || entity.Before is null, "nothing of what was before a base is written");
        Invariant.Check(!entity.IsPurged || count == 1, "of a purged entity the purge alone is written");
        Invariant.Check(count > 0 && state!.Revision == entity.After.Revision && state.RecordedAt == entity.After.RecordedAt,
            "the changes of an entity must lead to its head");
    }

    public SegmentInfo Finish()
    {
        Invariant.Check(_hashes.Count > 0, "a segment holds at least one entity");
        EndBlock();
        var dataCount = file.BlockCount;
        var rows = WriteEvents();
        var eventCount = file.BlockCount - dataCount;
        foreach (var row in rows)
        {
            _row.Clear();
            PostingRow.Write(_row, row.Chunk, row.Block, row.Row);
            AddRow(new FirstRow(row.Chunk.Key, row.Chunk.High, 0, 0));
        }

        EndBlock();
        var info = new SegmentInfo(id, 0, 0, _firstKey, _lastKey, _hashes.Count, _newCount, _changeCount, _addedCount,
            _removedCount, first, last, _maxAt, _maxRecordedAt);
        var properties = new ByteWriter();
        info.WriteFacts(properties);
        var ordinals = new ByteWriter();
        OrdinalDirectory.Write(ordinals, _ordinals, dataCount);
        var (length, checksum) = file.Finish(id, properties.Written, dataCount, eventCount,
            BloomFilter.Build(_hashes, options.BloomBitsPerKey), ordinals.Written);
        return info with { LengthBytes = length, Checksum = checksum };
    }

    private EntityHead AddChange(byte[] key, EntityHead? before, Change change, long index)
    {
        Invariant.Check(change.Sequence >= first && change.Sequence <= last, "a change must belong to the events its segment covers");
        var after = EntityHead.Apply(before, change);
        var keyframe = index > 0 && index % SegmentFormat.KeyframeInterval == 0;
        _row.Clear();
        _row.Byte((byte)(keyframe ? RowKind.Keyframe : RowKind.Change));
        _row.Block(key);
        _row.VarUInt(change.Ordinal);
        ChangeCodec.WriteChange(_row, change);
        if (keyframe) ChangeCodec.WriteHead(_row, after);
        AddRow(new FirstRow(key, change.Revision, change.At.Nanoseconds, change.RecordedAt.Nanoseconds));
        _postings.Add(before, change);
        _changeCount++;
        _addedCount += change.Added.Length;
        _removedCount += change.Removed.Length;
        if (change.At > _maxAt) _maxAt = change.At;
        if (change.RecordedAt > _maxRecordedAt) _maxRecordedAt = change.RecordedAt;
        return after;
    }

    private List<(PostingChunk Chunk, int Block, int Row)> WriteEvents()
    {
        var rows = new List<(PostingChunk, int, int)>();
        foreach (var chunk in _postings.Chunks())
        {
            for (var start = 0; start < chunk.Events.Count; start += SegmentFormat.EventsPerRow)
            {
                _row.Clear();
                PostingRow.WriteEvents(_row, chunk.Events.AsSpan(start, Math.Min(SegmentFormat.EventsPerRow, chunk.Events.Count - start)));
                AddRow(FirstRow.None);
                if (start == 0) rows.Add((chunk, file.BlockCount, _block.RowCount - 1));
            }
        }

        EndBlock();
        return rows;
    }

    // Ends the block before a row that would overfill it, so a large row has a block of its own.
    private void AddRow(FirstRow position)
    {
        Invariant.Check(_row.Length <= SegmentFormat.RowBytesMax, "a row of a segment is bounded");
        if (_block.RowCount > 0 && _block.RowBytes + _row.Length > options.BlockBytes) EndBlock();
        if (_block.RowCount == 0) _firstRow = position;
        _block.Add(_row.Written);
    }

    private void EndBlock()
    {
        if (_block.RowCount == 0) return;
        file.AddBlock(_block.Finish(), _firstRow);
        _block.Clear();
    }
}
