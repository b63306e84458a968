using Akka.Actor;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Cluster;

/// <summary>Has shards write a checkpoint before they are handed over, while they still serve: their next owner then has little to replay.</summary>
/// <remarks>
/// Inside the hand-off it would be too late: nobody serves the shard then, and sharding cuts a hand-off short. It is a help and no condition: what
/// is not written in time is replayed from the log.
/// </remarks>
internal static class HandOffCheckpoints
{
    /// <summary>Bytes of changes in memory that are worth a segment of their own; a replay of less takes some milliseconds.</summary>
    public const long BytesMin = 256 * 1024;

    /// <param name="region">Leads to the shards, wherever they are.</param>
    public static Task WriteAsync(ICanTell region, IEnumerable<ShardId> shards, TimeSpan timeout) =>
        Task.WhenAll(shards.Select(shard => WriteAsync(region, shard, timeout)));

    private static async Task WriteAsync(ICanTell region, ShardId shard, TimeSpan timeout)
    {
        try
        {
            var state = await region.Ask<object>(new GetShardState(shard), timeout);
            if (state is ShardState { MemtableBytes: >= BytesMin }) _ = await region.Ask<object>(new CheckpointShard(shard), timeout);
        }
        catch (AskTimeoutException)
        {
            // Too slow to help: the hand-off does not wait for it.
            return;
        }
    }
}
