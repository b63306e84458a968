using System.Globalization;
using Akka.Actor;
using Akka.Cluster.Sharding;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Shards;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Cluster;

/// <summary>Starts the shard region of the store on this node.</summary>
internal static class StoreSharding
{
    /// <summary>Name of the region; clients of other nodes find it under this name.</summary>
    public const string TypeName = "store";

    /// <summary>Cluster role of the nodes that own shards.</summary>
    public const string Role = "store";

    public static IActorRef Start(ActorSystem system, Func<ShardId, ShardSupervisorSettings> settingsFor)
    {
        var sharding = ClusterSharding.Get(system);
        var settings = ClusterShardingSettings.Create(system).WithRole(Role);
        var choice = (IActorSystemDependentAllocationStrategy)sharding.DefaultShardAllocationStrategy(settings);
        return sharding.Start(TypeName,
            entityId => ShardSupervisor.PropsFor(settingsFor(new ShardId(int.Parse(entityId, CultureInfo.InvariantCulture)))),
            settings, new ShardMessageExtractor(),
            new CheckpointedRebalance(choice, () => sharding.ShardRegion(TypeName)),
            // The default stop message would lose what waits in the mailbox; this one lets the shard finish it.
            DrainShard.Instance);
    }
}
