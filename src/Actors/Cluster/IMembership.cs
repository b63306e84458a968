using Akka.Actor;
using Akka.Cluster;

namespace EntityActors.Actors.Cluster;

/// <summary>What the death watcher asks and tells the cluster.</summary>
internal interface IMembership
{
    /// <summary>Lets an actor be sent the members as they are now: a <see cref="MembershipView"/> or the cluster's own state.</summary>
    void SendView(IActorRef to);

    /// <summary>Marks the member at this address as down.</summary>
    void Down(Address address);

    /// <summary>Marks that incarnation as unreachable for good: the leader removes only what is both down and unreachable.</summary>
    void MarkTerminated(UniqueAddress node);
}
