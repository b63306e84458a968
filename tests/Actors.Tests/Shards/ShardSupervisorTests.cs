using Akka.Actor;
using Akka.Configuration;
using Akka.TestKit.Xunit2;
using EntityActors.Actors.Checkpoints;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Shards;
using EntityActors.Actors.Tests.Hosting;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Actors.Tests.Shards;

/// <summary>One test per transition of the supervisor's diagram; a probe stands in for the shard's actor.</summary>
public sealed class ShardSupervisorTests() : TestKit(ConfigurationFactory.ParseString(
    "akka.actor.provider = local, akka.loglevel = OFF, akka.stdout-loglevel = OFF").WithFallback(StoreHocon.BuiltIn()))
{
    private static readonly ShardId Shard = new(1);
    private static readonly EntityKey Key = NodeLoad.Keys("a", Shard, 2, 1).Single();
    private static readonly GetEntity Request = new(Shard, Key, null, false);

    private static readonly ShardLimits Limits = new()
    {
        RestartDelayMin = TimeSpan.FromMilliseconds(1), RestartDelayMax = TimeSpan.FromMilliseconds(5), FencedDelay = TimeSpan.FromMilliseconds(1),
        QuarantineFailureCount = 3, RecoveryWaitingCountMax = 2, RequestCountMax = 2,
    };

    private readonly ShardReadiness _readiness = new(2);
    private readonly ManualResetEventSlim _mayOpen = new(true);
    private readonly List<ShardOpening> _openings = [];
    private Exception? _openFailure;
    private ShardStore? _opened;
    private volatile string? _claimObstacle;

    [Fact]
    public void A_shard_is_not_claimed_while_the_node_must_not_and_requests_wait_for_it()
    {
        _claimObstacle = "2 of 3 members cannot be reached from here";
        var supervisor = Start(Limits with { ClaimRetryDelay = TimeSpan.FromMilliseconds(1) });
        supervisor.Tell(new GetShardState(Shard), TestActor);
        var state = ExpectMsg<ShardState>();
        Assert.Equal((ShardStatus.Recovering, _claimObstacle, 0L), (state.Status, state.Detail, state.Restarts));
        supervisor.Tell(Request, TestActor);
        ExpectNoMsg(TimeSpan.FromMilliseconds(100));
        lock (_openings) Assert.Empty(_openings);
        _claimObstacle = null;
        NextChild().Tell(Say.Recovered);
        Assert.Equal(Request, ExpectMsg<Received>().Message);
    }

    [Fact]
    public void Requests_wait_for_recovery_and_are_then_forwarded_with_their_senders()
    {
        var supervisor = Start();
        supervisor.Tell(Request, TestActor);
        var child = NextChild();
        child.Tell(Say.Recovered);
        var forwarded = ExpectMsg<Received>();
        Assert.Equal((Request, TestActor), (forwarded.Message, forwarded.From));
        Assert.Equal(1, _readiness.ServingCount);
    }

    [Fact]
    public void More_requests_than_may_wait_are_busy()
    {
        _mayOpen.Reset();
        var supervisor = Start();
        for (var i = 0; i < 3; i++) supervisor.Tell(Request, TestActor);
        ExpectMsg<ShardFault.Busy>();
        supervisor.Tell(new GetShardState(Shard), TestActor);
        Assert.Equal(ShardStatus.Recovering, ExpectMsg<ShardState>().Status);
        _mayOpen.Set();
    }

    [Fact]
    public void A_request_that_waits_too_long_is_told_so()
    {
        _mayOpen.Reset();
        var supervisor = Start(Limits with { RecoveryWaitMax = TimeSpan.FromMilliseconds(40) });
        supervisor.Tell(Request, TestActor);
        ExpectMsg<ShardFault.Unavailable>();
        _mayOpen.Set();
    }

    [Fact]
    public void More_requests_than_the_shard_may_hold_are_busy()
    {
        var supervisor = Start();
        NextChild().Tell(Say.Recovered);
        for (var i = 0; i < 3; i++) supervisor.Tell(Request, TestActor);
        FishForMessage(message => message is ShardFault.Busy);
    }

    [Fact]
    public void A_request_gives_its_place_back_once_however_often_it_is_answered()
    {
        var supervisor = Start();
        NextChild().Tell(Say.Recovered);
        for (var i = 0; i < 2; i++) supervisor.Tell(Request, TestActor);
        var first = ExpectMsg<Received>().Ticket!;
        ExpectMsg<Received>();
        for (var i = 0; i < 3; i++) first.Reply($"answer {i}");
        Assert.Equal("answer 0", ExpectMsg<string>());
        supervisor.Tell(Request, TestActor);
        ExpectMsg<Received>();
        supervisor.Tell(Request, TestActor);
        ExpectMsg<ShardFault.Busy>();
    }

    [Fact]
    public void What_an_actor_that_stops_has_not_answered_is_answered_for_it()
    {
        var supervisor = Start();
        var child = NextChild();
        child.Tell(Say.Recovered);
        var command = new DeleteEntity(Request.Key, CommandId.New(), "me", null, default);
        supervisor.Tell(Request, TestActor);
        var seen = ExpectMsg<Received>();
        _mayOpen.Reset();
        child.Tell(new Say.StopOnce(_mayOpen));
        // Behind the failure in the mailbox: the actor never sees it.
        supervisor.Tell(new ExecuteCommand(Shard, command), TestActor);
        AwaitAssert(() => Assert.True(((ActorRefWithCell)child).Underlying.NumberOfMessages > 0));
        _mayOpen.Set();
        ExpectMsg<Stopped>();
        var answers = new[] { ExpectMsg<ShardFault>(), ExpectMsg<ShardFault>() };
        Assert.Single(answers.OfType<ShardFault.Unavailable>());
        Assert.Equal(command.Id, Assert.Single(answers.OfType<ShardFault.OutcomeUnknown>()).Command);
        seen.Ticket!.Reply("too late");
        Assert.IsType<Started>(ExpectMsg<object>());
        ExpectNoMsg(TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public void What_is_sent_after_an_actor_said_why_it_stops_waits_for_the_next_one()
    {
        var supervisor = Start();
        var first = NextChild();
        first.Tell(Say.Recovered);
        AwaitAssert(() => Assert.Equal(1, _readiness.ServingCount));
        _mayOpen.Reset();
        supervisor.Tell(new ShardFailing(new CommitLogFailedException("disk")), first);
        supervisor.Tell(Request, TestActor);
        supervisor.Tell(new GetShardState(Shard), TestActor);
        Assert.Equal(ShardStatus.Recovering, ExpectMsg<ShardState>().Status);
        first.Tell(PoisonPill.Instance);
        ExpectMsg<Stopped>();
        _mayOpen.Set();
        NextChild().Tell(Say.Recovered);
        Assert.Equal(Request, ExpectMsg<Received>().Message);
    }

    [Fact]
    public void A_damaged_shard_is_opened_one_header_back_and_quarantined_after_repeated_failures()
    {
        _openFailure = new CorruptDataException("file", 1, "a", "b");
        var supervisor = Start();
        AwaitAssert(() => Assert.Equal(1, _readiness.QuarantinedCount));
        Assert.Equal([ShardOpening.Newest, new(1, ToleratesLoss: false), new(1, ToleratesLoss: true)], _openings);
        supervisor.Tell(Request, TestActor);
        var away = ExpectMsg<ShardFault.Unavailable>();
        Assert.Contains("quarantined", away.Reason, StringComparison.Ordinal);
        Assert.Equal("node", away.Node);
        supervisor.Tell(new GetShardState(Shard), TestActor);
        var state = ExpectMsg<ShardState>();
        Assert.Equal(ShardStatus.Quarantined, state.Status);
        Assert.Null(state.Sequence);
    }

    [Fact]
    public void An_actor_that_stops_is_replaced_only_after_it_has_terminated()
    {
        Start();
        var first = NextChild();
        first.Tell(Say.Recovered);
        first.Tell(new Say.Fail(new CommitLogFailedException("disk")));
        ExpectMsg<Stopped>(stopped => stopped.Child.Equals(first));
        var second = NextChild();
        Assert.NotEqual(first, second);
    }

    [Fact]
    public void An_exception_in_a_handler_stops_the_actor_and_never_restarts_it_in_place()
    {
        Start();
        var first = NextChild();
        first.Tell(Say.Recovered);
        first.Tell(new Say.Throw());
        ExpectMsg<Stopped>(stopped => stopped.Child.Equals(first));
        Assert.NotEqual(first, NextChild());
    }

    [Fact]
    public void Commands_that_an_actor_left_behind_are_busy_when_the_log_refused_to_write()
    {
        var supervisor = Start();
        var child = NextChild();
        child.Tell(Say.Recovered);
        supervisor.Tell(new ExecuteCommand(Shard, new DeleteEntity(Request.Key, CommandId.New(), "me", null, default)), TestActor);
        ExpectMsg<Received>();
        child.Tell(new Say.Fail(new CommitLogBusyException(1)));
        Assert.True(Assert.IsType<ShardFault.Busy>(FishForMessage(message => message is ShardFault)).RetryAfter > TimeSpan.Zero);
    }

    [Fact]
    public void Draining_while_serving_lets_the_actor_finish_first()
    {
        var supervisor = Start();
        var child = NextChild();
        child.Tell(Say.Recovered);
        AwaitAssert(() => Assert.Equal(1, _readiness.ServingCount));
        Watch(supervisor);
        supervisor.Tell(DrainShard.Instance);
        Assert.IsType<DrainShard>(ExpectMsg<Received>().Message);
        supervisor.Tell(Request, TestActor);
        ExpectMsg<ShardFault.Unavailable>();
        child.Tell(PoisonPill.Instance);
        ExpectMsg<Stopped>();
        ExpectTerminated(supervisor);
    }

    [Theory]
    [InlineData("opening")]
    [InlineData("recovering")]
    [InlineData("backing off")]
    [InlineData("quarantined")]
    public void Draining_in_any_other_state_stops_at_once(string state)
    {
        if (state == "opening") _mayOpen.Reset();
        if (state is "backing off" or "quarantined") _openFailure = new CorruptDataException("file", 1, "a", "b");
        var supervisor = Start(state == "backing off" ? Limits with { RestartDelayMin = TimeSpan.FromHours(1), RestartDelayMax = TimeSpan.FromHours(2) } : Limits);
        if (state == "recovering") NextChild();
        if (state == "backing off") AwaitAssert(() => Assert.Single(_openings));
        if (state == "quarantined") AwaitAssert(() => Assert.Equal(1, _readiness.QuarantinedCount));
        Watch(supervisor);
        supervisor.Tell(DrainShard.Instance);
        FishForMessage(message => message is Terminated terminated && terminated.ActorRef.Equals(supervisor));
        _mayOpen.Set();
    }

    [Theory]
    [InlineData("behind the drain")]
    [InlineData("after the end")]
    public void A_store_that_was_opened_for_a_supervisor_that_is_told_to_stop_is_closed(string opened)
    {
        using var directory = new TempDirectory();
        using var node = NodeStore.Open(
            new NodeStoreOptions { DataDirectory = directory.Path, ShardCount = 2 }, PosixFileSystem.Instance, TimeProvider.System);
        _mayOpen.Reset();
        _opened = OpenWithSegment(node);
        var supervisor = Start();
        Watch(supervisor);
        // It is busy with this answer until all that follows is in its mailbox.
        using var busy = new HeldAnswer();
        supervisor.Tell(new GetShardState(Shard), busy);
        busy.AwaitReached();
        supervisor.Tell(DrainShard.Instance);
        if (opened == "behind the drain")
        {
            _mayOpen.Set();
            AwaitAssert(() => Assert.Equal(2, ((ActorRefWithCell)supervisor).Underlying.NumberOfMessages));
        }

        busy.Release();
        FishForMessage(message => message is Terminated terminated && terminated.ActorRef.Equals(supervisor));
        _mayOpen.Set();
        AwaitAssert(() => Assert.Throws<ObjectDisposedException>(() => _opened.View().Dispose()));
    }

    private IActorRef Start(ShardLimits? limits = null)
    {
        var (test, open) = (TestActor, new Func<ShardOpening, ShardStore>(Open));
        var settings = new ShardSupervisorSettings(Shard, "node", new StoreDescription(2, EntityLimits.Default), limits ?? Limits, open,
            _ => Props.Create(() => new Child(test)), _readiness, TimeProvider.System, new Random(1)) { ClaimObstacle = () => _claimObstacle };
        return Sys.ActorOf(ShardSupervisor.PropsFor(settings));
    }

    private ShardStore Open(ShardOpening opening)
    {
        _mayOpen.Wait(TimeSpan.FromSeconds(20));
        lock (_openings) _openings.Add(opening);
        if (_openFailure is not null) throw _openFailure;
        // The supervisor only hands it on; the stand-in for the shard's actor does not look at it.
        return _opened!;
    }

    /// <summary>A shard store that holds a file open.</summary>
    private static ShardStore OpenWithSegment(NodeStore node)
    {
        var store = node.OpenShard(Shard, 0);
        store.Prepare(new PutEntity(Request.Key, CommandId.New(), "me", null, default, [], null));
        store.Apply(store.TakeBatch()!);
        var result = new NodeCheckpointWork(node).WriteAndValidate(store.Plan(force: true)!);
        node.Headers.Commit(result.Header);
        store.Commit(node, result);
        store.View().Dispose();
        return store;
    }

    private IActorRef NextChild() => ExpectMsg<Started>().Child;

    /// <summary>A caller whose answer takes until it is released.</summary>
    private sealed class HeldAnswer : MinimalActorRef, IDisposable
    {
        private readonly ManualResetEventSlim _reached = new(false);
        private readonly ManualResetEventSlim _released = new(false);

        public override ActorPath Path { get; } = new RootActorPath(Address.AllSystems) / "held";

        public override IActorRefProvider Provider => throw new NotSupportedException("it belongs to no actor system");

        public void AwaitReached() => Assert.True(_reached.Wait(TimeSpan.FromSeconds(20)));

        public void Release() => _released.Set();

        public void Dispose() => Release();

        protected override void TellInternal(object message, IActorRef sender)
        {
            _reached.Set();
            _released.Wait(TimeSpan.FromSeconds(20));
        }
    }

    private sealed record Started(IActorRef Child);

    private sealed record Stopped(IActorRef Child);

    private sealed record Received(object Message, IActorRef From, Ticket? Ticket);

    private abstract record Say
    {
        public static readonly object Recovered = new RecoverNow();

        public sealed record RecoverNow : Say;

        public sealed record Fail(Exception Cause) : Say;

        public sealed record Throw : Say;

        /// <summary>Without a word to the supervisor.</summary>
        public sealed record StopOnce(ManualResetEventSlim Event) : Say;
    }

    private sealed class Child : ReceiveActor
    {
        private readonly IActorRef _test;

        public Child(IActorRef test)
        {
            _test = test;
            Receive<Say.RecoverNow>(_ => Context.Parent.Tell(ShardRecovered.Instance));
            Receive<Say.Fail>(fail =>
            {
                Context.Parent.Tell(new ShardFailing(fail.Cause));
                Context.Stop(Self);
            });
            Receive<Say.StopOnce>(stop =>
            {
                stop.Event.Wait(TimeSpan.FromSeconds(20));
                Context.Stop(Self);
            });
            Receive<Say.Throw>(_ => throw new InvalidOperationException("a defect"));
            Receive<AdmittedRequest>(admitted => test.Tell(new Received(admitted.Request, Sender, admitted.Ticket)));
            ReceiveAny(message => test.Tell(new Received(message, Sender, null)));
        }

        protected override void PreStart() => _test.Tell(new Started(Self));

        protected override void PostStop() => _test.Tell(new Stopped(Self));
    }
}
