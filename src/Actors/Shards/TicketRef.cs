using Akka.Actor;

namespace EntityActors.Actors.Shards;

/// <summary>Stands for the sender of a request that another local actor answers on the shard's behalf.</summary>
internal sealed class TicketRef(Ticket ticket) : MinimalActorRef
{
    public override ActorPath Path { get; } = new RootActorPath(Address.AllSystems) / "ticket";

    public override IActorRefProvider Provider => throw new NotSupportedException("a ticket lives outside of every actor system");

    protected override void TellInternal(object message, IActorRef sender) => ticket.Reply(message);
}
