using System.Collections.Immutable;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;

namespace EntityActors.Storage.Shards;

public enum CheckpointKind
{
    /// <summary>The frozen memtable becomes a segment.</summary>
    Flush = 1,

    /// <summary>Neighbouring segments become one.</summary>
    Merge = 2,

    /// <summary>The same segments under a new header, so that two headers cover them and the log before can go.</summary>
    HeaderOnly = 3,
}

/// <summary>What one checkpoint shall do, fixed when the memtable was frozen; immutable but for the files it leads to.</summary>
public sealed class CheckpointPlan
{
    internal CheckpointPlan(CheckpointKind kind, ShardHeader? headerSnapshot, Memtable? frozen, SegmentSet source,
        ImmutableArray<Segment> mergeInputs, SegmentId newSegment, ShardHeader frame)
    {
        (Kind, HeaderSnapshot, Frozen, Source) = (kind, headerSnapshot, frozen, source);
        (MergeInputs, NewSegment, Frame) = (mergeInputs, newSegment, frame);
    }

    public CheckpointKind Kind { get; }

    public ShardId Shard => Frame.Shard;

    public Epoch Epoch => Frame.Epoch;

    /// <summary>The header in force when the plan was made, to go back to when validation fails; null before the first.</summary>
    public ShardHeader? HeaderSnapshot { get; }

    /// <summary>Events up to this one will be covered.</summary>
    public SequenceNumber Sequence => Frame.Sequence;

    internal Memtable? Frozen { get; }

    /// <summary>The set that holds the inputs open; whoever reads them acquires it, since the shard may stop meanwhile.</summary>
    internal SegmentSet Source { get; }

    internal ImmutableArray<Segment> MergeInputs { get; }

    /// <summary>How far purges were erased before this checkpoint.</summary>
    internal ErasureState Erasure => HeaderSnapshot?.Erasure ?? ErasureState.None;

    /// <summary>By dataset, the trims that a merge may carry out: no command id of what they take away is within the duplicate window.</summary>
    internal IReadOnlyDictionary<string, HistoryTrim> RipeTrims { get; init; } = new Dictionary<string, HistoryTrim>();

    internal SegmentId NewSegment { get; }

    /// <summary>The new header but for its segments and counts.</summary>
    internal ShardHeader Frame { get; }
}

/// <summary>What a checkpoint wrote: a segment that is on disk, and the header to commit.</summary>
/// <param name="Segment">Null when the segments stay as they are.</param>
/// <param name="Erased">How much a merge left out.</param>
/// <param name="Merged">What the segment takes the place of: the plan's, and more where nothing of those would have stayed.</param>
public sealed record CheckpointResult(CheckpointPlan Plan, ShardHeader Header, SegmentInfo? Segment, Erasure Erased, ImmutableArray<SegmentId> Merged);

/// <summary>What was written is not what was meant. Nothing refers to it; the header snapshot stays in force.</summary>
public sealed class CheckpointInvalidException(ShardId shard, string finding, Exception? inner = null)
    : StoreException($"checkpoint of shard {shard} refused: {finding}", inner);
