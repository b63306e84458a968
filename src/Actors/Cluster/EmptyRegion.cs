using Akka.Actor;
using Akka.Cluster.Sharding;

namespace EntityActors.Actors.Cluster;

/// <summary>Ends the region of a node that stops, once it has handed over its last shard.</summary>
/// <remarks>
/// By itself a region that shuts down also waits until it has sent on what it holds back for shards without a home. On the last node of a cluster
/// nobody gives them one any more, and it waited for the whole phase: half a minute for a wake-up that nobody needs. Whoever still waits for an
/// answer asks another node.
/// </remarks>
internal static class EmptyRegion
{
    private static readonly TimeSpan AskTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AskInterval = TimeSpan.FromMilliseconds(50);

    /// <summary>Returns when the region has no shards left, or is gone.</summary>
    /// <param name="isStopping">Done when the region has ended.</param>
    public static async Task StopAsync(IActorRef region, Task isStopping, TimeProvider time)
    {
        while (!isStopping.IsCompleted)
        {
            if (await ShardCountAsync(region) == 0)
            {
                region.Tell(PoisonPill.Instance);
                return;
            }

            await Task.WhenAny(isStopping, Task.Delay(AskInterval, time));
        }
    }

    /// <returns>Null when it does not say: it is busy with its last shards, or gone.</returns>
    private static async Task<int?> ShardCountAsync(IActorRef region)
    {
        try
        {
            return (await region.Ask<CurrentShardRegionState>(GetShardRegionState.Instance, AskTimeout)).Shards.Count;
        }
        catch (AskTimeoutException)
        {
            return null;
        }
    }
}
