using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using EntityActors.Actors.Checkpoints;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Persistence;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Shards;
using EntityActors.Actors.Tests.Persistence;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Actors.Tests.Shards;

/// <summary>The shard's actor with probes as its supervisor, its coordinator and its callers, over a journal that can be held and failed.</summary>
public sealed class ShardActorTests : TestKit
{
    private static readonly ShardId Shard = new(0);
    private static readonly TimeSpan Silence = TimeSpan.FromMilliseconds(150);

    private readonly TempDirectory _directory = new();
    private readonly OpenRequests _open = new(Shard, 100);
    private readonly MemoryFiles _files;
    private readonly NodeStore _node;
    private readonly TestProbe _coordinator;

    public ShardActorTests()
        : this(new MemoryFiles())
    {
    }

    private ShardActorTests(MemoryFiles files)
        : base(ActorSystemSetup.Create(
            BootstrapSetup.Create().WithConfig(ConfigurationFactory.ParseString(
                "akka.actor.provider = local, akka.loglevel = OFF, akka.stdout-loglevel = OFF")
                .WithFallback(StoreHocon.BuiltIn()).WithFallback(TestKitBase.DefaultConfig)),
            new PersistenceSetup(files)), "shards")
    {
        _files = files;
        // One change in a batch: the second command has formed the next one, and the third waits for room.
        var options = new NodeStoreOptions { DataDirectory = _directory.Path, ShardCount = 1, BatchChangesMax = 1 };
        _node = NodeStore.Open(options, PosixFileSystem.Instance, TimeProvider.System);
        _coordinator = CreateTestProbe();
    }

    protected override void AfterAll()
    {
        base.AfterAll();
        _node.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void It_says_that_it_serves_and_registers_with_the_coordinator()
    {
        Start();
        Assert.Equal(new RegisterShard(Shard, new Epoch(1)), _coordinator.ExpectMsg<RegisterShard>());
    }

    [Fact]
    public void An_answer_waits_for_its_own_event()
    {
        var actor = Start();
        var first = Hold();
        var (one, two) = (Send(actor, Put("a")), Send(actor, Put("b")));
        AwaitAppend();
        one.ExpectNoMsg(Silence);
        var second = Hold();
        first.SetResult();
        Assert.Equal((1L, new SequenceNumber(1)), Committed(one));
        two.ExpectNoMsg(Silence);
        second.SetResult();
        Assert.Equal((1L, new SequenceNumber(2)), Committed(two));
        Assert.Equal(0, _open.Count);
    }

    [Fact]
    public void A_refusal_waits_for_the_change_it_was_decided_by()
    {
        var actor = Start();
        var hold = Hold();
        var created = Send(actor, Put("a"));
        var refused = Send(actor, Put("a", condition: RevisionCondition.MustNotExist));
        AwaitAppend();
        refused.ExpectNoMsg(Silence);
        hold.SetResult();
        Committed(created);
        Assert.Equal(RefusalCode.PreconditionFailed, refused.ExpectMsg<CommandRefused>().Refusal.Code);
    }

    [Fact]
    public void A_refusal_decided_by_what_is_durable_is_answered_at_once()
    {
        var actor = Start();
        Committed(Send(actor, Put("a")));
        Hold();
        Assert.Equal(RefusalCode.PreconditionFailed,
            Send(actor, Put("a", condition: RevisionCondition.MustNotExist)).ExpectMsg<CommandRefused>().Refusal.Code);
    }

    [Fact]
    public void A_duplicate_waits_for_the_first_and_gets_its_answer()
    {
        var actor = Start();
        var hold = Hold();
        var put = Put("a");
        var (first, again) = (Send(actor, put), Send(actor, put));
        AwaitAppend();
        again.ExpectNoMsg(Silence);
        hold.SetResult();
        var commit = first.ExpectMsg<CommandCommitted>().Commit;
        Assert.Equal(commit with { Duplicate = true }, again.ExpectMsg<CommandCommitted>().Commit);
        Assert.Equal(commit with { Duplicate = true }, Send(actor, put).ExpectMsg<CommandCommitted>().Commit);
    }

    [Fact]
    public void A_read_of_a_moment_waits_for_the_changes_stamped_before_it()
    {
        var actor = Start();
        var hold = Hold();
        var written = Send(actor, Put("a"));
        AwaitAppend();
        var moment = Timestamp.FromDateTimeOffset(DateTimeOffset.UtcNow).Plus(TimeSpan.FromMilliseconds(5));
        var read = Send(actor, new RaiseReadTime(Shard, moment));
        read.ExpectNoMsg(Silence);
        hold.SetResult();
        Committed(written);
        Assert.True(read.ExpectMsg<ReadTimeRaised>().ReadTime >= moment);
    }

    [Fact]
    public void A_query_time_far_ahead_of_the_clock_is_no_mistake_of_the_caller()
    {
        var actor = Start();
        var ahead = Timestamp.FromDateTimeOffset(DateTimeOffset.UtcNow).Plus(TimeSpan.FromSeconds(30));
        Send(actor, new RaiseReadTime(Shard, ahead)).ExpectMsg<ShardFault.Unavailable>();
        Send(actor, new ListTags(Shard, "docs", "", null, new AsOf(ahead, ahead), 10)).ExpectMsg<ShardFault.Unavailable>();
        Send(actor, new GetEntity(Shard, Put("a").Key, ahead, false)).ExpectMsg<ShardFault.InvalidQuery>();
    }

    [Theory]
    [InlineData("read")]
    [InlineData("refusal")]
    [InlineData("duplicate")]
    [InlineData("feed")]
    [InlineData("waiting feed")]
    public void A_shard_with_a_newer_owner_answers_moved_and_stops(string request)
    {
        var actor = Start();
        var put = Put("a");
        Committed(Send(actor, put));
        Watch(actor);
        var waiting = request == "waiting feed" ? Send(actor, Changes(TimeSpan.FromMinutes(1), after: Applied(actor))) : null;
        _node.OpenShard(Shard, 0).Dispose();
        var answer = request switch
        {
            "feed" => Send(actor, Changes(TimeSpan.Zero)),
            // It is woken by an event that the replaced owner has made.
            "waiting feed" => WokenBy(waiting!, Put("b")),
            "read" => Send(actor, new GetEntity(Shard, put.Key, null, false)),
            "refusal" => Send(actor, Put("a", condition: RevisionCondition.MustNotExist)),
            _ => Send(actor, put),
        };
        Assert.Contains("newer owner", answer.ExpectMsg<ShardFault.Unavailable>().Reason, StringComparison.Ordinal);
        Assert.IsType<StaleEpochException>(ExpectMsg<ShardFailing>().Cause);
        ExpectTerminated(actor);

        TestProbe WokenBy(TestProbe feed, EntityCommand command)
        {
            Send(actor, command);
            return feed;
        }
    }

    [Fact]
    public void A_failed_write_leaves_the_outcome_unknown_of_what_waits_for_it_and_refuses_what_is_queued()
    {
        var failure = new CommitLogFailedException("the disk is gone");
        var (writing, formed, queued, read) = FailWrite(failure);
        Assert.Equal(writing.Command.Id, writing.Probe.ExpectMsg<ShardFault.OutcomeUnknown>().Command);
        Assert.Equal(formed.Command.Id, formed.Probe.ExpectMsg<ShardFault.OutcomeUnknown>().Command);
        Assert.False(queued.Probe.ExpectMsg<ShardFault.Unavailable>().IsStorageFull);
        Assert.False(read.ExpectMsg<ShardFault.Unavailable>().IsStorageFull);
    }

    [Fact]
    public void A_write_that_a_full_log_refused_was_certainly_not_applied()
    {
        var (writing, formed, queued, read) = FailWrite(new CommitLogBusyException(7));
        foreach (var probe in new[] { writing.Probe, formed.Probe, queued.Probe, read })
        {
            var busy = probe.ExpectMsg<ShardFault.Busy>();
            Assert.True(busy.RetryAfter > TimeSpan.Zero);
        }
    }

    [Fact]
    public void A_write_that_a_full_disk_refused_was_certainly_not_applied()
    {
        var (writing, formed, queued, read) = FailWrite(new StorageFullException("no room"));
        foreach (var probe in new[] { writing.Probe, formed.Probe, queued.Probe, read })
            Assert.True(probe.ExpectMsg<ShardFault.Unavailable>().IsStorageFull);
    }

    [Fact]
    public void A_drain_finishes_what_was_accepted_and_answers_what_is_new()
    {
        var actor = Start();
        var hold = Hold();
        var accepted = new[] { "a", "b", "c" }.Select(id => Send(actor, Put(id))).ToList();
        AwaitAppend();
        Watch(actor);
        actor.Tell(DrainShard.Instance);
        Assert.Contains("handed over", Send(actor, Put("d")).ExpectMsg<ShardFault.Unavailable>().Reason, StringComparison.Ordinal);
        Send(actor, new GetEntity(Shard, Put("a").Key, null, false)).ExpectMsg<ShardFault.Unavailable>();
        Assert.Equal(ShardStatus.Serving, Send(actor, new GetShardState(Shard)).ExpectMsg<ShardState>().Status);
        ExpectNoMsg(Silence);
        hold.SetResult();
        for (var i = 0; i < accepted.Count; i++) Assert.Equal((1L, new SequenceNumber(i + 1)), Committed(accepted[i]));
        ExpectTerminated(actor);
        Assert.Equal((new SequenceNumber(3), 0), (_files.LastSequence(Shard), _open.Count));
    }

    [Fact]
    public void A_drain_with_nothing_to_finish_stops_at_once()
    {
        var actor = Start();
        Watch(actor);
        actor.Tell(DrainShard.Instance);
        ExpectTerminated(actor);
    }

    [Fact]
    public void A_waiting_feed_gets_a_change_once_it_is_synced_and_not_before()
    {
        var actor = Start();
        var feed = Send(actor, Changes(TimeSpan.FromMinutes(1)));
        var hold = Hold();
        var written = Send(actor, Put("a"));
        AwaitAppend();
        var second = Send(actor, Changes(TimeSpan.FromMinutes(1)));
        Assert.Empty(Send(actor, Changes(TimeSpan.Zero)).ExpectMsg<ChangesFound>().Changes);
        feed.ExpectNoMsg(Silence);
        hold.SetResult();
        Committed(written);
        foreach (var waiting in new[] { feed, second })
        {
            var found = waiting.ExpectMsg<ChangesFound>();
            var change = Assert.Single(found.Changes);
            Assert.Equal(("a", 1L, change.RecordedAt, false), (change.Key.Id, change.Revision, found.Through, found.HasMore));
        }

        Assert.Equal(0, _open.Count);
    }

    [Fact]
    public void A_feed_that_finds_nothing_for_its_time_is_told_how_far_it_has_come()
    {
        var actor = Start();
        var start = Applied(actor);
        Committed(Send(actor, Put("a")));
        var found = Send(actor, Changes(TimeSpan.FromMilliseconds(200), start, new ChangeFilter("another", null))).ExpectMsg<ChangesFound>();
        Assert.Equal((0, Applied(actor), false), (found.Changes.Length, found.Through, found.HasMore));
        Assert.True(found.Through > start);
        Assert.Single(Send(actor, Changes(TimeSpan.FromMinutes(1), start)).ExpectMsg<ChangesFound>().Changes);
    }

    [Fact]
    public void More_waiting_feeds_than_may_are_busy()
    {
        var actor = Start(new ShardLimits { FeedWaitingCountMax = 2 });
        var feeds = new[] { Send(actor, Changes(TimeSpan.FromMinutes(1))), Send(actor, Changes(TimeSpan.FromMinutes(1))) };
        Send(actor, Changes(TimeSpan.FromMinutes(1))).ExpectMsg<ShardFault.Busy>();
        Assert.Empty(Send(actor, Changes(TimeSpan.Zero)).ExpectMsg<ChangesFound>().Changes);
        Committed(Send(actor, Put("a")));
        foreach (var feed in feeds) Assert.Single(feed.ExpectMsg<ChangesFound>().Changes);
        var again = Send(actor, Changes(TimeSpan.FromMinutes(1), Applied(actor)));
        again.ExpectNoMsg(Silence);
    }

    [Fact]
    public void A_drain_sends_waiting_feeds_to_the_next_owner()
    {
        var actor = Start();
        var feed = Send(actor, Changes(TimeSpan.FromMinutes(1)));
        feed.ExpectNoMsg(Silence);
        Watch(actor);
        actor.Tell(DrainShard.Instance);
        // On a slow machine its first read is still under way, and that it found nothing is an answer, too.
        var answer = feed.ExpectMsg<object>();
        if (answer is not ChangesFound { Changes.IsEmpty: true })
            Assert.Contains("handed over", Assert.IsType<ShardFault.Unavailable>(answer).Reason, StringComparison.Ordinal);
        ExpectTerminated(actor);
    }

    [Fact]
    public void A_page_of_a_feed_ends_at_its_limits()
    {
        var actor = Start();
        for (var i = 0; i < 10; i++) Committed(Send(actor, Put($"e{i}")));
        var seen = new List<string>();
        for (var (after, more) = (default(Timestamp), true); more;)
        {
            var found = Send(actor, Changes(TimeSpan.FromMinutes(1), after) with { Limit = 3 }).ExpectMsg<ChangesFound>();
            seen.AddRange(found.Changes.Select(change => change.Key.Id));
            (after, more) = (found.Through, found.HasMore);
        }

        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"e{i}"), seen);
        // Numbers from the wire are not believed: nothing is asked of a shard that it does not bound itself.
        Assert.Equal(10, Send(actor, Changes(TimeSpan.MinValue) with { Limit = int.MaxValue, BytesMax = long.MaxValue })
            .ExpectMsg<ChangesFound>().Changes.Length);
        Assert.Single(Send(actor, Changes(TimeSpan.MaxValue) with { Limit = 0, BytesMax = 0 }).ExpectMsg<ChangesFound>().Changes);
    }

    /// <summary>Three commands and a read wait for a write that then fails: one is being written, one is in the batch that has formed, one is queued.</summary>
    private ((EntityCommand Command, TestProbe Probe) Writing, (EntityCommand Command, TestProbe Probe) Formed,
        (EntityCommand Command, TestProbe Probe) Queued, TestProbe Read) FailWrite(Exception cause)
    {
        var actor = Start();
        var hold = Hold();
        var commands = new[] { "a", "b", "c" }.Select(id => Put(id)).ToList();
        var probes = commands.Select(command => Send(actor, command)).ToList();
        AwaitAppend();
        var read = Send(actor, new RaiseReadTime(Shard, Timestamp.FromDateTimeOffset(DateTimeOffset.UtcNow).Plus(TimeSpan.FromMilliseconds(5))));
        Watch(actor);
        hold.SetException(cause);
        // The supervisor hears why before it hears that its child has ended.
        Assert.Same(cause, SupervisionPolicy.Unwrap(ExpectMsg<ShardFailing>().Cause));
        ExpectTerminated(actor);
        Assert.Equal(0, _open.Count);
        return ((commands[0], probes[0]), (commands[1], probes[1]), (commands[2], probes[2]), read);
    }

    private IActorRef Start(ShardLimits? limits = null)
    {
        var start = new ShardStart(_node.OpenShard(Shard, 0), 0);
        var actor = ChildActorOf(ShardActor.PropsFor(start, _node, limits ?? ShardLimits.Default, _coordinator));
        ExpectMsg<ShardRecovered>();
        return actor;
    }

    private TaskCompletionSource Hold() => _files.Hold(Shard);

    /// <summary>Waits until the journal has been given the event; it is held there.</summary>
    private void AwaitAppend() => AwaitAssert(() => Assert.False(_files.WhenQuiet(Shard).IsCompleted));

    private TestProbe Send(IActorRef actor, EntityCommand command) => Send(actor, new ExecuteCommand(Shard, command));

    /// <returns>The caller, who is answered through the request's ticket.</returns>
    private TestProbe Send(IActorRef actor, IShardRequest request)
    {
        var caller = CreateTestProbe();
        actor.Tell(new AdmittedRequest(request, _open.TryOpen(request, caller)!));
        return caller;
    }

    private static (long Revision, SequenceNumber Sequence) Committed(TestProbe caller)
    {
        var commit = caller.ExpectMsg<CommandCommitted>().Commit;
        Assert.False(commit.Duplicate);
        return (commit.Revision, commit.Sequence);
    }

    private static GetChanges Changes(TimeSpan wait, Timestamp after = default, ChangeFilter filter = default) =>
        new(Shard, after, filter, 100, 1 << 20, wait);

    /// <summary>Up to where a feed has everything now.</summary>
    private Timestamp Applied(IActorRef actor) => Send(actor, Changes(TimeSpan.Zero)).ExpectMsg<ChangesFound>().Through;

    private static PutEntity Put(string id, RevisionCondition? condition = null)
    {
        var put = new PutEntity(new EntityKey("docs", id), CommandId.New(), "me", null, default, [], null);
        return condition is { } given ? put with { Condition = given } : put;
    }
}
