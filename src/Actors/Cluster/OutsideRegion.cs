using Akka.Actor;
using Akka.Cluster.Tools.Client;
using EntityActors.Actors.Protocol;

namespace EntityActors.Actors.Cluster;

/// <summary>Stands where members have a region, in a program that is no member: each request goes through one of the nodes.</summary>
/// <remarks>
/// Akka's client keeps to one node as long as that one answers its heartbeats, and holds back a bounded number of messages while it looks for another.
/// What it holds back may be sent when its caller has long asked again: the command id makes one effect of both.
/// </remarks>
internal sealed class OutsideRegion : ReceiveActor
{
    private const string ReceptionistPath = "/system/receptionist";

    public OutsideRegion(IReadOnlyList<Address> contacts)
    {
        var settings = ClusterClientSettings.Create(Context.System)
            .WithInitialContacts([.. contacts.Select(contact => ActorPath.Parse(contact + ReceptionistPath))]);
        var client = Context.ActorOf(ClusterClient.Props(settings), "cluster-client");
        Receive<IShardRequest>(request => client.Forward(new ClusterClient.Send(StoreReceptionist.ServicePath, request, localAffinity: true)));
    }

    public static Props PropsFor(IReadOnlyList<Address> contacts) => Props.Create(() => new OutsideRegion(contacts));
}
