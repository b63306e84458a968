using System.Collections.Immutable;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Protocol;

/// <summary>A message for the owner of one shard; the shard region routes by <see cref="Shard"/>.</summary>
public interface IShardRequest
{
    ShardId Shard { get; }
}

/// <summary>One shard's part of something that is asked of all shards as of one moment.</summary>
public interface IQueryRequest : IShardRequest
{
    AsOf AsOf { get; }
}

/// <summary>Apply a command. Answers: <see cref="CommandCommitted"/>, <see cref="CommandRefused"/> or a <see cref="ShardFault"/>.</summary>
public sealed record ExecuteCommand(ShardId Shard, EntityCommand Command) : IShardRequest;

/// <summary>
/// Apply all commands of a transaction or none. Answers: <see cref="TransactionCommitted"/>, <see cref="TransactionRefused"/> or a <see cref="ShardFault"/>.
/// </summary>
public sealed record ExecuteTransaction(ShardId Shard, EntityTransaction Transaction) : IShardRequest;

/// <summary>State of one entity. Answers: <see cref="EntityFound"/> or a <see cref="ShardFault"/>.</summary>
/// <param name="AsOf">Null is now.</param>
public sealed record GetEntity(ShardId Shard, EntityKey Key, Timestamp? AsOf, bool WithContent) : IShardRequest;

/// <summary>Changes of one entity. Answers: <see cref="HistoryFound"/> or a <see cref="ShardFault"/>.</summary>
public sealed record GetHistory(ShardId Shard, HistoryQuery Query) : IShardRequest;

/// <summary>Raises the shard's clock to a query's read time. Answers: <see cref="ReadTimeRaised"/> or a <see cref="ShardFault"/>.</summary>
public sealed record RaiseReadTime(ShardId Shard, Timestamp To) : IShardRequest;

/// <summary>One shard's part of a tag query. Answers: <see cref="EntitiesFound"/> or a <see cref="ShardFault"/>.</summary>
/// <param name="FromOrdinal">Matches from this ordinal on.</param>
/// <param name="Limit">Most items in the answer; 0 asks for the count alone.</param>
public sealed record FindEntities(
    ShardId Shard, TagQuery Query, AsOf AsOf, uint FromOrdinal, int Limit, bool Count, bool WithContent) : IQueryRequest;

/// <summary>One shard's part of a tag listing. Answers: <see cref="TagsFound"/> or a <see cref="ShardFault"/>.</summary>
public sealed record ListTags(ShardId Shard, string Dataset, string Prefix, string? After, AsOf AsOf, int Limit) : IQueryRequest;

/// <summary>Changes of one shard in the order in which they were recorded. Answers: <see cref="ChangesFound"/> or a <see cref="ShardFault"/>.</summary>
/// <param name="After">Changes recorded after this time: <see cref="ChangesFound.Through"/> of the answer before, or 0 for the first change.</param>
/// <param name="Limit">Most changes in the answer.</param>
/// <param name="BytesMax">The answer ends once its changes hold this many bytes; the first one always fits.</param>
/// <param name="Wait">How long the shard keeps a request that finds no change, until there is one; then it answers that there is none.</param>
public sealed record GetChanges(ShardId Shard, Timestamp After, ChangeFilter Filter, int Limit, long BytesMax, TimeSpan Wait) : IShardRequest;

/// <summary>What the shard is doing. Answered in every state: <see cref="ShardState"/>.</summary>
public sealed record GetShardState(ShardId Shard) : IShardRequest;

/// <summary>Write a checkpoint now. Answers: <see cref="CheckpointOutcome"/> or a <see cref="ShardFault"/>.</summary>
public sealed record CheckpointShard(ShardId Shard) : IShardRequest;

/// <summary>Read and check every byte of the shard's files. Answers: <see cref="VerifyOutcome"/> or a <see cref="ShardFault"/>.</summary>
/// <param name="Repair">Write damaged segments anew.</param>
public sealed record VerifyShard(ShardId Shard, bool Repair) : IShardRequest;

/// <summary>Drain the shard and start it again under a new epoch. Answers: <see cref="ShardState"/> at once.</summary>
public sealed record RestartShard(ShardId Shard) : IShardRequest;

/// <summary>What the store is. Answered in every state, by every shard alike: <see cref="StoreDescription"/>. There always is a shard 0.</summary>
public sealed record DescribeStore(ShardId Shard) : IShardRequest;

/// <summary>Starts the owner of a shard if it does not run. There is no answer.</summary>
public sealed record WakeShard(ShardId Shard) : IShardRequest;

/// <summary>Finish what was accepted, sync, stop: the hand-off message of the shard region.</summary>
public sealed record DrainShard
{
    public static readonly DrainShard Instance = new();
}

public sealed record CommandCommitted(Commit Commit);

public sealed record CommandRefused(Refusal Refusal);

/// <param name="Commits">Of each operation, in their order. All have the same sequence, and <see cref="Commit.Duplicate"/> alike.</param>
public sealed record TransactionCommitted(ImmutableArray<Commit> Commits);

/// <param name="Operation">Index of the operation that was refused; none was applied.</param>
public sealed record TransactionRefused(int Operation, Refusal Refusal);

/// <param name="Entity">Null when it did not exist at that moment.</param>
public sealed record EntityFound(EntitySnapshot? Entity);

public sealed record HistoryFound(HistoryPage Page);

/// <param name="ReadTime">The shard's read time: at least what was asked for, more when the shard was ahead.</param>
public sealed record ReadTimeRaised(ShardId Shard, Timestamp ReadTime);

/// <param name="Next">Ordinal the next page starts from; null when this shard has no more.</param>
/// <param name="Total">All matches of this shard, when they were asked for.</param>
public sealed record EntitiesFound(ShardId Shard, ImmutableArray<EntitySnapshot> Items, uint? Next, long? Total);

public sealed record TagsFound(ShardId Shard, ImmutableArray<TagCount> Items, bool HasMore);

/// <param name="Through">Every change recorded up to here is in this answer or one before it, or was left out by the filter.</param>
/// <param name="HasMore">The answer ended at a limit; false when nothing more was there.</param>
public sealed record ChangesFound(ShardId Shard, ImmutableArray<Change> Changes, Timestamp Through, bool HasMore);
