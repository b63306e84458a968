using System.Collections.Immutable;
using Akka.Actor;
using Akka.Persistence;
using Akka.Persistence.Journal;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Persistence;

/// <summary>Akka.Persistence journal over the node's commit log. Several plugin ids share the log; each serves its own shards.</summary>
/// <remarks>
/// A refused write is a faulted task, which stops its actor alone. It is never an exception in the returned list: that is a
/// rejection, after which the actor lives on with a sequence number that no event has.
/// </remarks>
public sealed class EntityActorsJournal : AsyncWriteJournal
{
    private readonly ExtendedActorSystem _system = (ExtendedActorSystem)Context.System;
    private readonly IShardFiles _files = PersistenceSetup.FilesOf(Context.System);
    private readonly Dictionary<string, long> _deletedTo = new(StringComparer.Ordinal);

    protected override async Task<IImmutableList<Exception>> WriteMessagesAsync(
        IEnumerable<AtomicWrite> messages, CancellationToken cancellationToken)
    {
        var appends = new List<LogAppend>();
        // Everything is serialized before the first append: a write either reaches the log whole or not at all.
        foreach (var write in messages) appends.Add(Encode(write));
        if (appends.Count == 1)
        {
            await _files.AppendAsync(appends[0]);
            return null!;
        }

        var written = new Task[appends.Count];
        for (var i = 0; i < written.Length; i++) written[i] = _files.AppendAsync(appends[i]);
        await Task.WhenAll(written);
        // Null means that nothing was rejected, also for the empty write that a deferred handler causes.
        return null!;
    }

    public override async Task<long> ReadHighestSequenceNrAsync(
        string persistenceId, long fromSequenceNr, CancellationToken cancellationToken)
    {
        var shard = ShardPersistence.ShardOf(persistenceId);
        // A write of an earlier incarnation may still be on its way; a number read before it ends would be used twice.
        await _files.WhenQuiet(shard);
        return await Task.Run(() => HighestSequence(shard), cancellationToken);
    }

    public override Task ReplayMessagesAsync(IActorContext context, string persistenceId, long fromSequenceNr, long toSequenceNr,
        long max, Action<IPersistentRepresentation> recoveryCallback)
    {
        var from = Math.Max(Math.Max(fromSequenceNr, 1), _deletedTo.GetValueOrDefault(persistenceId) + 1);
        if (max <= 0 || from > toSequenceNr) return Task.CompletedTask;
        // A synchronous replay would run on the journal actor and delay the writes of every other shard of this plugin.
        return Task.Run(() => Replay(persistenceId, from, toSequenceNr, max, recoveryCallback));
    }

    /// <remarks>
    /// Hides the events from replay. Their bytes are released by <see cref="Storage.Shards.NodeStore.Trim"/> alone, which rests on
    /// two committed headers; a message to the journal is no proof of those.
    /// </remarks>
    protected override async Task DeleteMessagesToAsync(string persistenceId, long toSequenceNr, CancellationToken cancellationToken)
    {
        var shard = ShardPersistence.ShardOf(persistenceId);
        var bound = toSequenceNr == long.MaxValue ? _files.LastSequence(shard).Value : toSequenceNr;
        _deletedTo[persistenceId] = Math.Max(_deletedTo.GetValueOrDefault(persistenceId), bound);
        await Task.CompletedTask;
    }

    private LogAppend Encode(AtomicWrite write)
    {
        var events = (IImmutableList<IPersistentRepresentation>)write.Payload;
        if (events.Count != 1)
            throw new NotSupportedException($"{events.Count} events in one atomic write: put changes that belong together in one event");
        var message = events[0];
        var epoch = message.Payload switch
        {
            ChangeBatch batch => batch.Epoch,
            IFencedEvent fenced => fenced.Epoch,
            _ => throw new NotSupportedException($"an event of {message.Payload.GetType()} carries no fencing token"),
        };
        var sequence = new SequenceNumber(message.SequenceNr);
        Invariant.Check(message.Payload is not ChangeBatch { Sequence: var own } || own == sequence,
            "an event has the sequence number that the actor gives it");
        return new LogAppend(ShardPersistence.ShardOf(message.PersistenceId), epoch, sequence,
            EventRecord.Encode(_system, message.Payload));
    }

    private long HighestSequence(ShardId shard)
    {
        var headers = _files.Headers(shard);
        // Never below what a header covers: after trimming the log may hold fewer events than the shard has written.
        var covered = headers.IsEmpty ? 0 : headers.Max(header => header.Sequence.Value);
        return Math.Max(covered, _files.LastSequence(shard).Value);
    }

    private void Replay(string persistenceId, long from, long to, long max, Action<IPersistentRepresentation> recover)
    {
        var shard = ShardPersistence.ShardOf(persistenceId);
        var last = Math.Min(to, _files.LastSequence(shard).Value);
        if (last - from >= max) last = from + max - 1;
        if (last < from) return;
        foreach (var found in _files.Read(shard, new SequenceNumber(from), new SequenceNumber(last)))
        {
            var payload = EventRecord.Decode(_system, shard, found.Sequence, found.Body.Span);
            recover(new Persistent(payload, found.Sequence.Value, persistenceId, manifest: null, isDeleted: false,
                sender: ActorRefs.NoSender, writerGuid: null));
        }
    }
}
