using Akka.Actor;
using Akka.Cluster;
using Akka.Event;
using EntityActors.Storage.Io;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Cluster;

/// <summary>Joins the cluster of the data directory, or begins it when there is none.</summary>
/// <remarks>
/// Two clusters over one directory would take the shards from each other for ever. A node cannot tell from silence that there is no cluster: its
/// seeds may be frozen or slow. The directory can tell. Every member holds <c>members</c> shared for as long as its process lives, and a node
/// begins a cluster only when it gets that lock for itself; it holds <c>founding</c> meanwhile, until it is a member, so that of several nodes that
/// start together one begins and the others join it. Everybody else asks the seeds, again and again.
/// What cannot happen: a cluster begun beside a member that is frozen. Until that one wakes up or ends, nodes wait for it.
/// </remarks>
internal sealed class ClusterJoiner : ReceiveActor, IWithTimers
{
    public const string ActorName = "joiner";

    /// <summary>How often a node that is no member yet looks whether it may begin the cluster.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private readonly Akka.Cluster.Cluster _cluster = Akka.Cluster.Cluster.Get(Context.System);
    private readonly IFileSystem _files;
    private readonly StoreLayout _layout;
    private readonly List<Address> _others;
    private readonly bool _mayBegin;
    private IDisposable? _membership;
    private IDisposable? _founding;
    private bool _isAsking;

    public ClusterJoiner(NodeStore store, IReadOnlyList<Address> seeds)
    {
        (_files, _layout) = (store.Files, store.Layout);
        _others = [.. seeds.Where(seed => seed != _cluster.SelfAddress)];
        _mayBegin = _others.Count < seeds.Count || seeds.Count == 0;
        Receive<JoinDue>(_ => Join());
        Timers!.StartPeriodicTimer(nameof(JoinDue), new JoinDue(), TimeSpan.Zero, Interval);
    }

    public ITimerScheduler? Timers { get; set; }

    private sealed record JoinDue;

    /// <param name="seeds">Members to ask. A node that is among them, or has none, may begin the cluster.</param>
    public static Props PropsFor(NodeStore store, IReadOnlyList<Address> seeds) =>
        Props.Create(() => new ClusterJoiner(store, seeds)).WithDispatcher("entityactors.checkpoint-dispatcher");

    /// <summary>Whether a process of this directory is a member of a cluster now.</summary>
    public static bool HasMembers(NodeStore store)
    {
        using var alone = store.Files.TryLock(store.Layout.MembersLock);
        return alone is null;
    }

    protected override void PostStop()
    {
        _founding?.Dispose();
        _membership?.Dispose();
    }

    private void Join()
    {
        if (_cluster.SelfMember.Status is MemberStatus.Up or MemberStatus.WeaklyUp)
        {
            // Another node that looks whether there are members holds the lock for a moment.
            if ((_membership ??= _files.TryLock(_layout.MembersLock, LockMode.Shared)) is null) return;
            _founding?.Dispose();
            _founding = null;
            Timers!.Cancel(nameof(JoinDue));
            return;
        }

        if (_founding is not null || TryBegin() || _isAsking || _others.Count == 0) return;
        _isAsking = true;
        _cluster.JoinSeedNodes(_others);
    }

    private bool TryBegin()
    {
        if (!_mayBegin || _files.TryLock(_layout.FoundingLock) is not { } founding) return false;
        using (var alone = _files.TryLock(_layout.MembersLock))
        {
            if (alone is null)
            {
                founding.Dispose();
                return false;
            }
        }

        // Nobody else begins one as long as this node founds, so between the two locks nobody becomes a member.
        _founding = founding;
        _membership = _files.TryLock(_layout.MembersLock, LockMode.Shared);
        Context.GetLogger().Info("no process of this data directory is a member of a cluster: {0} begins one", _cluster.SelfAddress);
        _cluster.Join(_cluster.SelfAddress);
        return true;
    }
}
