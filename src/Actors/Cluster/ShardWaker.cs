using Akka.Actor;
using Akka.Cluster;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Cluster;

/// <summary>Starts every shard at start and after a member has gone: without remembered entities a shard sleeps until it is sent something.</summary>
internal sealed class ShardWaker : ReceiveActor, IWithTimers
{
    public const string ActorName = "waker";

    private const string WakeTimer = "wake";

    private readonly IActorRef _region;
    private readonly int _shardCount;

    public ShardWaker(IActorRef region, int shardCount, TimeSpan interval)
    {
        (_region, _shardCount) = (region, shardCount);
        Receive<ClusterEvent.MemberRemoved>(_ => WakeAll());
        Receive<ClusterEvent.MemberUp>(_ => WakeAll());
        Receive<WakeDue>(_ => WakeAll());
        Timers!.StartPeriodicTimer(WakeTimer, new WakeDue(), TimeSpan.Zero, interval);
    }

    public ITimerScheduler? Timers { get; set; }

    private sealed record WakeDue;

    /// <param name="interval">How often all shards are sent a wake-up: a region may drop one while it has no coordinator yet.</param>
    public static Props PropsFor(IActorRef region, int shardCount, TimeSpan interval) =>
        Props.Create(() => new ShardWaker(region, shardCount, interval));

    protected override void PreStart() => Akka.Cluster.Cluster.Get(Context.System).Subscribe(
        Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents, typeof(ClusterEvent.MemberRemoved), typeof(ClusterEvent.MemberUp));

    protected override void PostStop() => Akka.Cluster.Cluster.Get(Context.System).Unsubscribe(Self);

    private void WakeAll()
    {
        for (var shard = 0; shard < _shardCount; shard++) _region.Tell(new WakeShard(new ShardId(shard)));
    }
}
