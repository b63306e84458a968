using EntityActors.Storage.Model;

namespace EntityActors.Actors.Protocol;

/// <summary>
/// What a trim would take away from a dataset in one shard, and where the last one stands. Answers: <see cref="HistoryLooked"/> or a <see cref="ShardFault"/>.
/// </summary>
/// <param name="Before">Horizon of the trim.</param>
/// <param name="KeepChanges">Newest changes of each entity that it leaves; at least 1.</param>
/// <param name="FromOrdinal">Entities from this ordinal on.</param>
/// <param name="Limit">Most entities to look at; 0 asks for the last trim alone.</param>
public sealed record LookAtHistory(ShardId Shard, string Dataset, Timestamp Before, long KeepChanges, uint FromOrdinal, int Limit) : IShardRequest
{
    public const int LimitMax = 500;
}

/// <param name="Horizon">Of the last trim of the dataset; 0 when there was none.</param>
/// <param name="Entities">Entities that would lose changes.</param>
/// <param name="Changes">Changes that would go.</param>
/// <param name="Next">Ordinal to go on from; null when all entities were looked at.</param>
public sealed record HistoryLooked(ShardId Shard, Timestamp Horizon, long Entities, long Changes, uint? Next);
