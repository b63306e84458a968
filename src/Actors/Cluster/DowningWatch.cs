using Akka.Actor;
using Akka.Cluster;
using Akka.Event;
using Akka.Remote;

namespace EntityActors.Actors.Cluster;

/// <summary>Knows whether this node still belongs to the majority of its cluster, and says why when it is the cluster that ends it.</summary>
/// <remarks>
/// Three ways lead out. The split-brain resolver of this node finds itself in the minority and downs it; another member downs it and the
/// news still arrives; or, most often after a pause, the others removed it long ago and talk to it no more: the first connection it makes is
/// refused with the word "quarantined". The cluster module does nothing about the third one, so the node would go on as the only member of
/// a cluster of its own until its failure detector has given up on all others. It downs itself here,
/// and also when it has joined the cluster of another store (<see cref="StoreMembership"/>).
/// </remarks>
internal sealed class DowningWatch : ReceiveActor
{
    public const string ActorName = "downing-watch";

    private const string DeclaredDown = "the other members could not reach it and declared it down";

    private readonly ClusterStanding _standing;
    private readonly Guid? _store;
    private readonly Akka.Cluster.Cluster _cluster = Akka.Cluster.Cluster.Get(Context.System);
    private readonly ILoggingAdapter _log = Context.GetLogger();

    public DowningWatch(ClusterStanding standing, Guid? store)
    {
        (_standing, _store) = (standing, store);
        Receive<ClusterEvent.MemberDowned>(downed => OnDowned(downed.Member));
        Receive<ClusterEvent.IClusterDomainEvent>(_ => Look());
        Receive<ThisActorSystemQuarantinedEvent>(OnQuarantined);
        Look();
    }

    /// <param name="store">The store that this node serves; null for one that owns no shards.</param>
    public static Props PropsFor(ClusterStanding standing, Guid? store) => Props.Create(() => new DowningWatch(standing, store));

    protected override void PreStart()
    {
        _cluster.Subscribe(Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents,
            typeof(ClusterEvent.IMemberEvent), typeof(ClusterEvent.IReachabilityEvent));
        Context.System.EventStream.Subscribe(Self, typeof(ThisActorSystemQuarantinedEvent));
    }

    protected override void PostStop()
    {
        // The cluster module ends when it is told, and what it was about to tell may end with it.
        if (CoordinatedShutdown.Get(Context.System).ShutdownReason is CoordinatedShutdown.ClusterDowningReason) End(DeclaredDown);
        Context.System.EventStream.Unsubscribe(Self);
        _cluster.Unsubscribe(Self);
    }

    private void OnQuarantined(ThisActorSystemQuarantinedEvent refused)
    {
        // One that is no member (any more) may refuse what it likes.
        if (_cluster.State.Members.All(member => member.Address != refused.RemoteAddress)) return;
        End($"{Name(refused.RemoteAddress)} has removed it from the cluster, since it did not answer for too long");
        _cluster.Down(_cluster.SelfAddress);
    }

    private void OnDowned(Member member)
    {
        Look();
        if (member.UniqueAddress != _cluster.SelfUniqueAddress) return;
        var (members, unreachable) = Count();
        End(unreachable.Count * 2 >= members
            ? $"it cannot reach {string.Join(", ", unreachable.Select(other => Name(other.Address)))}, and the {members - unreachable.Count} of {members} "
                + "members on its side are not the part that goes on"
            : DeclaredDown);
    }

    private void End(string reason)
    {
        if (_standing.Downed is not null) return;
        _standing.Down(reason);
        _standing.Look("this node is no member of the cluster any more");
        _log.Warning("this node ends: {0}", reason);
    }

    private void Look()
    {
        if (_standing.Downed is not null) return;
        if (_store is { } store && StoreMembership.Foreign(_cluster, store) is { } other)
        {
            End($"{StoreMembership.Name(other)} serves another store; members of one cluster share one data directory");
            _cluster.Down(_cluster.SelfAddress);
            return;
        }

        var (members, unreachable) = Count();
        _standing.Look(unreachable.Count * 2 < Math.Max(members, 1)
            ? null
            : $"{unreachable.Count} of {members} members cannot be reached from here");
    }

    private (int Members, List<Member> Unreachable) Count()
    {
        var state = _cluster.State;
        return (state.Members.Count(IsStore), state.Unreachable.Where(IsStore).ToList());
    }

    private static bool IsStore(Member member) => member.HasRole(StoreSharding.Role);

    private static string Name(Address address) => $"{address.Host}:{address.Port}";
}
