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
            new ShardFault.InvalidQuery(request.Shard, $"{NameOf(request)} is taken from members of the cluster only")));
    }

    public static Props PropsFor(IActorRef region) => Props.Create(() => new ClientService(region));

    /// <summary>Reads and writes of entities. What makes a node work, or a shard start, is for members.</summary>
    private static bool IsForClients(IShardRequest request) => request switch
    {
        // What is fetched is a command, or nothing comes of it.
        ShardCall { Body: Carried.Elsewhere } => true,
        ShardCall { Body: Carried.Whole { Message: IShardRequest enclosed and not ShardCall } } => IsForClients(enclosed),
        _ => request is ExecuteCommand or GetEntity or GetHistory or RaiseReadTime or FindEntities or ListTags or GetChanges or GetShardState or DescribeStore,
    };

    private static string NameOf(IShardRequest request) =>
        (request is ShardCall { Body: Carried.Whole whole } ? whole.Message : request).GetType().Name;
}
