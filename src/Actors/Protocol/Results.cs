using System.Collections.Immutable;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Protocol;

/// <summary>Where a change was made durable.</summary>
/// <param name="Sequence">Event of the shard's journal; several changes made durable together share it.</param>
/// <param name="Duplicate">The command id had been applied before; the rest is the first answer.</param>
public sealed record Commit(EntityKey Key, long Revision, Timestamp At, ShardId Shard, SequenceNumber Sequence, bool Duplicate)
{
    /// <summary>The change was the entity's first.</summary>
    public bool Created => Revision == 1;
}

/// <summary>Outcome of a command.</summary>
public abstract record CommandResult
{
    private CommandResult()
    {
    }

    public sealed record Committed(Commit Commit) : CommandResult;

    public sealed record Refused(Refusal Refusal) : CommandResult;
}

/// <summary>Outcome of a transaction.</summary>
public abstract record TransactionResult
{
    private TransactionResult()
    {
    }

    /// <param name="Commits">Of each operation, in their order.</param>
    public sealed record Committed(ImmutableArray<Commit> Commits) : TransactionResult;

    /// <param name="Operation">Index of the operation that was refused; none was applied.</param>
    public sealed record Refused(int Operation, Refusal Refusal) : TransactionResult;
}

/// <summary>State of an entity at one moment, with its content if it was asked for and there is one.</summary>
public sealed record EntitySnapshot(EntityHead Head, Content? Content);

/// <param name="From">Changes with at ≥ this; null from the first.</param>
/// <param name="To">Changes with at ≤ this; null to the last.</param>
/// <param name="AfterRevision">Changes after this revision (the cursor of the page before); 0 from the first.</param>
public sealed record HistoryQuery(EntityKey Key, Timestamp? From, Timestamp? To, long AfterRevision, int Limit)
{
    public const int LimitMax = 1_000;
}

/// <param name="Exists">There is or was such an entity.</param>
/// <param name="HasMore">The next page starts after the last revision here.</param>
public sealed record HistoryPage(ImmutableArray<Change> Changes, bool Exists, bool HasMore);

/// <param name="AsOf">Moment to ask about; null is now. Pages after the first take it from the cursor.</param>
/// <param name="Cursor">Opaque text of the page before; null for the first page.</param>
/// <param name="WithContent">Whether items carry their content.</param>
public sealed record EntityQuery(TagQuery Query, Timestamp? AsOf, int Limit, string? Cursor, bool Count, bool WithContent)
{
    public const int LimitMax = 1_000;

    /// <summary>Most matches of one shard that are sorted; a query with more is refused.</summary>
    public const int SortedCountMax = 200_000;

    /// <summary>Null for the order shard, then creation.</summary>
    public EntitySort? Sort { get; init; }

    /// <summary>Whether shards that do not answer are left out and named in the result. Otherwise one of them fails the query.</summary>
    /// <remarks>A shard that was left out of one page is left out of all that follow, also when it answers again: they are pages of one result.</remarks>
    public bool AllowsMissingShards { get; init; }
}

/// <param name="Cursor">Null on the last page.</param>
/// <param name="Total">Number of all matches, when it was asked for; without those of <see cref="MissingShards"/>.</param>
public sealed record EntityPage(ImmutableArray<EntitySnapshot> Items, string? Cursor, long? Total)
{
    /// <summary>
    /// Shards that were left out of this page or one before it, in order: what they hold is missing from here on. Those of the last page are missing
    /// from the whole result.
    /// </summary>
    public ImmutableArray<ShardId> MissingShards { get; init; } = [];
}

/// <param name="After">Tags after this one (the cursor of the page before); null from the first.</param>
public sealed record TagListQuery(string Dataset, string Prefix, Timestamp? AsOf, string? After, int Limit)
{
    public const int LimitMax = 10_000;

    /// <summary>Whether shards that do not answer are left out and named in the result. Each page has its own moment, so also shards of its own.</summary>
    public bool AllowsMissingShards { get; init; }
}

public sealed record TagCount(string Tag, long Count);

public sealed record TagPage(ImmutableArray<TagCount> Items, bool HasMore)
{
    /// <summary>Shards that are not in the counts of this page, in order.</summary>
    public ImmutableArray<ShardId> MissingShards { get; init; } = [];
}

/// <summary>What a client has to know of a store before it sends its first command.</summary>
/// <param name="ShardCount">Fixed for the life of the store: <see cref="EntityKey.ShardOf"/> takes it.</param>
/// <param name="Limits">Of one entity and one change, as the node that answered has them.</param>
public sealed record StoreDescription(int ShardCount, EntityLimits Limits);

/// <summary>What a shard is doing.</summary>
public enum ShardStatus
{
    Unknown = 1,
    Recovering = 2,
    Serving = 3,
    Degraded = 4,
    Quarantined = 5,
}

/// <summary>One shard as its owner sees it. Numbers are null where they are not known; unknown is never shown as 0.</summary>
/// <param name="Detail">Why the shard is degraded or quarantined.</param>
/// <param name="Generation">Generation of the newest committed header; 0 before the first checkpoint.</param>
/// <param name="CheckpointedSequence">Last event covered by that header.</param>
/// <param name="MemtableBytes">Estimated bytes of changes not yet in a segment.</param>
public sealed record ShardState(
    ShardId Shard, ShardStatus Status, string? Detail, string? Node, long? Epoch, long? Generation, long? Sequence,
    long? CheckpointedSequence, long? EntityCount, long? TagCount, int? SegmentCount, long? SegmentBytes, long? MemtableBytes,
    long CheckpointsCommitted, long CheckpointsRestored, long Restarts);

/// <param name="Committed">False when validation failed and the header snapshot was restored; <paramref name="Detail"/> says why.</param>
public sealed record CheckpointOutcome(ShardId Shard, bool Committed, long Generation, string Detail);

/// <param name="Findings">One sentence for each fault that is there; empty when every byte is as it should be.</param>
/// <param name="Repaired">One sentence for each fault that was mended.</param>
/// <param name="Remedy">What ends those of the findings that a repair of files cannot.</param>
public sealed record VerifyOutcome(
    ShardId Shard, ImmutableArray<string> Findings, ImmutableArray<string> Repaired, VerifyRemedy Remedy, long BytesChecked);

/// <summary>What the owner of a shard can do about damage that something else stands in for.</summary>
public enum VerifyRemedy
{
    /// <summary>Nothing is needed, or nothing helps.</summary>
    None = 1,

    /// <summary>Two checkpoints: new headers take the place of damaged ones.</summary>
    Checkpoints = 2,

    /// <summary>Two checkpoints, then a new epoch of every shard of the node: damaged events of the log lie before what counts then.</summary>
    CheckpointsAndRestart = 3,
}
