using EntityActors.Storage.Model;

namespace EntityActors.Actors.Client;

/// <summary>The one shard that all entities of a transaction belong to.</summary>
internal static class TransactionShard
{
    /// <exception cref="DifferentShardsException">There is no such shard.</exception>
    public static ShardId Of(EntityTransaction transaction, int shardCount)
    {
        var operations = transaction.Operations;
        var shard = operations[0].Key.ShardOf(shardCount);
        for (var i = 1; i < operations.Length; i++)
        {
            var other = operations[i].Key.ShardOf(shardCount);
            if (other == shard) continue;
            throw new DifferentShardsException(i, $"{operations[0].Key} belongs to shard {shard} and {operations[i].Key} to shard {other}: "
                + "ids that hold the same {group} share one");
        }

        return shard;
    }
}
