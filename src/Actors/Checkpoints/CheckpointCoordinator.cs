using Akka.Actor;
using Akka.Event;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Shards;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Checkpoints;

/// <summary>Decides when which shard of this node writes a checkpoint, has it written and validated, and has it committed or undone.</summary>
/// <remarks>
/// Roles: the shard freezes, saves and adopts its header; the coordinator keeps the header snapshot (inside the plan) and runs the
/// blocking steps on worker threads.
/// Normal path: Begin → Planned → written and validated → Commit → Committed → trimmed.
/// Failure path: not valid, or not saved → RestoreHeader with the plan → HeaderRestored → tried again after a delay; after several
/// failures in a row the shard is reported degraded.
/// What cannot happen: a result reaching another incarnation of the shard than the one that planned it. Every job is keyed by an
/// attempt and the shard's reference, and dies with that reference.
/// </remarks>
internal sealed class CheckpointCoordinator : ReceiveActor, IWithTimers
{
    private const string LookTimer = "look";

    private readonly CheckpointLimits _limits;
    private readonly ICheckpointWork _checkpoints;
    private readonly DispatcherWork _work = DispatcherWork.Checkpoints(Context.System);
    private readonly CheckpointSchedule _schedule;
    private readonly Dictionary<ShardId, (IActorRef Ref, Epoch Epoch)> _shards = [];
    private readonly Dictionary<long, Job> _jobs = [];
    private readonly Dictionary<ShardId, List<IActorRef>> _askers = [];
    private readonly Func<TimeSpan> _now;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly HashSet<ShardId> _degraded = [];
    // A restarted coordinator must not take the results of its earlier incarnation for its own.
    private readonly Guid _incarnation = Guid.NewGuid();
    private long _lastAttempt;
    private bool _isLooking;

    public CheckpointCoordinator(CheckpointLimits limits, ICheckpointWork checkpoints, TimeProvider time)
    {
        (_limits, _checkpoints) = (limits, checkpoints);
        _schedule = new CheckpointSchedule(limits);
        var start = time.GetTimestamp();
        _now = () => time.GetElapsedTime(start);
        // Attempts of two incarnations differ, too: shards answer with the attempt alone.
        _lastAttempt = BitConverter.ToInt64(_incarnation.ToByteArray()) & 0x3FFF_FFFF_FFFF_0000;
        Running();
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private sealed record Written(Guid Incarnation, long Attempt, CheckpointResult? Result, Exception? Cause) : INoSerializationVerificationNeeded;

    private sealed record Trimmed(ShardId Shard, Exception? Cause) : INoSerializationVerificationNeeded;

    private sealed record Pinned(ShardId? Shard) : INoSerializationVerificationNeeded;

    private sealed record LookDue;

    /// <param name="Askers">Who waits for the outcome of this very checkpoint.</param>
    private sealed record Job(ShardId Shard, IActorRef Ref, Epoch Epoch, IReadOnlyList<IActorRef> Askers)
    {
        /// <summary>Holds the header snapshot until the checkpoint is over.</summary>
        public CheckpointPlan? Plan { get; set; }

        public Exception? Failure { get; set; }
    }

    public static Props PropsFor(CheckpointLimits limits, ICheckpointWork checkpoints, TimeProvider time) =>
        Props.Create(() => new CheckpointCoordinator(limits, checkpoints, time));

    protected override void PreStart()
    {
        Timers.StartPeriodicTimer(LookTimer, new LookDue(), _limits.LookInterval);
        Context.System.EventStream.Publish(new CoordinatorStarted(Self));
    }

    protected override void PostStop()
    {
        foreach (var (shard, askers) in _askers) Answer(askers, Away(shard));
        foreach (var job in _jobs.Values) Answer(job.Askers, Away(job.Shard));
    }

    private void Running()
    {
        Receive<RegisterShard>(OnRegister);
        Receive<Terminated>(end => OnGone(end.ActorRef));
        Receive<CheckpointWanted>(wanted => WhenOwner(wanted.Shard, () => _schedule.Want(wanted.Shard, force: false, urgent: false)));
        Receive<CheckpointRequested>(OnRequested);
        Receive<CheckpointPlanned>(OnPlanned);
        Receive<Written>(OnWritten, written => written.Incarnation == _incarnation);
        Receive<CheckpointCommitted>(OnCommitted);
        Receive<CheckpointCommitFailed>(failed => WhenCurrent(failed.Attempt, job => Undo(failed.Attempt, job, failed.Cause)));
        Receive<HeaderRestored>(OnRestored);
        Receive<Trimmed>(trimmed =>
        {
            if (trimmed.Cause is not null) _log.Warning("shard {0}: trimming failed: {1}", trimmed.Shard, trimmed.Cause.Message);
        });
        Receive<LookDue>(_ => Look());
        Receive<Pinned>(OnPinned);
    }

    private void OnRegister(RegisterShard registration)
    {
        if (_shards.TryGetValue(registration.Shard, out var known))
        {
            if (known.Ref.Equals(Sender)) return;
            if (known.Epoch > registration.Epoch) return;
            OnGone(known.Ref);
        }

        _shards[registration.Shard] = (Context.Watch(Sender), registration.Epoch);
    }

    private void OnGone(IActorRef gone)
    {
        Context.Unwatch(gone);
        foreach (var (attempt, job) in _jobs.Where(pair => pair.Value.Ref.Equals(gone)).ToArray())
        {
            _jobs.Remove(attempt);
            Answer(job.Askers, Away(job.Shard));
        }

        foreach (var (shard, known) in _shards.Where(pair => pair.Value.Ref.Equals(gone)).ToArray())
        {
            _shards.Remove(shard);
            _schedule.Forget(shard);
            _degraded.Remove(shard);
            if (_askers.Remove(shard, out var askers)) Answer(askers, Away(shard));
        }

        StartNext();
    }

    private void OnRequested(CheckpointRequested request)
    {
        if (!IsOwner(request.Shard))
        {
            request.ReplyTo.Tell(Away(request.Shard));
            return;
        }

        if (!_askers.TryGetValue(request.Shard, out var askers)) _askers.Add(request.Shard, askers = []);
        askers.Add(request.ReplyTo);
        _schedule.Want(request.Shard, force: true, urgent: true);
        StartNext();
    }

    private void StartNext()
    {
        while (_schedule.TryStart(_now(), out var shard, out var force))
        {
            if (!_shards.TryGetValue(shard, out var owner))
            {
                _schedule.Forget(shard);
                continue;
            }

            _askers.Remove(shard, out var askers);
            var attempt = ++_lastAttempt;
            _jobs.Add(attempt, new Job(shard, owner.Ref, owner.Epoch, askers ?? []));
            owner.Ref.Tell(new BeginCheckpoint(attempt, force));
        }
    }

    private void OnPlanned(CheckpointPlanned planned)
    {
        WhenCurrent(planned.Attempt, job =>
        {
            if (planned.Plan is not { } plan)
            {
                _jobs.Remove(planned.Attempt);
                _schedule.Skipped(job.Shard);
                Answer(job.Askers, new CheckpointOutcome(job.Shard, planned.Obstacle is null, planned.Generation,
                    planned.Obstacle ?? "nothing to write"));
                StartNext();
                return;
            }

            job.Plan = plan;
            var (incarnation, attempt, checkpoints) = (_incarnation, planned.Attempt, _checkpoints);
            _ = _work.Run(() => checkpoints.WriteAndValidate(plan)).PipeTo(Self,
                success: result => new Written(incarnation, attempt, result, null),
                failure: cause => new Written(incarnation, attempt, null, SupervisionPolicy.Unwrap(cause)));
        });
    }

    private void OnWritten(Written written)
    {
        if (!_jobs.TryGetValue(written.Attempt, out var job)) return;
        if (written.Result is not null) job.Ref.Tell(new CommitCheckpoint(written.Attempt, written.Result));
        else Undo(written.Attempt, job, written.Cause!);
    }

    private static void Undo(long attempt, Job job, Exception cause)
    {
        job.Failure = cause;
        job.Ref.Tell(new RestoreHeader(attempt, job.Plan!));
    }

    private void OnCommitted(CheckpointCommitted committed)
    {
        WhenCurrent(committed.Attempt, job =>
        {
            _jobs.Remove(committed.Attempt);
            _schedule.Succeeded(job.Shard);
            if (_degraded.Remove(job.Shard)) job.Ref.Tell(new CheckpointsFailing(null));
            var header = committed.Result.Header;
            Answer(job.Askers, new CheckpointOutcome(job.Shard, Committed: true, header.Generation,
                $"{committed.Result.Plan.Kind} up to event {header.Sequence}"));
            var checkpoints = _checkpoints;
            _ = _work.Run(() =>
            {
                checkpoints.Trim(committed.Result);
                return job.Shard;
            }).PipeTo(Self,
                success: shard => new Trimmed(shard, null),
                failure: cause => new Trimmed(job.Shard, SupervisionPolicy.Unwrap(cause)));
            StartNext();
        });
    }

    private void OnRestored(HeaderRestored restored)
    {
        WhenCurrent(restored.Attempt, job =>
        {
            _jobs.Remove(restored.Attempt);
            var failures = _schedule.Failed(job.Shard, _now());
            var detail = job.Failure!.Message;
            _log.Warning("shard {0}: checkpoint {1} in a row not committed, header snapshot restored: {2}", job.Shard, failures, detail);
            if (failures >= _limits.DegradedFailureCount)
            {
                _degraded.Add(job.Shard);
                job.Ref.Tell(new CheckpointsFailing($"{failures} checkpoints in a row were not committed: {detail}"));
            }

            Answer(job.Askers, new CheckpointOutcome(job.Shard, Committed: false, job.Plan!.HeaderSnapshot?.Generation ?? 0, detail));
            StartNext();
        });
    }

    private void Look()
    {
        // What was purged is due after a time, and an idle shard notices no time.
        foreach (var (shard, _) in _shards.Values) shard.Tell(LookForCheckpoint.Instance);
        StartNext();
        // While all workers are busy the looks would queue up behind them.
        if (_isLooking) return;
        _isLooking = true;
        var (checkpoints, limits) = (_checkpoints, _limits);
        _ = _work.Run(() => checkpoints.PinningShard(limits)).PipeTo(Self,
            success: shard => new Pinned(shard),
            failure: _ => new Pinned(null));
    }

    private void OnPinned(Pinned pinned)
    {
        _isLooking = false;
        if (pinned.Shard is not { } shard || !_shards.ContainsKey(shard) || _schedule.IsRunning(shard)) return;
        // Forced: an idle shard has nothing due, yet only a new header lets its old log files go.
        _schedule.Want(shard, force: true, urgent: false);
        StartNext();
    }

    private bool IsOwner(ShardId shard) => _shards.TryGetValue(shard, out var known) && known.Ref.Equals(Sender);

    private void WhenOwner(ShardId shard, Action then)
    {
        if (!IsOwner(shard)) return;
        then();
        StartNext();
    }

    private void WhenCurrent(long attempt, Action<Job> then)
    {
        if (_jobs.TryGetValue(attempt, out var job) && job.Ref.Equals(Sender)) then(job);
    }

    private static ShardFault.Unavailable Away(ShardId shard) =>
        new(shard, "the shard stopped before its checkpoint was over", IsStorageFull: false, TimeSpan.FromSeconds(1));

    private static void Answer(IEnumerable<IActorRef> askers, object answer)
    {
        foreach (var asker in askers) asker.Tell(answer);
    }
}
