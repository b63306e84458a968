using System.Collections.Concurrent;
using Akka.Actor;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Shards;

/// <summary>The unanswered requests of one incarnation of a shard: a bounded number, each answered once whatever becomes of the actor. Thread-safe.</summary>
/// <remarks>
/// An actor that stops loses what waits in its mailbox and what its reads were about to bring. The supervisor answers that, so that
/// no caller waits for a reply that cannot come.
/// </remarks>
internal sealed class OpenRequests(ShardId shard, int countMax)
{
    private readonly ConcurrentDictionary<Ticket, IShardRequest> _open = new();
    private int _count;

    public int Count => Volatile.Read(ref _count);

    /// <returns>The right to answer, or null when the bound is reached.</returns>
    public Ticket? TryOpen(IShardRequest request, IActorRef replyTo)
    {
        if (Interlocked.Increment(ref _count) > countMax)
        {
            Interlocked.Decrement(ref _count);
            return null;
        }

        var ticket = new Ticket(this, replyTo);
        _open[ticket] = request;
        return ticket;
    }

    /// <summary>Called by a ticket when it is answered, which happens once.</summary>
    public void Close(Ticket ticket)
    {
        if (_open.TryRemove(ticket, out _)) Interlocked.Decrement(ref _count);
    }

    /// <summary>The actor has terminated: a command may have been written, anything else was certainly not answered.</summary>
    /// <param name="refusal">Answer to commands when it is known that none of them was written.</param>
    public void AnswerRest(string reason, TimeSpan retryAfter, ShardFault? refusal = null)
    {
        foreach (var (ticket, request) in _open)
        {
            ticket.Reply(PendingWrite.IdOf(request) is { } command
                ? refusal ?? new ShardFault.OutcomeUnknown(shard, command)
                : new ShardFault.Unavailable(shard, reason, IsStorageFull: false, retryAfter));
        }
    }
}
