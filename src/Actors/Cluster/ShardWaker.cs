using Akka.Actor;
using Akka.Cluster;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Cluster;

/// <summary>Starts every shard when a member is up and when one has gone: without remembered entities a shard sleeps until it is sent something.</summary>
/// <remarks>
/// Not before this node is a member itself: its region has nobody to ask then, and says so again and again. The region hears that a member has gone
/// at about the same time, perhaps after the first message, which then goes to the dead node and is lost. So the next ones follow soon.
/// </remarks>
internal sealed class ShardWaker : ReceiveActor, IWithTimers
{
    public const string ActorName = "waker";

    /// <summary>Longest time between two wake-ups of all shards.</summary>
    public static readonly TimeSpan IntervalMax = TimeSpan.FromMinutes(1);

    private const string WakeTimer = "wake";

    private readonly IActorRef _region;
    private readonly int _shardCount;
    private readonly TimeSpan _intervalMin;
    private TimeSpan _interval;

    public ShardWaker(IActorRef region, int shardCount, TimeSpan intervalMin)
    {
        (_region, _shardCount, _intervalMin, _interval) = (region, shardCount, intervalMin, intervalMin);
        Receive<ClusterEvent.MemberRemoved>(_ => OnMembersChanged());
        Receive<ClusterEvent.MemberUp>(_ => OnMembersChanged());
        Receive<WakeDue>(_ => WakeAll());
    }

    public ITimerScheduler? Timers { get; set; }

    private sealed record WakeDue;

    /// <param name="intervalMin">
    /// How soon all shards are sent a second wake-up after the members changed: a region may drop one while it has no coordinator yet.
    /// The time doubles from one to the next, up to <see cref="IntervalMax"/>.
    /// </param>
    public static Props PropsFor(IActorRef region, int shardCount, TimeSpan intervalMin) =>
        Props.Create(() => new ShardWaker(region, shardCount, intervalMin));

    protected override void PreStart() => Akka.Cluster.Cluster.Get(Context.System).Subscribe(
        Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents, typeof(ClusterEvent.MemberRemoved), typeof(ClusterEvent.MemberUp));

    protected override void PostStop() => Akka.Cluster.Cluster.Get(Context.System).Unsubscribe(Self);

    private void OnMembersChanged()
    {
        _interval = _intervalMin;
        WakeAll();
    }

    private void WakeAll()
    {
        for (var shard = 0; shard < _shardCount; shard++) _region.Tell(new WakeShard(new ShardId(shard)));
        Timers!.StartSingleTimer(WakeTimer, new WakeDue(), _interval);
        _interval = _interval * 2 < IntervalMax ? _interval * 2 : IntervalMax;
    }
}
