using System.Globalization;
using Akka.Actor;
using Akka.Cluster.Sharding;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Shards;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Cluster;

/// <summary>Starts the shard region of the store on this node, or the proxy of it on a member that owns no shards.</summary>
internal static class StoreSharding
{
    /// <summary>Name of the region; clients of other nodes find it under this name.</summary>
    public const string TypeName = "store";

    /// <summary>Cluster role of the nodes that own shards.</summary>
    public const string Role = "store";

    /// <summary>Cluster role of members that own none.</summary>
    public const string ClientRole = "client";

    public static IActorRef Start(ActorSystem system, StoreDescription store, Func<ShardId, ShardSupervisorSettings> settingsFor)
    {
        var sharding = ClusterSharding.Get(system);
        var settings = ClusterShardingSettings.Create(system).WithRole(Role);
        var choice = (IActorSystemDependentAllocationStrategy)sharding.DefaultShardAllocationStrategy(settings);
        Func<IActorRef> region = () => sharding.ShardRegion(TypeName);
        return sharding.Start(TypeName,
            entityId => PropsFor(new ShardId(int.Parse(entityId, CultureInfo.InvariantCulture)), store, shard => settingsFor(shard) with { Region = region }),
            settings, new ShardMessageExtractor(),
            new CheckpointedRebalance(choice, region),
            // The default stop message would lose what waits in the mailbox; this one lets the shard finish it.
            DrainShard.Instance);
    }

    /// <summary>Takes the same messages and sends each to the node that owns its shard.</summary>
    public static IActorRef StartProxy(ActorSystem system) =>
        ClusterSharding.Get(system).StartProxy(TypeName, Role, new ShardMessageExtractor());

    private static Props PropsFor(ShardId shard, StoreDescription store, Func<ShardId, ShardSupervisorSettings> settingsFor) =>
        shard.Value < store.ShardCount ? ShardSupervisor.PropsFor(settingsFor(shard)) : NoSuchShard.PropsFor(shard, store);
}
