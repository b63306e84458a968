using System.Collections.Immutable;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;

namespace EntityActors.Storage.Shards;

/// <summary>Second step of a checkpoint: writes the segment and drafts the header. Runs beside the shard, on immutable input.</summary>
public static class CheckpointWriter
{
    /// <exception cref="StoreIoException">The disk refused; no header refers to what was written.</exception>
    /// <exception cref="CorruptDataException">A segment to be merged is damaged; a merge never copies damage.</exception>
    public static CheckpointResult Write(NodeStore store, CheckpointPlan plan)
    {
        var segments = plan.HeaderSnapshot?.Segments ?? [];
        var erased = new Erasure(plan.Erasure.Pending);
        switch (plan.Kind)
        {
            case CheckpointKind.Flush:
                var frozen = plan.Frozen!;
                var flushed = WriteSegment(store, plan, frozen.FirstSequence, frozen.LastSequence, InKeyOrder(frozen));
                return Result(plan, segments.Add(flushed), flushed, plan.Erasure.AfterFlush(frozen, plan.Source.Segments), erased);
            case CheckpointKind.Merge:
                var inputs = plan.MergeInputs;
                var merged = Merge(store, plan, inputs, erased);
                var first = segments.IndexOf(segments.First(info => info.Id == inputs[0].Info.Id));
                return Result(plan, segments.RemoveRange(first, inputs.Length).Insert(first, merged), merged,
                    plan.Erasure.AfterMerge(plan.Source.Segments, inputs), erased);
            case CheckpointKind.HeaderOnly:
                return Result(plan, segments, null, plan.Erasure with { FollowUp = false }, erased);
            default:
                throw new InvariantViolationException($"unknown checkpoint kind {plan.Kind}");
        }
    }

    private static SegmentInfo Merge(NodeStore store, CheckpointPlan plan, ImmutableArray<Segment> inputs, Erasure erased)
    {
        // Without it the shard's end would close the files under the reads, and their descriptors may soon be other files'.
        if (!plan.Source.TryAcquire()) throw new CheckpointInvalidException(plan.Shard, "the shard has stopped, its segments are closed");
        try
        {
            return WriteSegment(store, plan, inputs[0].Info.FirstSequence, inputs[^1].Info.LastSequence, SegmentMerger.Merge(inputs, erased));
        }
        finally
        {
            plan.Source.Release();
        }
    }

    private static CheckpointResult Result(CheckpointPlan plan, ImmutableArray<SegmentInfo> segments, SegmentInfo? written,
        ErasureState erasure, Erasure erased)
    {
        var frame = plan.Frame;
        return new CheckpointResult(plan, ShardHeader.Over(frame.Shard, frame.Epoch, frame.Generation, frame.Sequence, frame.Clock,
            frame.ElapsedSeconds, frame.NextOrdinal, segments) with { Follows = plan.HeaderSnapshot?.Name ?? default, Erasure = erasure },
            written, erased);
    }

    private static SegmentInfo WriteSegment(NodeStore store, CheckpointPlan plan, SequenceNumber first, SequenceNumber last,
        IEnumerable<SegmentEntity> entities)
    {
        var info = SegmentWriter.Write(store.Files, store.Layout.Segment(plan.Shard, plan.NewSegment), plan.NewSegment, first, last,
            entities, store.Options.Segments);
        store.Files.SyncDirectory(store.Layout.Shard(plan.Shard));
        return info;
    }

    private static IEnumerable<SegmentEntity> InKeyOrder(Memtable frozen)
    {
        var entities = new (byte[] Key, MemoryEntity Entity)[frozen.EntityCount];
        var count = 0;
        foreach (var entity in frozen.Entities) entities[count++] = (entity.Current.Key.ToBytes(), entity);
        Array.Sort(entities, static (left, right) => left.Key.AsSpan().SequenceCompareTo(right.Key));
        foreach (var (_, entity) in entities)
        {
            // Of a purged entity the purge alone: nothing else of it reaches a segment any more.
            yield return entity.Current.Lifecycle == Lifecycle.Purged
                ? new SegmentEntity(null, Enumerate(entity.Changes[^1..]), entity.Current)
                : new SegmentEntity(entity.Before, Enumerate(entity.Changes), entity.Current);
        }
    }

    private static IEnumerable<Change> Enumerate(ReadOnlyMemory<Change> changes)
    {
        for (var i = 0; i < changes.Length; i++) yield return changes.Span[i];
    }
}
