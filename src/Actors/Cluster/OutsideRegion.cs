using Akka.Actor;
using Akka.Cluster.Tools.Client;
using EntityActors.Actors.Protocol;

namespace EntityActors.Actors.Cluster;

/// <summary>Stands where members have a region, in a program that is no member: each request goes through one of the nodes.</summary>
/// <remarks>
/// Akka's client keeps to one node as long as that one answers its heartbeats. While it looks for another it drops what it is given: callers ask again by
/// themselves, and what it held back it would send however late, also when the store no longer knows the command id.
/// </remarks>
internal sealed class OutsideRegion : ReceiveActor
{
    private const string ReceptionistPath = "/system/receptionist";

    public OutsideRegion(IReadOnlyList<Address> contacts)
    {
        var settings = ClusterClientSettings.Create(Context.System)
            .WithBufferSize(0)
            .WithInitialContacts([.. contacts.Select(contact => ActorPath.Parse(contact + ReceptionistPath))]);
        var client = Context.ActorOf(ClusterClient.Props(settings), "cluster-client");
        Receive<IShardRequest>(request => client.Forward(new ClusterClient.Send(StoreReceptionist.ServicePath, request, localAffinity: true)));
    }

    public static Props PropsFor(IReadOnlyList<Address> contacts) => Props.Create(() => new OutsideRegion(contacts));
}
