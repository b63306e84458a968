using Akka.Actor;
using Akka.Cluster;
using Akka.Remote;

namespace EntityActors.Actors.Cluster;

/// <summary>The cluster that an actor system is a member of.</summary>
internal sealed class AkkaMembership(ActorSystem system) : IMembership
{
    private readonly Akka.Cluster.Cluster _cluster = Akka.Cluster.Cluster.Get(system);

    public void SendView(IActorRef to) => _cluster.SendCurrentClusterState(to);

    public void Down(Address address) => _cluster.Down(address);

    /// <remarks>
    /// What the cluster hears when remoting has put an incarnation into quarantine. Remoting itself is left out: told to stop a writer in favour of a
    /// successor that is there already, Akka.NET 1.5.73 may end up with two writers for one address, each of which ends the other's
    /// connection twice a second for as long as both nodes live (decision 0012).
    /// </remarks>
    public void MarkTerminated(UniqueAddress node) => system.EventStream.Publish(new QuarantinedEvent(node.Address, node.Uid));
}
