using Akka.Actor;
using Akka.Event;
using Akka.Persistence;
using EntityActors.Actors.Checkpoints;
using EntityActors.Actors.Persistence;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Shards;

/// <summary>The persistent actor of one shard: sole owner of its writer and header for as long as its epoch is current.</summary>
/// <remarks>
/// Recovering --replayed--> Serving --DrainShard--> Draining --nothing left--> stopped.
/// Any failure of a write, of recovery or of a commit stops it; it tells its supervisor why first. It is never restarted in place:
/// the next incarnation has another reference and a higher epoch.
///
/// One batch is being written while the next one forms. An answer waits for the event that decides it: for its own, for that of
/// the first command with its id, and a refusal for everything it may have been decided by.
/// </remarks>
internal sealed class ShardActor : ReceivePersistentActor, IWithTimers
{
    private readonly ShardStart _start;
    private readonly ShardStore _store;
    private readonly NodeStore _node;
    private readonly ShardLimits _limits;
    private readonly ICanTell _coordinator;
    private readonly DispatcherWork _reads = DispatcherWork.Reads(Context.System);
    private readonly DispatcherWork _feedReads = DispatcherWork.Feeds(Context.System);
    private readonly DispatcherWork _verification = DispatcherWork.Verification(Context.System);
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly WaitingReplies<Waiting> _waiting = new();
    private readonly LoadQueue<PendingWrite> _loads;
    private readonly Queue<PendingWrite> _deferred = new();
    private readonly ShardCheckpoints _checkpoints;
    private readonly ShardFaults _faults;
    private ShardFeeds _feeds = null!;
    private ChangeBatch? _writing;
    private SequenceNumber _applied;
    private SequenceNumber _lastPrepared;
    private int _readCount;
    private bool _isVerifying;
    private bool _draining;
    private Exception? _cause;

    public ShardActor(ShardStart start, NodeStore node, ShardLimits limits, ICanTell coordinator)
    {
        (_start, _store, _node, _limits, _coordinator) = (start, start.Store, node, limits, coordinator);
        JournalPluginId = ShardPersistence.JournalPluginIdOf(_store.Shard);
        SnapshotPluginId = ShardPersistence.SnapshotPluginId;
        _faults = new ShardFaults(_store.Shard, limits);
        _loads = new LoadQueue<PendingWrite>(limits.LoadWaitingCountMax);
        _checkpoints = new ShardCheckpoints(_store, node, coordinator, _reads, Self, SnapshotStore, Context.Parent, Fail);
        Recover<ChangeBatch>(_store.Replay);
        Recover<SnapshotOffer>(OnSnapshot);
        Recover<RecoveryCompleted>(_ => OnRecovered());
        Serving();
    }

    // What waits for an event: a command's answer, or a read that has to be begun again.
    private abstract record Waiting(Ticket Ticket)
    {
        public sealed record Answer(Ticket Ticket, CommandId? Command, object Reply) : Waiting(Ticket);

        public sealed record Read(Ticket Ticket, IShardRequest Request) : Waiting(Ticket);
    }

    private sealed record ReadDone(Ticket Ticket, object Answer) : INoSerializationVerificationNeeded;

    private sealed record VerifyDone(Ticket Ticket, object Answer) : INoSerializationVerificationNeeded;

    private sealed record EntityLoaded(EntityKey Key, LoadedEntity? Entity, Exception? Cause) : INoSerializationVerificationNeeded;

    public static Props PropsFor(ShardStart start, NodeStore node, ShardLimits limits, ICanTell coordinator) =>
        Props.Create(() => new ShardActor(start, node, limits, coordinator)).WithDispatcher("entityactors.shard-dispatcher");

    public ITimerScheduler Timers { get; set; } = null!;

    public override string PersistenceId => ShardPersistence.IdOf(_start.Store.Shard);

    public override Recovery Recovery
    {
        get
        {
            // The header was chosen when the store was opened; replay starts after exactly that one.
            var covered = _store.CoveredSequence.Value;
            return new Recovery(_store.Header is null
                ? SnapshotSelectionCriteria.None
                : new SnapshotSelectionCriteria(covered, DateTime.MaxValue, covered));
        }
    }

    protected override void PreStart()
    {
        _feeds = new ShardFeeds(_limits, Timers);
        Context.System.EventStream.Subscribe(Self, typeof(CoordinatorStarted));
        base.PreStart();
    }

    protected override void PostStop()
    {
        Context.System.EventStream.Unsubscribe(Self);
        // Whoever waits for an event waits for the one being written or for one behind it.
        var refusal = _faults.NotWritten(_cause);
        foreach (var waiting in _waiting.TakeAll())
        {
            waiting.Ticket.Reply(refusal ?? (waiting is Waiting.Answer { Command: { } id }
                ? new ShardFault.OutcomeUnknown(_store.Shard, id)
                : _faults.Stopped()));
        }

        foreach (var pending in _loads.TakeAll()) pending.Ticket.Reply(refusal ?? _faults.Stopped());
        foreach (var pending in _deferred) pending.Ticket.Reply(refusal ?? _faults.Stopped());
        foreach (var parked in _feeds.TakeAll()) parked.Reply(_faults.Stopped());
        _store.Dispose();
        base.PostStop();
    }

    protected override void OnPersistFailure(Exception cause, object @event, long sequenceNr) => Report(cause);

    protected override void OnPersistRejected(Exception cause, object @event, long sequenceNr)
    {
        // The journal never rejects; a gap in the numbers is worse than a stop.
        Fail(cause);
    }

    protected override void OnRecoveryFailure(Exception reason, object? message = null) => Report(reason);

    private void OnSnapshot(SnapshotOffer offer)
    {
        if (offer.Metadata.SequenceNr != _store.CoveredSequence.Value)
        {
            throw new CorruptDataException($"headers of shard {_store.Shard}", 0, $"a header at event {_store.CoveredSequence}",
                $"one at event {offer.Metadata.SequenceNr}");
        }
    }

    private void OnRecovered()
    {
        var replayed = _store.Statistics.Sequence;
        if (replayed.Value != LastSequenceNr)
        {
            throw new CorruptDataException($"commit log of shard {_store.Shard}", 0, $"events up to {LastSequenceNr}",
                $"events up to {replayed}");
        }

        _applied = _lastPrepared = replayed;
        Context.Parent.Tell(ShardRecovered.Instance);
        if (_store.LossDetail is { } loss)
        {
            _log.Error("shard {0}: {1}", _store.Shard, loss);
            Context.Parent.Tell(new ShardDegraded(loss));
        }

        _coordinator.Tell(new RegisterShard(_store.Shard, _store.Epoch), Self);
    }

    private void Serving()
    {
        Command<AdmittedRequest>(admitted => OnRequest(admitted.Request, admitted.Ticket));
        Command<ReadDone>(OnReadDone);
        Command<VerifyDone>(OnVerifyDone);
        Command<ShardFeeds.WaitOver>(OnWaitOver);
        Command<EntityLoaded>(OnLoaded);
        Command<CoordinatorStarted>(started => _checkpoints.Register(started.Coordinator));
        Command<CheckpointsFailing>(failing =>
        {
            _checkpoints.Failing = failing.Detail;
            Context.Parent.Tell(new ShardDegraded(failing.Detail));
        });
        Command<ICheckpointMessage>(message => _checkpoints.Handle(message, Sender));
        Command<SaveSnapshotSuccess>(saved => _checkpoints.OnHeaderSaved(saved.Metadata));
        Command<SaveSnapshotFailure>(failed => _checkpoints.OnHeaderNotSaved(failed.Metadata, failed.Cause));
        Command<ShardCheckpoints.HeaderLooked>(looked => _checkpoints.OnHeaderLooked(looked));
        Command<DrainShard>(_ =>
        {
            _draining = true;
            foreach (var parked in _feeds.TakeAll()) parked.Reply(_faults.HandedOver());
            StopWhenDrained();
        });
    }

    private void OnRequest(IShardRequest request, Ticket ticket)
    {
        if (request is GetShardState)
        {
            ticket.Reply(ShardStateReport.Of(_store, _node, _checkpoints, _start.Restarts));
            return;
        }

        if (_draining)
        {
            ticket.Reply(_faults.HandedOver());
            return;
        }

        switch (request)
        {
            case ExecuteCommand execute:
                Execute(new PendingWrite.OfCommand(ticket, execute.Command));
                break;
            case ExecuteTransaction execute:
                Execute(new PendingWrite.OfTransaction(ticket, execute.Transaction));
                break;
            case TrimHistory trim:
                Execute(PendingWrite.Of(ticket, trim, _node.Descriptor.ShardCount));
                break;
            case VerifyShard verify:
                Verify(ticket, verify.Repair);
                break;
            case GetChanges changes when changes.Wait > TimeSpan.Zero && !_feeds.TryAdmit(ticket, changes):
                ticket.Reply(_faults.Busy("feeds wait for changes"));
                break;
            case CheckpointShard:
                _checkpoints.Request(ticket);
                break;
            default:
                // Wake-ups end at the supervisor; what is left are reads.
                Read(ticket, request);
                break;
        }
    }

    // ---- writes

    private void Execute(PendingWrite pending)
    {
        // Behind the ones that already wait: whoever came first is checked first.
        if (_deferred.Count > 0) Defer(pending);
        else Prepare(pending);
        WriteNext();
    }

    /// <returns>False when the batch is full and the command has to wait for the next one.</returns>
    private bool TryPrepare(PendingWrite pending)
    {
        foreach (var key in pending.Keys)
        {
            if (!_loads.IsLoading(key)) continue;
            AwaitLoad(pending, key);
            return true;
        }

        switch (pending.Prepare(_store))
        {
            case WriteOutcome.Committed done:
                if (done.IsNew) _lastPrepared = done.Sequence;
                ReplyAfter(done.Sequence, pending, done.Answer);
                return true;
            case WriteOutcome.Refused refused:
                // It may rest on a change in flight. If that one were lost, the refusal would have told of a state that never was.
                ReplyAfter(_lastPrepared, pending, refused.Answer);
                return true;
            case WriteOutcome.NeedsLoad cold:
                AwaitLoad(pending, cold.Key);
                return true;
            case WriteOutcome.NotNow { Reason: NotNowReason.BatchFull }:
                return false;
            case WriteOutcome.NotNow later:
                if (later.Reason == NotNowReason.MemtableFull) _checkpoints.Want();
                pending.Ticket.Reply(_faults.NotNow(later.Reason));
                return true;
            default:
                throw new InvariantViolationException("an unknown outcome of a write");
        }
    }

    private void Prepare(PendingWrite pending)
    {
        if (!TryPrepare(pending)) Defer(pending);
    }

    private void Defer(PendingWrite pending)
    {
        if (_deferred.Count < _limits.DeferredCountMax) _deferred.Enqueue(pending);
        else pending.Ticket.Reply(_faults.Busy("commands wait for the next batch"));
    }

    private void AwaitLoad(PendingWrite pending, EntityKey key)
    {
        if (!_loads.TryAdd(key, pending, out var startLoad))
        {
            pending.Ticket.Reply(_faults.Busy("commands wait for their entities to be read"));
            return;
        }

        if (!startLoad) return;
        var store = _store;
        _ = _reads.Run(() => store.Load(key)).PipeTo(Self,
            success: entity => new EntityLoaded(key, entity, null),
            failure: cause => new EntityLoaded(key, null, SupervisionPolicy.Unwrap(cause)));
    }

    private void OnLoaded(EntityLoaded loaded)
    {
        var waiting = _loads.Take(loaded.Key);
        if (loaded.Entity is not null) _store.Loaded(loaded.Entity);
        foreach (var pending in waiting)
        {
            if (loaded.Cause is null) Prepare(pending);
            else pending.Ticket.Reply(_faults.NotRead(loaded.Cause));
        }

        WriteNext();
        StopWhenDrained();
    }

    private void WriteNext()
    {
        if (_writing is not null || _store.TakeBatch() is not { } batch) return;
        Invariant.Check(batch.Sequence.Value == LastSequenceNr + 1, "an event follows the last one of its actor");
        _writing = batch;
        PersistAsync(batch, OnDurable);
        PrepareDeferred();
    }

    private void PrepareDeferred()
    {
        for (var count = _deferred.Count; count > 0; count--)
        {
            if (!TryPrepare(_deferred.Peek())) return;
            _deferred.Dequeue();
        }
    }

    private void OnDurable(ChangeBatch batch)
    {
        _writing = null;
        _store.Apply(batch);
        _applied = batch.Sequence;
        foreach (var waiting in _waiting.Take(batch.Sequence))
        {
            if (waiting is Waiting.Read read) BeginRead(read.Ticket, read.Request);
            else waiting.Ticket.Reply(((Waiting.Answer)waiting).Reply);
        }

        WriteNext();
        foreach (var (ticket, request) in _feeds.Wake(batch)) Read(ticket, request);
        _checkpoints.AfterApply();
        StopWhenDrained();
    }

    private void ReplyAfter(SequenceNumber sequence, PendingWrite pending, object reply)
    {
        if (sequence > _applied)
        {
            _waiting.Add(sequence, new Waiting.Answer(pending.Ticket, pending.Id, reply));
            return;
        }

        // Decided by durable state alone, so this is a read: a replaced owner must not answer it.
        if (_node.Log.IsStillOwner(_store.Shard, _store.Epoch)) pending.Ticket.Reply(reply);
        else Fenced(pending.Ticket);
    }

    // ---- reads

    private void Read(Ticket ticket, IShardRequest request)
    {
        if (_readCount >= _limits.ReadCountMax)
        {
            ticket.Reply(_faults.Busy("reads are under way"));
            return;
        }

        _readCount++;
        BeginRead(ticket, request);
    }

    private void BeginRead(Ticket ticket, IShardRequest request)
    {
        var readiness = request switch
        {
            GetEntity get => _store.TryBeginRead(get.AsOf, null, out var moment).With(moment),
            IQueryRequest query => _store.TryBeginRead(query.AsOf.At, query.AsOf.RecordedAt, out var moment).With(moment),
            RaiseReadTime raise => BeginRaise(raise),
            GetChanges changes => _store.TryBeginFeed(changes.After, out var moment).With(moment),
            _ => _store.TryBeginRead(null, null, out var moment).With(moment),
        };
        switch (readiness.Readiness)
        {
            case ReadReadiness.Ready:
                StartRead(ticket, request, readiness.AsOf);
                break;
            case ReadReadiness.WaitForApply:
                _waiting.Add(_lastPrepared, new Waiting.Read(ticket, request));
                break;
            case ReadReadiness.AheadOfClock:
                // A query's times were fixed at another node, from clocks and shards there: what is ahead is not what the caller asked for.
                EndRead(ticket, request is GetEntity
                    ? new ShardFault.InvalidQuery(_store.Shard, "the moment asked about lies in the future")
                    : _faults.Behind());
                break;
            default:
                EndRead(ticket, _faults.Busy("the clock reservation is not renewed yet"));
                break;
        }
    }

    private void OnWaitOver(ShardFeeds.WaitOver over)
    {
        if (_feeds.TakeOver(over.Ticket) is { } last) Read(over.Ticket, last);
    }

    /// <summary>Raises the clock to the time of a query, or answers with the shard's own when it is ahead.</summary>
    private (ReadReadiness Readiness, AsOf AsOf) BeginRaise(RaiseReadTime raise)
    {
        var readiness = _store.TryBeginRead(null, null, out var applied);
        return applied.RecordedAt >= raise.To
            ? (readiness, applied)
            : _store.TryBeginRead(null, raise.To, out var raised).With(raised);
    }

    private void StartRead(Ticket ticket, IShardRequest request, AsOf asOf)
    {
        var (node, limits, faults, epoch, view) = (_node, _limits, _faults, _store.Epoch, _store.View());
        var work = request is GetChanges changes && !_store.IsInMemory(changes.After) ? _feedReads : _reads;
        _ = work.Run(() => ShardReads.Answer(node, limits, faults, epoch, view, request, asOf)).PipeTo(Self,
            success: answer => new ReadDone(ticket, answer),
            failure: cause => new ReadDone(ticket, new Status.Failure(SupervisionPolicy.Unwrap(cause))));
    }

    /// <summary>One at a time, on threads of its own: it reads whole files, and neither reads nor a hand-off wait for it.</summary>
    private void Verify(Ticket ticket, bool repairs)
    {
        if (_isVerifying)
        {
            ticket.Reply(_faults.Busy("a verification is under way"));
            return;
        }

        _isVerifying = true;
        var (node, shard) = (_node, _store.Shard);
        _ = _verification.Run(() => ShardVerification.Run(node, shard, repairs)).PipeTo(Self,
            success: outcome => new VerifyDone(ticket, outcome),
            failure: cause => new VerifyDone(ticket, new Status.Failure(SupervisionPolicy.Unwrap(cause))));
    }

    private void OnVerifyDone(VerifyDone done)
    {
        _isVerifying = false;
        done.Ticket.Reply(AnswerOrFault(done.Answer));
    }

    private void OnReadDone(ReadDone done)
    {
        _readCount--;
        if (done.Answer is Status.Failure { Cause: StaleEpochException }) Fenced(done.Ticket);
        else if (!_feeds.TryKeep(done.Ticket, done.Answer, _store.AppliedRecordedAt, out var again)) done.Ticket.Reply(AnswerOrFault(done.Answer));
        else if (again is not null) Read(done.Ticket, again);
        StopWhenDrained();
    }

    private object AnswerOrFault(object answer)
    {
        if (answer is not Status.Failure failure) return answer;
        _log.Error(failure.Cause, "shard {0}: a read failed", _store.Shard);
        return _faults.NotRead(failure.Cause);
    }

    private void EndRead(Ticket ticket, object answer)
    {
        _readCount--;
        ticket.Reply(answer);
    }

    // ---- faults, end

    private void Fenced(Ticket ticket)
    {
        ticket.Reply(_faults.Moved());
        Fail(new StaleEpochException(_store.Shard, _store.Epoch));
    }

    private void Report(Exception cause)
    {
        _cause ??= cause;
        Context.Parent.Tell(new ShardFailing(cause));
    }

    private void Fail(Exception cause)
    {
        Report(cause);
        Context.Stop(Self);
    }

    private void StopWhenDrained()
    {
        if (!_draining || _writing is not null || _store.FormingCount > 0 || _readCount > 0) return;
        if (_waiting.Count == 0 && _loads.Count == 0 && _deferred.Count == 0) Context.Stop(Self);
    }
}
