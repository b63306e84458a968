using Akka.Actor;

namespace EntityActors.Actors.Shards;

/// <summary>The right to answer one request, once. Answering gives its place in the shard's queue back.</summary>
internal sealed class Ticket(IActorRef replyTo, IActorRef shard, AdmissionCounter admission)
{
    private int _answered;

    public void Reply(object answer)
    {
        if (Interlocked.Exchange(ref _answered, 1) != 0) return;
        admission.Leave();
        replyTo.Tell(answer, shard);
    }
}
