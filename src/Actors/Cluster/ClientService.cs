using Akka.Actor;
using EntityActors.Actors.Protocol;

namespace EntityActors.Actors.Cluster;

/// <summary>Takes what programs send that are no members: requests of clients go on to the region, everything else ends here.</summary>
internal sealed class ClientService : ReceiveActor
{
    public ClientService(IActorRef region, int shardCount)
    {
        // The sender's serializer had no room for a large request: it goes back to whom it was to be sent for.
        Receive<ShardCall>(call => Sender.Tell(((Carried.Whole)call.Body).Message), static call => call.Body is Carried.Whole { Message: ShardFault });
        // The region would keep a shard for every number that it is asked for.
        Receive<IShardRequest>(request => Sender.Tell(
            new ShardFault.InvalidQuery(request.Shard, $"there is no shard {request.Shard.Value}; the store has {shardCount}")),
            request => request.Shard.Value >= shardCount);
        Receive<IShardRequest>(region.Forward, IsForClients);
        Receive<IShardRequest>(request => Sender.Tell(
            new ShardFault.InvalidQuery(request.Shard, $"{NameOf(request)} is taken from members of the cluster only")));
    }

    public static Props PropsFor(IActorRef region, int shardCount) => Props.Create(() => new ClientService(region, shardCount));

    /// <summary>Reads and writes of entities. What makes a node work, or a shard start, is for members.</summary>
    private static bool IsForClients(IShardRequest request) => request switch
    {
        // What is fetched is a command, or nothing comes of it.
        ShardCall { Body: Carried.Elsewhere } => true,
        ShardCall { Body: Carried.Whole { Message: IShardRequest enclosed and not ShardCall } } => IsForClients(enclosed),
        _ => request is ExecuteCommand or ExecuteTransaction or GetEntity or GetHistory or RaiseReadTime or IQueryRequest or GetChanges
            or GetShardState or DescribeStore,
    };

    private static string NameOf(IShardRequest request) =>
        (request is ShardCall { Body: Carried.Whole whole } ? whole.Message : request).GetType().Name;
}
