using Akka.Actor;
using Akka.Cluster;
using Akka.Event;
using Akka.Remote;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Cluster;

/// <summary>Has a member removed as soon as its process is proved dead, without waiting for time-outs. Without proof it does nothing.</summary>
/// <remarks>
/// <para>A member is looked at when its connection is lost or the failure detector finds it unreachable. The proof is the lock that its process held
/// (<see cref="ProcessLocks"/>): whoever gets it knows that the process with this uid has ended. Then the member is marked down and terminated; the leader
/// removes it at its next turn, and its shards go to other nodes.</para>
/// <para>The kernel closes sockets and releases locks in no certain order, so a few looks follow in short steps; an unreachable member is looked at again
/// and again, since it may be killed while it is frozen. A member whose process lives, frozen or cut off, keeps its lock: failure
/// detector and split-brain resolver decide about it, not this actor.</para>
/// <para>The cluster marks down by address, and a restart may have the same one. So between proof and deed the members are asked for once more: only while
/// exactly the dead incarnation is one, it is acted on. A successor joins only after its predecessor was removed, and has another uid.</para>
/// <para>Looks read from disk: the actor has a thread of its own.</para>
/// </remarks>
internal sealed class DeathWatcher : ReceiveActor, IWithTimers
{
    public const string ActorName = "death-watcher";

    private const string Dispatcher = "entityactors.death-watch-dispatcher";
    private const string CleanUpTimer = "clean-up";

    private readonly ProcessLocks _locks;
    private readonly IMembership _membership;
    private readonly UniqueAddress _self;
    private readonly DeathWatchLimits _limits;
    private readonly Dictionary<UniqueAddress, Suspect> _suspects = [];
    private readonly HashSet<Address> _lost = [];
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private bool _isCleanUpDue;

    public DeathWatcher(ProcessLocks locks, IMembership membership, UniqueAddress self, DeathWatchLimits limits)
    {
        (_locks, _membership, _self, _limits) = (locks, membership, self, limits);
        Receive<DisassociatedEvent>(lost => OnLost(lost.RemoteAddress));
        Receive<AssociationErrorEvent>(lost => OnLost(lost.RemoteAddress));
        Receive<ClusterEvent.UnreachableMember>(_ => _membership.SendView(Self));
        Receive<ClusterEvent.MemberRemoved>(_ => _membership.SendView(Self));
        Receive<ClusterEvent.CurrentClusterState>(state => OnView(MembershipView.Of(state, _self)));
        Receive<MembershipView>(OnView);
        Receive<LookDue>(due => OnLookDue(due.Node));
        Receive<CleanUpDue>(_ =>
        {
            _isCleanUpDue = true;
            _membership.SendView(Self);
        });
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private sealed record LookDue(UniqueAddress Node);

    private sealed record CleanUpDue;

    /// <param name="self">Of the node that watches.</param>
    public static Props PropsFor(ProcessLocks locks, IMembership membership, UniqueAddress self, DeathWatchLimits limits) =>
        Props.Create(() => new DeathWatcher(locks, membership, self, limits)).WithDispatcher(Dispatcher);

    /// <summary>As others find it in the lock of a process.</summary>
    public static ProcessIdentity IdentityOf(UniqueAddress node) => new(node.Address.ToString(), node.Uid);

    protected override void PreStart()
    {
        Context.System.EventStream.Subscribe(Self, typeof(DisassociatedEvent));
        Context.System.EventStream.Subscribe(Self, typeof(AssociationErrorEvent));
        Akka.Cluster.Cluster.Get(Context.System).Subscribe(Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents,
            typeof(ClusterEvent.UnreachableMember), typeof(ClusterEvent.MemberRemoved));
        Timers.StartPeriodicTimer(CleanUpTimer, new CleanUpDue(), _limits.CleanUpInterval);
    }

    protected override void PostStop()
    {
        Context.System.EventStream.Unsubscribe(Self);
        Akka.Cluster.Cluster.Get(Context.System).Unsubscribe(Self);
    }

    private void OnLost(Address address)
    {
        if (address.Equals(_self.Address)) return;
        _lost.Add(address);
        _membership.SendView(Self);
    }

    private void OnView(MembershipView view)
    {
        foreach (var node in _suspects.Keys.Where(node => view.Find(node) is null).ToList()) Clear(node);
        foreach (var peer in view.Peers)
        {
            if (_suspects.TryGetValue(peer.Node, out var suspect))
            {
                suspect.IsUnreachable = peer.IsUnreachable;
                if (_lost.Contains(peer.Node.Address)) suspect.LookCount = 0;
                if (suspect.IsDeedDue) Remove(peer, suspect);
            }
            else if (peer.IsUnreachable || _lost.Contains(peer.Node.Address))
            {
                _suspects[peer.Node] = new Suspect { IsUnreachable = peer.IsUnreachable };
                Look(peer.Node);
            }
        }

        _lost.Clear();
        if (_isCleanUpDue && view.IsJoined) CleanUp(view);
    }

    private void OnLookDue(UniqueAddress node)
    {
        if (!_suspects.TryGetValue(node, out var suspect)) return;
        // What was done may have had no effect, in a cluster that was just forming for example: as long as it is a member, it is done again.
        if (suspect.IsDead) Confirm(node, suspect);
        else Look(node);
    }

    private void Look(UniqueAddress node)
    {
        var suspect = _suspects[node];
        switch (LookAtLock(node))
        {
            case ProcessLockState.Released:
                suspect.IsDead = true;
                Confirm(node, suspect);
                break;
            case ProcessLockState.Held when _limits.LookDelay(suspect.LookCount++) is { } delay:
                Timers.StartSingleTimer(node, new LookDue(node), delay);
                break;
            case var state when suspect.IsUnreachable:
                if (!suspect.IsTold) _log.Warning("{0} is not reached; its lock is {1}, which does not prove it dead: nothing is done", node, state);
                suspect.IsTold = true;
                Timers.StartSingleTimer(node, new LookDue(node), _limits.UnreachableInterval);
                break;
            default:
                Clear(node);
                break;
        }
    }

    private ProcessLockState LookAtLock(UniqueAddress node)
    {
        try
        {
            return _locks.Look(IdentityOf(node));
        }
        catch (StoreIoException failure)
        {
            _log.Warning("the lock of {0} cannot be looked at, which proves nothing: {1}", node, failure.Message);
            return ProcessLockState.Foreign;
        }
    }

    private void Confirm(UniqueAddress node, Suspect suspect)
    {
        suspect.IsDeedDue = true;
        Timers.StartSingleTimer(node, new LookDue(node), _limits.UnreachableInterval);
        _membership.SendView(Self);
    }

    private void Remove(MembershipView.Peer dead, Suspect suspect)
    {
        // Once for each confirmation: every deed is news that all members have to see before the leader may act.
        suspect.IsDeedDue = false;
        if (!suspect.IsDone)
            _log.Warning("{0} is dead: the lock that only the end of its process releases is free; it is marked down and terminated", dead.Node);
        suspect.IsDone = true;
        if (!dead.IsDown) _membership.Down(dead.Node.Address);
        _membership.MarkTerminated(dead.Node);
    }

    private void Clear(UniqueAddress node)
    {
        Timers.Cancel(node);
        _suspects.Remove(node);
    }

    private void CleanUp(MembershipView view)
    {
        _isCleanUpDue = false;
        try
        {
            _locks.RemoveReleased(uid => view.Peers.Any(peer => peer.Node.Uid == uid));
        }
        catch (StoreIoException failure)
        {
            _log.Warning("locks of processes that have ended stay for now: {0}", failure.Message);
        }
    }

    private sealed class Suspect
    {
        public int LookCount { get; set; }

        public bool IsUnreachable { get; set; }

        public bool IsDead { get; set; }

        public bool IsDeedDue { get; set; }

        public bool IsDone { get; set; }

        public bool IsTold { get; set; }
    }
}
