using Akka.Actor;
using Akka.Cluster;
using Akka.Remote;

namespace EntityActors.Actors.Cluster;

/// <summary>The cluster that an actor system is a member of.</summary>
internal sealed class AkkaMembership(ActorSystem system) : IMembership
{
    private readonly Akka.Cluster.Cluster _cluster = Akka.Cluster.Cluster.Get(system);
    private readonly IRemoteActorRefProvider _remote = (IRemoteActorRefProvider)((ExtendedActorSystem)system).Provider;

    public void SendView(IActorRef to) => _cluster.SendCurrentClusterState(to);

    public void Down(Address address) => _cluster.Down(address);

    public void Quarantine(UniqueAddress node) => _remote.Quarantine(node.Address, node.Uid);
}
