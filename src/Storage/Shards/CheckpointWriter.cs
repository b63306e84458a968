using System.Collections.Immutable;
using EntityActors.Storage.Indexes;
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
        switch (plan.Kind)
        {
            case CheckpointKind.Flush:
                var frozen = plan.Frozen!;
                var flushed = WriteSegment(store, plan, frozen.FirstSequence, frozen.LastSequence, InKeyOrder(frozen));
                var after = segments.Add(flushed);
                return Result(plan, after, flushed, plan.Erasure.AfterFlush(frozen, plan.Source.Segments, after), new Erasure(new OrdinalSet()), []);
            case CheckpointKind.Merge:
                return Merge(store, plan);
            case CheckpointKind.HeaderOnly:
                return Result(plan, segments, null, plan.Erasure with { FollowUp = false }, new Erasure(new OrdinalSet()), []);
            default:
                throw new InvariantViolationException($"unknown checkpoint kind {plan.Kind}");
        }
    }

    private static CheckpointResult Merge(NodeStore store, CheckpointPlan plan)
    {
        // Without it the shard's end would close the files under the reads, and their descriptors may soon be other files'.
        if (!plan.Source.TryAcquire()) throw new CheckpointInvalidException(plan.Shard, "the shard has stopped, its segments are closed");
        try
        {
            var (inputs, looked) = plan.Erasure.IsTrimmingAny(plan.MergeInputs) ? Rehearse(plan) : (plan.MergeInputs, null);
            if (looked is not null)
            {
                return Result(plan, plan.HeaderSnapshot!.Segments, null,
                    plan.Erasure.AfterLook(inputs[0].Info.Id, looked, plan.RipeTrims), new Erasure(new OrdinalSet()), []);
            }

            var erased = new Erasure(plan.Erasure.Pending);
            var cut = CutOf(plan, inputs, erased);
            var entities = SegmentMerger.Merge(inputs, erased, cut);
            var merged = WriteSegment(store, plan, inputs[0].Info.FirstSequence, inputs[^1].Info.LastSequence, entities);
            var segments = plan.HeaderSnapshot!.Segments;
            var first = segments.IndexOf(segments.First(info => info.Id == inputs[0].Info.Id));
            return Result(plan, segments.RemoveRange(first, inputs.Length).Insert(first, merged), merged,
                plan.Erasure.AfterMerge(plan.Source.Segments, inputs, merged.Id, cut, plan.RipeTrims), erased,
                [.. inputs.Select(static input => input.Info.Id)]);
        }
        finally
        {
            plan.Source.Release();
        }
    }

    /// <summary>Goes through the entities without their changes, to know what a merge would leave.</summary>
    /// <returns>The plan's segments, with so many newer ones that something stays; and what was found when a single one would stay as it is.</returns>
    private static (ImmutableArray<Segment> Inputs, HistoryCut? Looked) Rehearse(CheckpointPlan plan)
    {
        var (all, inputs) = (plan.Source.Segments, plan.MergeInputs);
        while (true)
        {
            var erased = new Erasure(plan.Erasure.Pending);
            var cut = CutOf(plan, inputs, erased);
            var stays = 0L;
            foreach (var _ in SegmentMerger.Merge(inputs, erased, cut)) stays++;
            if (stays > 0) return (inputs, inputs.Length == 1 && !cut!.IsAny && erased.ChangeCount == cut.OwnCount ? cut : null);
            // What is newest of an entity always stays, so there is a newer segment.
            inputs = inputs.Add(all[all.IndexOf(inputs[^1]) + 1]);
        }
    }

    private static HistoryCut? CutOf(CheckpointPlan plan, ImmutableArray<Segment> inputs, Erasure erased) =>
        plan.Erasure.Trims.IsEmpty ? null : new HistoryCut(plan.Source, inputs, plan.RipeTrims, erased);

    private static CheckpointResult Result(CheckpointPlan plan, ImmutableArray<SegmentInfo> segments, SegmentInfo? written,
        ErasureState erasure, Erasure erased, ImmutableArray<SegmentId> merged)
    {
        var frame = plan.Frame;
        return new CheckpointResult(plan, ShardHeader.Over(frame.Shard, frame.Epoch, frame.Generation, frame.Sequence, frame.Clock,
            frame.ElapsedSeconds, frame.NextOrdinal, segments) with { Follows = plan.HeaderSnapshot?.Name ?? default, Erasure = erasure },
            written, erased, merged);
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
