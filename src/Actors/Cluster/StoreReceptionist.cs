using Akka.Actor;
using Akka.Cluster.Tools.Client;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Configuration;

namespace EntityActors.Actors.Cluster;

/// <summary>Lets programs that are no members reach the store through Akka's receptionist: exactly one actor of this node answers them.</summary>
/// <remarks>
/// Whoever reaches a service may also send it a message that ends any actor. It is then made and registered again, and the region behind it has
/// noticed nothing.
/// </remarks>
internal sealed class StoreReceptionist : ReceiveActor
{
    /// <summary>Whether this node receives programs that are no members.</summary>
    public const string Setting = "entityactors.cluster.receptionist";

    public const string ActorName = "store-clients";

    /// <summary>Path of the service, the same on every node.</summary>
    public const string ServicePath = $"/user/{ActorName}/{ServiceName}";

    private const string ServiceName = "service";

    private readonly IActorRef _region;
    private readonly int _shardCount;

    public StoreReceptionist(IActorRef region, int shardCount)
    {
        (_region, _shardCount) = (region, shardCount);
        Receive<Terminated>(_ => StartService());
        StartService();
    }

    /// <summary>
    /// What the receptionist and its clients need besides the built-in settings, below them. Akka would add it itself, but too late for the serializers.
    /// </summary>
    public static Config Defaults() => ClusterClientReceptionist.DefaultConfig().WithFallback(DistributedPubSub.DefaultConfig());

    public static Props PropsFor(IActorRef region, int shardCount) => Props.Create(() => new StoreReceptionist(region, shardCount));

    private void StartService() => ClusterClientReceptionist.Get(Context.System)
        .RegisterService(Context.Watch(Context.ActorOf(ClientService.PropsFor(_region, _shardCount), ServiceName)));
}
