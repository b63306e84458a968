using Akka.Actor;
using EntityActors.Actors.Checkpoints;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Shards;

/// <summary>Deletes entities of one shard that have expired, a bounded number at each look. Runs on the shard's actor.</summary>
/// <remarks>
/// A look is made when something is due and not before, so a shard in which nothing expires reads and writes nothing. What it finds is deleted
/// by ordinary commands, each under the condition that the entity did not change since; they end the expiry, so nothing is found twice.
/// </remarks>
internal sealed class ShardExpiry(ShardStore store, NodeStore node, DispatcherWork work, IActorRef self, ICanTell supervisor)
{
    /// <summary>Author of what the store deletes by itself.</summary>
    public const string Author = "retention";

    /// <summary>Entities that one look deletes at most.</summary>
    private const int PerLook = 100;

    private Timestamp _from;
    // The first look finds out what is due at all.
    private Timestamp? _next = new(1);
    private bool _isLooking;

    /// <summary>Result of a look; null when it failed.</summary>
    internal sealed record Looked(ShardExpiry Owner, ExpiryScan? Scan) : ICheckpointMessage;

    public void Look()
    {
        if (store.TakeEarliestExpiry() is { } written && !(_next <= written)) _next = written;
        if (_isLooking || _next is not { } due || !node.Log.Clock.TryNow(out var now) || due > now) return;
        if (store.TryBeginRead(null, null, out var asOf) != ReadReadiness.Ready) return;
        _isLooking = true;
        var (view, from) = (store.View(), _from);
        _ = work.Run(() =>
        {
            using (view) return view.FindExpired(from, now, PerLook, asOf);
        }).PipeTo(self, success: scan => new Looked(this, scan), failure: _ => new Looked(this, null));
    }

    public void OnLooked(Looked looked)
    {
        if (looked.Owner != this) return;
        _isLooking = false;
        // Looked for again at the next turn: damage is told by the reads that meet it.
        if (looked.Scan is not { } scan) return;
        (_from, _next) = (scan.From, scan.Next);
        foreach (var head in scan.Expired)
        {
            supervisor.Tell(new ExecuteCommand(store.Shard,
                new DeleteEntity(head.Key, CommandId.New(), Author, null, RevisionCondition.MustBe(head.Revision))), ActorRefs.Nobody);
        }

        // A command that is refused or lost is sent again: its entity is found again.
        if (scan.Expired.Count > 0) _next = new Timestamp(1);
    }
}
