using Akka.Actor;
using Akka.Event;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Transfers;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Shards;

/// <summary>Starts, watches and starts again the actor of one shard. The entity that the shard region knows.</summary>
/// <remarks>
/// Opening --opened--> Recovering --recovered--> Serving
///    ^                    |                        |
///    |                    '--- Failing (says why) -'
///    |                              |
///    |---drained- Restarting  &lt;------ asked to -----|
///    '---delay--- BackingOff &lt;----terminated----'         Quarantined after too many failures in a row
///
/// A plain actor with a table of its own: a persistence failure stops its actor without any supervisor strategy being asked, and
/// each start needs a new epoch and perhaps another header. The next actor is created only after the one before has terminated.
/// It forwards only while the shard serves; otherwise requests wait, bounded in number and time, or get a typed answer. It never
/// stops by itself, because what is queued to it would be lost; the drain message ends it in every state.
/// </remarks>
internal sealed class ShardSupervisor : ReceiveActor, IWithTimers
{
    private const string RestartTimer = "restart";
    private const string HealthyTimer = "healthy";
    private const string ExpiryTimer = "expiry";

    private readonly ShardSupervisorSettings _settings;
    private readonly ShardLimits _limits;
    private readonly ShardFaults _faults;
    private readonly SupervisionPolicy _policy;
    private readonly RecoveryQueue<(IShardRequest Request, IActorRef Sender)> _waiting;
    private readonly DispatcherWork _work = DispatcherWork.Checkpoints(Context.System);
    private readonly StoreHandOver _handOver = new();
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly ShardDoor _door;
    private IActorRef _replyTo = ActorRefs.Nobody;
    private long _attempt;
    private ShardOpening _opening = ShardOpening.Newest;
    private IActorRef? _child;
    private OpenRequests _open;
    private Exception? _cause;
    private string? _detail;

    public ShardSupervisor(ShardSupervisorSettings settings)
    {
        (_settings, _limits) = (settings, settings.Limits);
        _faults = new ShardFaults(settings.Shard, _limits);
        _door = new ShardDoor(Context.System, settings.Shard, settings.Region);
        _policy = new SupervisionPolicy(_limits, settings.Random);
        _open = NewOpenRequests();
        var start = settings.Time.GetTimestamp();
        _waiting = new RecoveryQueue<(IShardRequest, IActorRef)>(
            _limits.RecoveryWaitingCountMax, _limits.RecoveryWaitMax, () => settings.Time.GetElapsedTime(start));
        Open();
    }

    public ITimerScheduler Timers { get; set; } = null!;

    // Results of an earlier attempt are told apart by its number.
    private sealed record Opened(long Attempt, Exception? Cause) : INoSerializationVerificationNeeded;

    private sealed record RestartDue;

    private sealed record HealthyDue;

    private sealed record ExpiryDue;

    public static Props PropsFor(ShardSupervisorSettings settings) => Props.Create(() => new ShardSupervisor(settings));

    // The actor's own strategy must never restart it: a restarted incarnation could use a sequence number twice.
    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(cause =>
    {
        _cause ??= cause;
        return Directive.Stop;
    });

    protected override bool AroundReceive(Receive receive, object message) =>
        _door.Admit(message, Sender, out _replyTo) is not { } admitted || base.AroundReceive(receive, admitted);

    protected override void PostStop()
    {
        _handOver.Close();
        _settings.Readiness.Report(_settings.Shard, ShardStatus.Unknown);
        // The child has terminated before; without a drain it may have left requests behind.
        AnswerOpen("the shard is being handed over");
        while (_waiting.TryTake(out var waiting)) waiting.Sender.Tell(Unavailable("the shard is being handed over"));
        base.PostStop();
    }

    // ---- states

    private void Opening()
    {
        Receive<Opened>(OnOpened);
        Receive<DrainShard>(_ => Context.Stop(Self));
        ReceiveWhileAway(ShardStatus.Recovering);
    }

    private void Recovering()
    {
        Receive<ShardRecovered>(_ => OnRecovered(), _ => Sender.Equals(_child));
        ReceiveChildsEnd();
        Receive<DrainShard>(_ => Context.Stop(Self));
        ReceiveWhileAway(ShardStatus.Recovering);
    }

    private void Serving()
    {
        Receive<HealthyDue>(_ => _policy.OnHealthy());
        Receive<ShardDegraded>(degraded => _settings.Readiness.Report(_settings.Shard,
            degraded.Detail is null ? ShardStatus.Serving : ShardStatus.Degraded));
        ReceiveChildsEnd();
        Receive<DrainShard>(_ => Drain());
        ReceiveInEveryState();
        Receive<RestartShard>(_ => Restart());
        Receive<IShardRequest>(Forward);
        Receive<ExpiryDue>(_ => { });
    }

    // The actor has said why it stops: what is sent now waits for the next one.
    private void Failing()
    {
        ReceiveChildsEnd();
        Receive<DrainShard>(_ => Context.Stop(Self));
        ReceiveWhileAway(ShardStatus.Recovering);
    }

    // Drained to start again: what is sent now waits for the next one.
    private void Restarting()
    {
        Receive<Terminated>(_ =>
        {
            _child = null;
            AnswerOpen("the shard starts again");
            Open();
        }, end => end.ActorRef.Equals(_child));
        Receive<ShardFailing>(_ => { }, _ => Sender.Equals(_child));
        Receive<ShardDegraded>(_ => { });
        Receive<DrainShard>(_ => Become(Draining));
        ReceiveWhileAway(ShardStatus.Recovering);
    }

    private void BackingOff()
    {
        Receive<RestartDue>(_ => Open());
        Receive<DrainShard>(_ => Context.Stop(Self));
        ReceiveWhileAway(ShardStatus.Recovering);
    }

    private void Quarantined()
    {
        Receive<DrainShard>(_ => Context.Stop(Self));
        ReceiveInEveryState();
        Receive<GetShardState>(_ => Sender.Tell(State(ShardStatus.Quarantined)));
        Receive<RestartShard>(_ => Sender.Tell(State(ShardStatus.Quarantined)));
        Receive<IShardRequest>(_ => Sender.Tell(Unavailable($"quarantined: {_detail}")));
        Receive<ExpiryDue>(_ => { });
    }

    private void Draining()
    {
        Receive<Terminated>(_ => Context.Stop(Self), end => end.ActorRef.Equals(_child));
        Receive<DrainShard>(_ => { });
        ReceiveInEveryState();
        Receive<GetShardState>(_ => Sender.Tell(State(ShardStatus.Recovering)));
        Receive<IShardRequest>(_ => Sender.Tell(Unavailable("the shard is being handed over")));
        Receive<ExpiryDue>(_ => { });
    }

    private void ReceiveChildsEnd()
    {
        Receive<ShardFailing>(failing =>
        {
            _cause ??= failing.Cause;
            Become(Failing);
        }, _ => Sender.Equals(_child));
        Receive<Terminated>(_ => OnFailure(_cause ?? new InvariantViolationException("the shard's actor stopped without a cause")),
            end => end.ActorRef.Equals(_child));
    }

    // Before anything that takes any request.
    private void ReceiveInEveryState()
    {
        Receive<WakeShard>(_ => { });
        Receive<DescribeStore>(_ => Sender.Tell(_settings.Store));
        Receive<IShardRequest>(request => Sender.Tell(RequestAddress.Fault(request, _settings.Store.ShardCount)!),
            request => RequestAddress.Fault(request, _settings.Store.ShardCount) is not null);
    }

    private void ReceiveWhileAway(ShardStatus status)
    {
        ReceiveInEveryState();
        Receive<GetShardState>(_ => Sender.Tell(State(status)));
        // It is about to start anyway.
        Receive<RestartShard>(_ => Sender.Tell(State(status)));
        Receive<IShardRequest>(Queue);
        Receive<ExpiryDue>(_ => ExpireWaiting());
        Receive<HealthyDue>(_ => { });
    }

    // ---- transitions

    private void Open()
    {
        _settings.Readiness.Report(_settings.Shard, ShardStatus.Recovering);
        if (_settings.ClaimObstacle() is { } obstacle)
        {
            _detail = obstacle;
            Become(BackingOff);
            Timers.StartSingleTimer(RestartTimer, new RestartDue(), _limits.ClaimRetryDelay);
            return;
        }

        Become(Opening);
        _attempt++;
        var (attempt, how, open, handOver) = (_attempt, _opening, _settings.Open, _handOver);
        // Claiming and reading the logs of predecessors takes disk time; the actor is created once that is done.
        _ = _work.Run(() =>
        {
            handOver.Give(open(how));
            return attempt;
        }).PipeTo(Self,
            success: opened => new Opened(opened, null),
            failure: cause => new Opened(attempt, SupervisionPolicy.Unwrap(cause)));
    }

    private void OnOpened(Opened opened)
    {
        if (opened.Attempt != _attempt) return;
        if (opened.Cause is not null)
        {
            OnFailure(opened.Cause);
            return;
        }

        _cause = null;
        _open = NewOpenRequests();
        var start = new ShardStart(_handOver.Take(), _attempt - 1);
        _child = Context.Watch(Context.ActorOf(_settings.PropsFor(start), $"start-{_attempt}"));
        Become(Recovering);
    }

    private void OnRecovered()
    {
        _detail = null;
        _settings.Readiness.Report(_settings.Shard, ShardStatus.Serving);
        Timers.StartSingleTimer(HealthyTimer, new HealthyDue(), _limits.HealthyAfter);
        Timers.Cancel(ExpiryTimer);
        Become(Serving);
        while (_waiting.TryTake(out var waiting)) Forward(waiting.Request, waiting.Sender);
    }

    private void OnFailure(Exception cause)
    {
        _child = null;
        _cause = null;
        AnswerOpen("the shard's actor stopped", _faults.NotWritten(cause));
        Timers.Cancel(HealthyTimer);
        switch (_policy.OnFailure(cause))
        {
            case SupervisionDecision.Retry retry:
                _log.Warning("shard {0}: {1}; starting again in {2}: {3}", _settings.Shard, cause.Message, retry.Delay, retry.Opening);
                (_detail, _opening) = (cause.Message, retry.Opening);
                _settings.Readiness.Report(_settings.Shard, ShardStatus.Recovering);
                Become(BackingOff);
                Timers.StartSingleTimer(RestartTimer, new RestartDue(), retry.Delay);
                break;
            case SupervisionDecision.Quarantine quarantine:
                _log.Error(cause, "shard {0} is quarantined after {1} failures: {2}", _settings.Shard, _policy.FailureCount,
                    quarantine.Reason);
                _detail = quarantine.Reason;
                _settings.Readiness.Report(_settings.Shard, ShardStatus.Quarantined);
                Timers.Cancel(ExpiryTimer);
                Become(Quarantined);
                while (_waiting.TryTake(out var waiting)) waiting.Sender.Tell(Unavailable($"quarantined: {_detail}"));
                break;
            default:
                throw new InvariantViolationException("an unknown decision");
        }
    }

    private void Drain()
    {
        Timers.Cancel(HealthyTimer);
        Become(Draining);
        _child!.Tell(DrainShard.Instance);
    }

    private void Restart()
    {
        Timers.Cancel(HealthyTimer);
        _settings.Readiness.Report(_settings.Shard, ShardStatus.Recovering);
        Become(Restarting);
        _child!.Tell(DrainShard.Instance);
        Sender.Tell(State(ShardStatus.Recovering));
    }

    // ---- requests

    private void Forward(IShardRequest request) => Forward(request, _replyTo);

    private void Forward(IShardRequest request, IActorRef sender)
    {
        if (_open.TryOpen(request, sender) is { } ticket) _child!.Tell(new AdmittedRequest(request, ticket), sender);
        else sender.Tell(_faults.Busy("requests wait in the shard"));
    }

    private void Queue(IShardRequest request)
    {
        if (!_waiting.TryAdd((request, _replyTo))) Sender.Tell(_faults.Busy("requests wait for the shard to recover"));
        // Runs only while something waits: an idle node has as many supervisors as shards.
        else if (_waiting.Count == 1) Timers.StartPeriodicTimer(ExpiryTimer, new ExpiryDue(), _limits.RecoveryWaitMax / 4);
    }

    private void ExpireWaiting()
    {
        while (_waiting.TryTakeExpired(out var expired)) expired.Sender.Tell(Unavailable(_detail ?? "the shard is recovering"));
        if (_waiting.Count == 0) Timers.Cancel(ExpiryTimer);
    }

    private OpenRequests NewOpenRequests() => new(_settings.Shard, _limits.RequestCountMax);

    private void AnswerOpen(string reason, ShardFault? refusal = null) => _open.AnswerRest(reason, _limits.RestartDelayMin, refusal);

    private ShardFault.Unavailable Unavailable(string reason) =>
        new(_settings.Shard, reason, IsStorageFull: false, _limits.RestartDelayMin, _settings.Node);

    private ShardState State(ShardStatus status) => new(_settings.Shard, status, _detail, _settings.Node, Epoch: null, Generation: null,
        Sequence: null, CheckpointedSequence: null, EntityCount: null, TagCount: null, SegmentCount: null, SegmentBytes: null,
        MemtableBytes: null, CheckpointsCommitted: 0, CheckpointsRestored: 0, Restarts: Math.Max(_attempt - 1, 0));
}
