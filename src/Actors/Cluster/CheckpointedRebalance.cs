using System.Collections.Immutable;
using System.Globalization;
using Akka.Actor;
using Akka.Cluster.Sharding;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Cluster;

/// <summary>Moves the shards that another strategy chooses, after they have written their checkpoints.</summary>
/// <remarks>The coordinator asks again in every round; while checkpoints are written nothing else is chosen.</remarks>
/// <param name="choice">Decides where shards go and which of them move.</param>
/// <param name="region">Leads to the shards.</param>
internal sealed class CheckpointedRebalance(IActorSystemDependentAllocationStrategy choice, Func<ICanTell> region)
    : IActorSystemDependentAllocationStrategy
{
    /// <summary>How long a round waits for the checkpoints of the shards that are to move.</summary>
    private static readonly TimeSpan CheckpointTimeout = TimeSpan.FromSeconds(5);

    private static readonly IImmutableSet<string> None = ImmutableHashSet<string>.Empty;

    private int _isWriting;

    public void Start(ActorSystem system) => choice.Start(system);

    public Task<IActorRef> AllocateShard(
        IActorRef requester, string shardId, IImmutableDictionary<IActorRef, IImmutableList<string>> currentShardAllocations) =>
        choice.AllocateShard(requester, shardId, currentShardAllocations);

    public async Task<IImmutableSet<string>> Rebalance(
        IImmutableDictionary<IActorRef, IImmutableList<string>> currentShardAllocations, IImmutableSet<string> rebalanceInProgress)
    {
        if (Interlocked.Exchange(ref _isWriting, 1) == 1) return None;
        try
        {
            var moving = await choice.Rebalance(currentShardAllocations, rebalanceInProgress);
            if (moving.Count == 0) return moving;
            await HandOffCheckpoints.WriteAsync(region(),
                moving.Select(shard => new ShardId(int.Parse(shard, CultureInfo.InvariantCulture))), CheckpointTimeout);
            return moving;
        }
        finally
        {
            Volatile.Write(ref _isWriting, 0);
        }
    }
}
