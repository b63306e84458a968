using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;

namespace EntityActors.Storage.Shards;

/// <summary>Third step of a checkpoint: opens what was written afresh, through the reader, and compares it with what was meant.</summary>
public static class CheckpointValidator
{
    /// <exception cref="CheckpointInvalidException">Something differs; the message names the first finding.</exception>
    /// <exception cref="StaleEpochException">A newer owner exists.</exception>
    public static void Validate(NodeStore store, CheckpointPlan plan, CheckpointResult result)
    {
        try
        {
            ValidateHeader(plan, result.Header, result.Erased);
            // A newer owner removes a segment that no header refers to.
            if (result.Segment is { } info) _ = store.Log.AsOwner(plan.Shard, plan.Epoch, () => ValidateSegment(store, plan, info));
        }
        catch (CorruptDataException damage)
        {
            throw new CheckpointInvalidException(plan.Shard, damage.Message, damage);
        }
        catch (StoreIoException failure)
        {
            throw new CheckpointInvalidException(plan.Shard, failure.Message, failure);
        }

        if (!store.Log.IsStillOwner(plan.Shard, plan.Epoch)) throw new StaleEpochException(plan.Shard, plan.Epoch);
    }

    private static void ValidateHeader(CheckpointPlan plan, ShardHeader header, Erasure erased)
    {
        if (header.Problem() is { } problem) throw Invalid(plan, $"a header where {problem}");
        // A header must survive its own codec before anything may rest on it.
        var again = ShardHeader.Decode(header.Encode(), "the new header");
        Check(plan, again.Encode().AsSpan().SequenceEqual(header.Encode()), "the header changes when it is read back");
        Check(plan, header.Sequence == plan.Sequence, "the header covers another event than was frozen");
        Check(plan, header.Follows == (plan.HeaderSnapshot?.Name ?? default), "the header follows another one than was in force");
        if (plan.HeaderSnapshot is not { } before) return;
        Check(plan, header.Sequence >= before.Sequence, "the sequence number falls");
        Check(plan, header.Clock >= before.Clock, "the clock falls");
        Check(plan, header.Generation > before.Generation, "the generation does not rise");
        Check(plan, header.NextOrdinal >= before.NextOrdinal, "the next ordinal falls");
        var added = plan.Frozen;
        Check(plan, header.EntityCount == before.EntityCount + (added?.NewEntityCount ?? 0) - erased.NewEntityCount, "the entity count is not the sum");
        Check(plan, header.ChangeCount == before.ChangeCount + (added?.ChangeCount ?? 0) - erased.ChangeCount, "the change count is not the sum");
        Check(plan, header.TagCount == before.TagCount + (added?.TagsAddedCount ?? 0) - (added?.TagsRemovedCount ?? 0) - erased.TagCount,
            "the tag count is not the sum");
    }

    private static bool ValidateSegment(NodeStore store, CheckpointPlan plan, SegmentInfo info)
    {
        if (plan.Frozen is { } frozen)
        {
            Check(plan, info.EntityCount == frozen.EntityCount, "the segment does not hold every entity of the memtable");
            Check(plan, info.ChangeCount == frozen.ChangeCount, "the segment does not hold every change of the memtable");
            Check(plan, info.NewEntityCount == frozen.NewEntityCount, "the segment counts other new entities than the memtable");
            Check(plan, info.TagsAddedCount == frozen.TagsAddedCount && info.TagsRemovedCount == frozen.TagsRemovedCount,
                "the segment counts other tags than the memtable");
        }

        // A cache of its own that keeps nothing: every byte comes from the file, and a repaired block is a finding here.
        string? first = null;
        using var segment = Segment.Open(store.Files, store.Layout.Segment(plan.Shard, info.Id), info, new BlockCache(0),
            repaired => first ??= $"a block was written wrong: {repaired}");
        segment.Verify(finding => first ??= finding);
        return first is null ? true : throw Invalid(plan, first);
    }

    private static void Check(CheckpointPlan plan, bool holds, string finding)
    {
        if (!holds) throw Invalid(plan, finding);
    }

    private static CheckpointInvalidException Invalid(CheckpointPlan plan, string finding) => new(plan.Shard, finding);
}
