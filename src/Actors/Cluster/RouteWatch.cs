using Akka.Actor;
using Akka.Cluster;
using EntityActors.Actors.Client;

namespace EntityActors.Actors.Cluster;

/// <summary>Has calls under way sent again when a member that owned shards has gone.</summary>
/// <remarks>The region hears of it at about the same time, perhaps a moment later, and sends into the void until then. So it is done again soon.</remarks>
internal sealed class RouteWatch : ReceiveActor, IWithTimers
{
    public const string ActorName = "route-watch";

    /// <summary>How often calls are sent again after a member has gone, the first time included.</summary>
    private const int RaiseCount = 3;

    private readonly RouteChanges _routes;
    private readonly TimeSpan _delayMin;
    private TimeSpan _delay;
    private int _left;

    public RouteWatch(RouteChanges routes, TimeSpan delayMin)
    {
        (_routes, _delayMin) = (routes, delayMin);
        Receive<ClusterEvent.MemberRemoved>(_ =>
        {
            (_left, _delay) = (RaiseCount, _delayMin);
            Raise();
        }, removed => removed.Member.HasRole(StoreSharding.Role));
        Receive<ClusterEvent.MemberRemoved>(_ => { });
        Receive<RaiseDue>(_ => Raise());
    }

    public ITimerScheduler? Timers { get; set; }

    private sealed record RaiseDue;

    /// <param name="delayMin">From the first to the second time; doubles.</param>
    public static Props PropsFor(RouteChanges routes, TimeSpan delayMin) => Props.Create(() => new RouteWatch(routes, delayMin));

    protected override void PreStart() => Akka.Cluster.Cluster.Get(Context.System).Subscribe(
        Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents, typeof(ClusterEvent.MemberRemoved));

    protected override void PostStop() => Akka.Cluster.Cluster.Get(Context.System).Unsubscribe(Self);

    private void Raise()
    {
        _routes.Raise();
        if (--_left == 0) return;
        Timers!.StartSingleTimer(nameof(RaiseDue), new RaiseDue(), _delay);
        _delay *= 2;
    }
}
