using Akka.Actor;
using Akka.Configuration;
using Akka.TestKit.Xunit2;
using EntityActors.Actors.Checkpoints;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using Xunit;

namespace EntityActors.Actors.Tests.Checkpoints;

/// <summary>The coordinator with probes as shards; plans come from a real shard store.</summary>
public sealed class CheckpointCoordinatorTests : TestKit
{
    private static readonly ShardId Shard = new(0);

    private static readonly CheckpointLimits Limits = new()
    {
        LookInterval = TimeSpan.FromMilliseconds(20), RetryDelayMin = TimeSpan.FromMilliseconds(1), RetryDelayMax = TimeSpan.FromMilliseconds(1),
    };

    private readonly string _directory = Directory.CreateTempSubdirectory("entityactors-").FullName;
    private readonly NodeStore _node;
    private readonly ShardStore _store;
    private readonly Work _work;
    private readonly IActorRef _coordinator;

    public CheckpointCoordinatorTests()
        : base(ConfigurationFactory.ParseString("akka.actor.provider = local, akka.loglevel = OFF, akka.stdout-loglevel = OFF")
            .WithFallback(StoreHocon.BuiltIn()))
    {
        _node = NodeStore.Open(new NodeStoreOptions { DataDirectory = _directory, ShardCount = 1 }, new PosixFileSystem(), TimeProvider.System);
        _store = _node.OpenShard(Shard, 0);
        Assert.IsType<PrepareResult.Accepted>(_store.Prepare(
            new PutEntity(new EntityKey("docs", "a"), CommandId.New(), "me", null, default, [], null)));
        _store.Apply(_store.TakeBatch()!);
        _work = new Work(_node);
        _coordinator = Sys.ActorOf(CheckpointCoordinator.PropsFor(Limits, _work, TimeProvider.System));
        // Comes at every look and asks for nothing.
        IgnoreMessages<LookForCheckpoint>(static _ => true);
    }

    protected override void AfterAll()
    {
        base.AfterAll();
        _store.Dispose();
        _node.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public void A_valid_checkpoint_is_committed_and_then_trimmed()
    {
        Register();
        var plan = BeginAndPlan();
        var commit = ExpectMsg<CommitCheckpoint>();
        Assert.Same(plan, commit.Result.Plan);
        Assert.Equal(0, _work.TrimCount);
        _coordinator.Tell(new CheckpointCommitted(commit.Attempt, commit.Result));
        AwaitAssert(() => Assert.Equal(1, _work.TrimCount));
    }

    [Fact]
    public void What_is_not_valid_is_never_committed_the_header_snapshot_goes_back_and_the_shard_is_degraded_in_the_end()
    {
        _work.Failure = new CheckpointInvalidException(Shard, "the segment counts other tags than the memtable");
        Register();
        for (var failure = 1; failure <= Limits.DegradedFailureCount; failure++)
        {
            var plan = BeginAndPlan();
            var restore = ExpectMsg<RestoreHeader>();
            Assert.Same(plan, restore.Plan);
            _store.Restore(restore.Plan);
            _coordinator.Tell(new HeaderRestored(restore.Attempt));
        }

        Assert.Contains("other tags", ExpectMsg<CheckpointsFailing>().Detail, StringComparison.Ordinal);
        _work.Failure = null;
        BeginAndPlan();
        var commit = ExpectMsg<CommitCheckpoint>();
        _coordinator.Tell(new CheckpointCommitted(commit.Attempt, commit.Result));
        Assert.Null(ExpectMsg<CheckpointsFailing>().Detail);
    }

    [Fact]
    public void A_result_for_an_incarnation_that_is_dead_is_dropped_and_its_asker_is_told()
    {
        _work.MayFinish.Reset();
        var shard = CreateTestProbe();
        shard.IgnoreMessages<LookForCheckpoint>(static _ => true);
        _coordinator.Tell(new RegisterShard(Shard, _store.Epoch), shard);
        _coordinator.Tell(new CheckpointRequested(Shard, TestActor), shard);
        var begin = shard.ExpectMsg<BeginCheckpoint>();
        Assert.True(begin.Force);
        shard.Send(_coordinator, new CheckpointPlanned(begin.Attempt, _store.Plan(true), 0));
        Sys.Stop(shard);
        ExpectMsg<ShardFault.Unavailable>();
        Register();
        _work.MayFinish.Set();
        ExpectNoMsg(TimeSpan.FromMilliseconds(200));
    }

    [Fact]
    public void A_committed_or_failed_message_of_somebody_else_changes_nothing()
    {
        Register();
        BeginAndPlan();
        var commit = ExpectMsg<CommitCheckpoint>();
        var stranger = CreateTestProbe();
        stranger.Send(_coordinator, new CheckpointCommitFailed(commit.Attempt, new TimeoutException()));
        stranger.Send(_coordinator, new CheckpointCommitted(commit.Attempt, commit.Result));
        ExpectNoMsg(TimeSpan.FromMilliseconds(100));
        Assert.Equal(0, _work.TrimCount);
    }

    [Fact]
    public void Shards_learn_of_a_coordinator_that_starts()
    {
        Sys.EventStream.Subscribe(TestActor, typeof(CoordinatorStarted));
        var started = Sys.ActorOf(CheckpointCoordinator.PropsFor(Limits, _work, TimeProvider.System));
        // The coordinator of the other tests may announce itself here, too.
        FishForMessage(message => message is CoordinatorStarted announced && announced.Coordinator.Equals(started));
    }

    [Fact]
    public void The_shard_that_pins_the_log_is_checkpointed_though_idle()
    {
        Register();
        _work.Pinning = Shard;
        Assert.True(ExpectMsg<BeginCheckpoint>().Force);
    }

    private void Register() => _coordinator.Tell(new RegisterShard(Shard, _store.Epoch));

    private CheckpointPlan BeginAndPlan()
    {
        _coordinator.Tell(new CheckpointWanted(Shard));
        var begin = ExpectMsg<BeginCheckpoint>();
        var plan = _store.Plan(true)!;
        _coordinator.Tell(new CheckpointPlanned(begin.Attempt, plan, 0));
        return plan;
    }

    private sealed class Work(NodeStore node) : ICheckpointWork
    {
        private readonly NodeCheckpointWork _inner = new(node);
        private int _trimCount;

        public Exception? Failure { get; set; }

        public ShardId? Pinning { get; set; }

        public ManualResetEventSlim MayFinish { get; } = new(true);

        public int TrimCount => Volatile.Read(ref _trimCount);

        public CheckpointResult WriteAndValidate(CheckpointPlan plan)
        {
            MayFinish.Wait(TimeSpan.FromSeconds(20));
            return Failure is { } failure ? throw failure : _inner.WriteAndValidate(plan);
        }

        public void Trim(CheckpointResult committed) => Interlocked.Increment(ref _trimCount);

        public ShardId? PinningShard(CheckpointLimits limits) => Pinning;
    }
}
