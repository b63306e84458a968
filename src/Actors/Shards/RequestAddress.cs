using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Shards;

/// <summary>Whether a request went to the shard that its entity belongs to.</summary>
/// <remarks>
/// A client that counts shards wrongly would otherwise begin a second history of an entity where nobody looks for it. Keys that no entity can have
/// are left to the rules of the model.
/// </remarks>
internal static class RequestAddress
{
    /// <returns>The answer to a request that went elsewhere; null for all others.</returns>
    public static ShardFault? Fault(IShardRequest request, int shardCount) => request switch
    {
        ExecuteCommand execute => Fault(execute.Shard, execute.Command.Key, shardCount),
        ExecuteTransaction execute => execute.Transaction.Operations.Select(operation => Fault(execute.Shard, operation.Key, shardCount))
            .FirstOrDefault(static fault => fault is not null),
        GetEntity get => Fault(get.Shard, get.Key, shardCount),
        GetHistory history => Fault(history.Shard, history.Query.Key, shardCount),
        _ => null,
    };

    private static ShardFault.InvalidQuery? Fault(ShardId sentTo, EntityKey key, int shardCount)
    {
        if (EntityKey.Problem(key.Dataset, key.Id) is not null) return null;
        var shard = key.ShardOf(shardCount);
        return shard == sentTo ? null : new ShardFault.InvalidQuery(sentTo, $"{key} belongs to shard {shard} of {shardCount}");
    }
}
