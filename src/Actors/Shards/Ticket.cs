using Akka.Actor;

namespace EntityActors.Actors.Shards;

/// <summary>The right to answer one request, once. Answering gives its place in the shard's queue back. Thread-safe.</summary>
internal sealed class Ticket(OpenRequests requests, IActorRef replyTo)
{
    private int _answered;

    public void Reply(object answer)
    {
        if (Interlocked.Exchange(ref _answered, 1) != 0) return;
        requests.Close(this);
        replyTo.Tell(answer, ActorRefs.NoSender);
    }
}
