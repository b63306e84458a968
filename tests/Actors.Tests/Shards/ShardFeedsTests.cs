using Akka.Actor;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Shards;
using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Actors.Tests.Shards;

/// <summary>What becomes of requests that may wait, event by event.</summary>
public sealed class ShardFeedsTests
{
    private static readonly ShardId Shard = new(0);
    private readonly OpenRequests _open = new(Shard, 100);
    private readonly Timers _timers = new();
    private readonly ShardFeeds _feeds;

    public ShardFeedsTests() => _feeds = new ShardFeeds(new ShardLimits { FeedWaitMax = TimeSpan.FromSeconds(7) }, _timers);

    [Fact]
    public void What_was_applied_while_a_read_found_nothing_is_read_for_at_once()
    {
        var ticket = Admit();
        Assert.True(_feeds.TryKeep(ticket, Nothing(through: 10), new Timestamp(12), out var again));
        Assert.Equal(new Timestamp(10), again!.After);
        // Not parked: the event that comes while it is read for does not start a second read.
        Assert.Empty(_feeds.Wake(Event(13)));
        Assert.True(_feeds.TryKeep(ticket, Nothing(through: 13), new Timestamp(13), out again));
        Assert.Null(again);
        Assert.Equal(new Timestamp(13), Assert.Single(_feeds.Wake(Event(14))).Request.After);
        Assert.Empty(_feeds.Wake(Event(15)));
    }

    [Fact]
    public void An_event_wakes_those_that_it_has_a_change_for()
    {
        var (all, other) = (Admit(), Admit(new ChangeFilter("other", null)));
        foreach (var ticket in new[] { all, other }) Assert.True(_feeds.TryKeep(ticket, Nothing(through: 10), new Timestamp(10), out _));
        Assert.Same(all, Assert.Single(_feeds.Wake(Event(11))).Ticket);
    }

    [Fact]
    public void A_request_whose_time_is_over_is_read_for_once_more_and_then_answered()
    {
        var (parked, read) = (Admit(), Admit());
        Assert.True(_feeds.TryKeep(parked, Nothing(through: 10), new Timestamp(10), out _));
        Assert.NotNull(_feeds.TakeOver(parked));
        Assert.False(_feeds.TryKeep(parked, Nothing(through: 11), new Timestamp(11), out _));
        // A read is under way for the other one: it is the last.
        Assert.Null(_feeds.TakeOver(read));
        Assert.False(_feeds.TryKeep(read, Nothing(through: 11), new Timestamp(11), out _));
    }

    [Fact]
    public void An_answer_that_holds_something_or_is_none_is_sent_and_its_timer_ends()
    {
        foreach (var answer in new object[]
        {
            new ChangesFound(Shard, [Change(5)], new Timestamp(5), false), new ChangesFound(Shard, [], new Timestamp(5), HasMore: true),
            new ShardFault.Corrupted(Shard, "a block"), new Status.Failure(new InvalidOperationException()),
        })
        {
            var ticket = Admit();
            Assert.False(_feeds.TryKeep(ticket, answer, new Timestamp(5), out _));
            Assert.False(_timers.IsTimerActive(ticket));
        }
    }

    [Fact]
    public void No_request_waits_longer_than_the_shard_allows_and_none_when_all_are_let_go()
    {
        var (first, second) = (Admit(), Admit());
        Assert.Equal(TimeSpan.FromSeconds(7), _timers.Delays[first]);
        Assert.True(_feeds.TryKeep(first, Nothing(through: 10), new Timestamp(10), out _));
        Assert.Same(first, Assert.Single(_feeds.TakeAll()));
        Assert.False(_timers.IsTimerActive(first) || _timers.IsTimerActive(second));
        Assert.False(_feeds.TryKeep(second, Nothing(through: 10), new Timestamp(10), out _));
    }

    private Ticket Admit(ChangeFilter filter = default)
    {
        var request = new GetChanges(Shard, default, filter, 10, 1000, TimeSpan.FromMinutes(1));
        var ticket = _open.TryOpen(request, ActorRefs.Nobody)!;
        Assert.True(_feeds.TryAdmit(ticket, request));
        return ticket;
    }

    private static ChangesFound Nothing(long through) => new(Shard, [], new Timestamp(through), HasMore: false);

    private static ChangeBatch Event(long recordedAt) => new(new Epoch(1), new SequenceNumber(1), [Change(recordedAt)]);

    private static Change Change(long recordedAt) => new(new EntityKey("docs", "a"), 0, 1, new SequenceNumber(1), new Timestamp(recordedAt),
        new Timestamp(recordedAt), 0, CommandId.New(), 0, "", [], [], Lifecycle.Active, 0, null);

    /// <summary>Timers that are set and cancelled, and never ring.</summary>
    private sealed class Timers : ITimerScheduler
    {
        public Dictionary<object, TimeSpan> Delays { get; } = [];

        public IReadOnlyCollection<object> ActiveTimers => Delays.Keys;

        public void StartSingleTimer(object key, object msg, TimeSpan timeout) => Delays.Add(key, timeout);

        public void StartSingleTimer(object key, object msg, TimeSpan timeout, IActorRef sender) => Delays.Add(key, timeout);

        public bool IsTimerActive(object key) => Delays.ContainsKey(key);

        public void Cancel(object key) => Delays.Remove(key);

        public void CancelAll() => Delays.Clear();

        public void StartPeriodicTimer(object key, object msg, TimeSpan interval) => throw new NotSupportedException();

        public void StartPeriodicTimer(object key, object msg, TimeSpan interval, IActorRef sender) => throw new NotSupportedException();

        public void StartPeriodicTimer(object key, object msg, TimeSpan initialDelay, TimeSpan interval) => throw new NotSupportedException();

        public void StartPeriodicTimer(object key, object msg, TimeSpan initialDelay, TimeSpan interval, IActorRef sender) =>
            throw new NotSupportedException();
    }
}
