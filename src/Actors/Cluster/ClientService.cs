using Akka.Actor;
using EntityActors.Actors.Protocol;

namespace EntityActors.Actors.Cluster;

/// <summary>Takes what programs send that are no members: requests of clients go on to the region, everything else ends here.</summary>
internal sealed class ClientService : ReceiveActor
{
    public ClientService(IActorRef region)
    {
        Receive<IShardRequest>(region.Forward, IsForClients);
        Receive<IShardRequest>(request => Sender.Tell(
            new ShardFault.InvalidQuery(request.Shard, $"{request.GetType().Name} is taken from members of the cluster only")));
    }

    public static Props PropsFor(IActorRef region) => Props.Create(() => new ClientService(region));

    /// <summary>Reads and writes of entities. What makes a node work, or a shard start, is for members.</summary>
    private static bool IsForClients(IShardRequest request) => request
        is ExecuteCommand or GetEntity or GetHistory or RaiseReadTime or FindEntities or ListTags or GetChanges or GetShardState or DescribeStore;
}
