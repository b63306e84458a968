using Akka.Actor;
using Akka.Cluster;

namespace EntityActors.Actors.Cluster;

/// <summary>What the death watcher asks and tells the cluster.</summary>
internal interface IMembership
{
    /// <summary>Lets the members as they are now be sent to an actor, as <see cref="MembershipView"/> or <see cref="ClusterEvent.CurrentClusterState"/>.</summary>
    void SendView(IActorRef to);

    /// <summary>Marks the member at this address as down.</summary>
    void Down(Address address);

    /// <summary>Refuses that incarnation for ever: the leader removes only what is both down and not reached.</summary>
    void Quarantine(UniqueAddress node);
}
