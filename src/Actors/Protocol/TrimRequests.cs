using EntityActors.Storage.Model;

namespace EntityActors.Actors.Protocol;

/// <summary>
/// What a trim would take away from a dataset in one shard, and where the last one stands. Answers: <see cref="HistoryLooked"/> or a <see cref="ShardFault"/>.
/// </summary>
/// <param name="Before">Horizon of the trim.</param>
/// <param name="KeepChanges">Newest changes of each entity that it leaves; at least 1.</param>
/// <param name="FromOrdinal">Entities from this ordinal on.</param>
/// <param name="Limit">Most entities to look at; at least 1.</param>
public sealed record LookAtHistory(ShardId Shard, string Dataset, Timestamp Before, long KeepChanges, uint FromOrdinal, int Limit) : IShardRequest
{
    public const int LimitMax = 500;
}

/// <summary>
/// Record a trim of a dataset in one shard: the only way to do so. From members of the cluster only. Answers: <see cref="CommandCommitted"/>,
/// <see cref="CommandRefused"/> or a <see cref="ShardFault"/>.
/// </summary>
/// <param name="Before">Horizon of the trim.</param>
/// <param name="KeepChanges">Newest changes of each entity that it leaves; at least 1.</param>
public sealed record TrimHistory(ShardId Shard, string Dataset, Timestamp Before, long KeepChanges, CommandId Id, string Author) : IShardRequest;

/// <param name="Horizon">Of the last trim of the dataset; 0 when there was none.</param>
/// <param name="Entities">Entities that would lose changes.</param>
/// <param name="Changes">Changes that would go.</param>
/// <param name="All">Changes that the entities looked at have now.</param>
/// <param name="Next">Ordinal to go on from; null when all entities were looked at.</param>
public sealed record HistoryLooked(ShardId Shard, Timestamp Horizon, long Entities, long Changes, long All, uint? Next);
