using Akka.Actor;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Shards;

/// <summary>What a shard's supervisor is given.</summary>
/// <param name="Node">Name of this node, for state answers.</param>
/// <param name="Store">What clients are told, and where their requests have to go.</param>
/// <param name="Open">Claims and opens the shard. Blocks on disk.</param>
/// <param name="PropsFor">The shard's actor for one start.</param>
/// <param name="Random">Spreads restarts.</param>
internal sealed record ShardSupervisorSettings(
    ShardId Shard, string Node, StoreDescription Store, ShardLimits Limits, Func<ShardOpening, ShardStore> Open, Func<ShardStart, Props> PropsFor,
    ShardReadiness Readiness, TimeProvider Time, Random Random)
{
    /// <summary>Why the shard must not be claimed here now; null when it may.</summary>
    public Func<string?> ClaimObstacle { get; init; } = static () => null;

    /// <summary>Where a large request goes once it was fetched: the shard may have moved meanwhile.</summary>
    public Func<IActorRef> Region { get; init; } = static () => ActorRefs.Nobody;
}
