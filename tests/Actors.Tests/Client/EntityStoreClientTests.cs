using Akka.Actor;
using Akka.TestKit.Xunit2;
using EntityActors.Actors.Client;
using EntityActors.Actors.Feeds;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Tests.Protocol;
using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Actors.Tests.Client;

public sealed class EntityStoreClientTests() : TestKit("akka.loglevel = OFF, akka.stdout-loglevel = OFF")
{
    private static readonly EntityKey Key = Samples.Key;

    private static readonly EntityCommand Command =
        new DeleteEntity(Key, new CommandId(7), "me", null, default);

    private static readonly ClientLimits Limits = new()
    {
        TryTimeout = TimeSpan.FromMilliseconds(150), CallTimeout = TimeSpan.FromSeconds(20), TryCountMax = 3,
        RetryDelayMin = TimeSpan.FromMilliseconds(1), RetryDelayMax = TimeSpan.FromMilliseconds(2),
    };

    private static readonly ClientLimits Resending = Limits with
    {
        TryTimeout = TimeSpan.FromSeconds(20), ResendDelay = TimeSpan.FromMilliseconds(50),
    };

    private static ShardId Shard => Key.ShardOf(4);

    [Fact]
    public async Task A_write_is_sent_again_under_the_same_command_id_until_it_is_answered()
    {
        var call = NewClient(Limits).ExecuteAsync(Command, default);
        var first = await ExpectMsgAsync<ExecuteCommand>();
        Sender.Tell(new ShardFault.OutcomeUnknown(Shard, Command.Id));
        Assert.Equal(first, await ExpectMsgAsync<ExecuteCommand>());
        Assert.Equal(Shard, first.Shard);
        Sender.Tell(new CommandCommitted(new Commit(Key, 2, new Timestamp(5), Shard, new SequenceNumber(1), true)));
        Assert.True(Assert.IsType<CommandResult.Committed>(await call).Commit.Duplicate);
    }

    [Fact]
    public async Task Busy_after_an_unanswered_try_is_still_an_unknown_outcome()
    {
        var call = NewClient(Limits).ExecuteAsync(Command, default);
        await ExpectMsgAsync<ExecuteCommand>();
        for (var attempt = 2; attempt <= 3; attempt++)
        {
            await ExpectMsgAsync<ExecuteCommand>();
            Sender.Tell(new ShardFault.Busy(Shard, "full", TimeSpan.Zero));
        }

        Assert.Equal(Command.Id, (await Assert.ThrowsAsync<OutcomeUnknownException>(() => call)).Command);
    }

    [Fact]
    public async Task Busy_at_every_try_says_that_nothing_was_applied()
    {
        var call = NewClient(Limits).ExecuteAsync(Command, default);
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            await ExpectMsgAsync<ExecuteCommand>();
            Sender.Tell(new ShardFault.Busy(Shard, "full", TimeSpan.Zero));
        }

        await Assert.ThrowsAsync<StoreBusyException>(() => call);
    }

    [Fact]
    public async Task A_request_that_was_dropped_on_its_way_is_sent_a_second_time_within_the_same_try()
    {
        var call = NewClient(Resending).ExecuteAsync(Command, default);
        var first = await ExpectMsgAsync<ExecuteCommand>();
        Assert.Equal(first, await ExpectMsgAsync<ExecuteCommand>());
        Sender.Tell(new CommandCommitted(new Commit(Key, 2, new Timestamp(5), Shard, new SequenceNumber(1), false)));
        Assert.Equal(2, Assert.IsType<CommandResult.Committed>(await call.WaitAsync(TimeSpan.FromSeconds(5))).Commit.Revision);
        await ExpectNoMsgAsync(TimeSpan.FromMilliseconds(20));
    }

    [Theory]
    [InlineData("busy")]
    [InlineData("refused")]
    [InlineData("invalid")]
    [InlineData("corrupted")]
    public async Task What_one_sending_is_answered_does_not_hide_that_the_other_was_applied(string kind)
    {
        var call = NewClient(Resending).ExecuteAsync(Command, default);
        await ExpectMsgAsync<ExecuteCommand>();
        var slow = Sender;
        await ExpectMsgAsync<ExecuteCommand>();
        Sender.Tell(kind switch
        {
            "busy" => new ShardFault.Busy(Shard, "full", TimeSpan.Zero),
            "refused" => new CommandRefused(new Refusal(RefusalCode.NotFound, "none", 0)),
            "invalid" => new ShardFault.InvalidQuery(Shard, "what"),
            _ => new ShardFault.Corrupted(Shard, "block 5"),
        });
        await ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));
        Assert.False(call.IsCompleted);
        slow.Tell(new CommandCommitted(new Commit(Key, 2, new Timestamp(5), Shard, new SequenceNumber(1), false)));
        Assert.Equal(2, Assert.IsType<CommandResult.Committed>(await call).Commit.Revision);
    }

    [Fact]
    public async Task Damage_after_an_unanswered_try_is_still_an_unknown_outcome()
    {
        var call = NewClient(Limits).ExecuteAsync(Command, default);
        await ExpectMsgAsync<ExecuteCommand>();
        await ExpectMsgAsync<ExecuteCommand>();
        Sender.Tell(new ShardFault.Corrupted(Shard, "block 5"));
        Assert.Equal(Command.Id, (await Assert.ThrowsAsync<OutcomeUnknownException>(() => call)).Command);
    }

    [Fact]
    public async Task A_refusal_is_an_answer()
    {
        var call = NewClient(Limits).ExecuteAsync(Command, default);
        await ExpectMsgAsync<ExecuteCommand>();
        Sender.Tell(new CommandRefused(new Refusal(RefusalCode.NotFound, "none", 0)));
        Assert.Equal(RefusalCode.NotFound, Assert.IsType<CommandResult.Refused>(await call).Refusal.Code);
    }

    [Fact]
    public async Task A_cancelled_write_that_was_sent_is_an_unknown_outcome()
    {
        using var source = new CancellationTokenSource();
        var call = NewClient(Limits with { TryTimeout = TimeSpan.FromSeconds(10) }).ExecuteAsync(Command, source.Token);
        await ExpectMsgAsync<ExecuteCommand>();
        await source.CancelAsync();
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => call);
    }

    [Fact]
    public async Task A_read_without_an_answer_ends_as_unavailable()
    {
        await Assert.ThrowsAsync<StoreUnavailableException>(() => NewClient(Limits).GetAsync(Key, null, false, default));
        for (var attempt = 1; attempt <= 3; attempt++) await ExpectMsgAsync<GetEntity>();
        await ExpectNoMsgAsync(TimeSpan.FromMilliseconds(20));
    }

    [Fact]
    public async Task Damage_is_told_at_once()
    {
        var call = NewClient(Limits).GetAsync(Key, null, false, default);
        await ExpectMsgAsync<GetEntity>();
        Sender.Tell(new ShardFault.Corrupted(Shard, "block 5"));
        Assert.Equal(Shard, (await Assert.ThrowsAsync<EntityCorruptedException>(() => call)).Shard);
    }

    [Fact]
    public async Task Calls_past_the_credits_are_busy_and_credits_come_back()
    {
        var client = NewClient(Limits with { CallCountMax = 1, TryTimeout = TimeSpan.FromSeconds(10) });
        var call = client.GetAsync(Key, null, false, default);
        await ExpectMsgAsync<GetEntity>();
        await Assert.ThrowsAsync<StoreBusyException>(() => client.GetAsync(Key, null, false, default));
        Sender.Tell(new EntityFound(null));
        Assert.Null(await call);
        var again = client.GetAsync(Key, null, false, default);
        await ExpectMsgAsync<GetEntity>();
        Sender.Tell(new EntityFound(null));
        Assert.Null(await again);
    }

    [Fact]
    public async Task A_moment_past_the_allowed_clock_difference_is_refused_and_a_nearer_one_is_asked_as_it_is()
    {
        var client = NewClient(Limits with { TryTimeout = TimeSpan.FromSeconds(10) });
        var now = Timestamp.FromDateTimeOffset(TimeProvider.System.GetUtcNow());
        await Assert.ThrowsAsync<InvalidQueryException>(
            () => client.GetAsync(Key, now.Plus(TimeSpan.FromSeconds(30)), false, default));
        var asked = now.Plus(TimeSpan.FromMilliseconds(400));
        var call = client.GetAsync(Key, asked, false, default);
        Assert.Equal(asked, (await ExpectMsgAsync<GetEntity>()).AsOf);
        Sender.Tell(new EntityFound(null));
        await call;
    }

    [Fact]
    public async Task A_query_raises_all_clocks_and_takes_the_latest_time()
    {
        var client = NewClient(Limits with { TryTimeout = TimeSpan.FromSeconds(10) });
        var query = new TagQuery("docs", [], false, [], null);
        var call = client.QueryAsync(new EntityQuery(query, null, 2, null, true, false), default);
        Timestamp latest = default;
        for (var i = 0; i < 4; i++)
        {
            var raise = await ExpectMsgAsync<RaiseReadTime>();
            latest = raise.To.Plus(TimeSpan.FromMilliseconds(20));
            Sender.Tell(new ReadTimeRaised(raise.Shard, raise.Shard.Value == 2 ? latest : raise.To));
        }

        for (var i = 0; i < 4; i++)
        {
            var count = await ExpectMsgAsync<FindEntities>();
            Assert.Equal(new AsOf(latest, latest), count.AsOf);
            Sender.Tell(new EntitiesFound(count.Shard, [], null, 10));
        }

        var find = await ExpectCallAsync<FindEntities>();
        Assert.Equal(new ShardId(0), find.Shard);
        Sender.Tell(new EntitiesFound(find.Shard,
            [.. Enumerable.Range(4, 3).Select(ordinal => new EntitySnapshot(Samples.Head with { Ordinal = (uint)ordinal }, null))], 7, null));
        var page = await call;
        Assert.Equal(40, page.Total);
        Assert.Equal([4u, 5u], page.Items.Select(item => item.Head.Ordinal));

        var next = client.QueryAsync(new EntityQuery(query, null, 2, page.Cursor, false, false), default);
        var more = await ExpectCallAsync<FindEntities>();
        Assert.Equal((find.AsOf, 6u, new ShardId(0)), (more.AsOf, more.FromOrdinal, more.Shard));
        Sender.Tell(new EntitiesFound(more.Shard, [], null, null));
        for (var i = 0; i < 3; i++)
        {
            var rest = await ExpectCallAsync<FindEntities>();
            Assert.Equal(0u, rest.FromOrdinal);
            Sender.Tell(new EntitiesFound(rest.Shard, [], null, null));
        }

        Assert.Null((await next).Cursor);
    }

    [Fact]
    public async Task A_shard_that_does_not_answer_fails_the_whole_query()
    {
        var call = NewClient(Limits).TagsAsync(new TagListQuery("docs", "", null, null, 10), default);
        for (var answered = 0; answered < 3;)
        {
            var raise = await ExpectMsgAsync<RaiseReadTime>();
            if (raise.Shard.Value == 3) continue;
            Sender.Tell(new ReadTimeRaised(raise.Shard, raise.To));
            answered++;
        }

        Assert.Equal(new ShardId(3), (await Assert.ThrowsAsync<StoreUnavailableException>(() => call)).Shard);
    }

    [Fact]
    public async Task A_query_that_may_leave_shards_out_fails_when_none_answers_and_when_its_node_stops()
    {
        var query = new EntityQuery(new TagQuery("docs", [], false, [], null), null, 2, null, false, false) { AllowsMissingShards = true };
        var silent = NewClient(Limits with { MissingShardWait = TimeSpan.FromMilliseconds(20) });
        await Assert.ThrowsAsync<StoreUnavailableException>(() => silent.QueryAsync(query, default));

        var stopping = NewClient(Limits with { MissingShardWait = TimeSpan.FromSeconds(30), TryTimeout = TimeSpan.FromSeconds(30) });
        var call = stopping.QueryAsync(query, default);
        var open = new List<(ShardId Shard, IActorRef From)>();
        await FishForMessageAsync(message =>
        {
            if (message is RaiseReadTime raise) open.Add((raise.Shard, Sender));
            return open.Count >= 4 && open.TakeLast(4).Select(asked => asked.Shard).Distinct().Count() == 4;
        });
        // A shard that is handed over because its node stops is not a missing one.
        var closed = stopping.CloseAsync(TimeSpan.FromSeconds(5));
        foreach (var (shard, from) in open.TakeLast(4)) from.Tell(new ShardFault.Unavailable(shard, "handed over", false, TimeSpan.Zero));
        Assert.Null((await Assert.ThrowsAsync<StoreUnavailableException>(() => call)).Shard);
        await closed;
    }

    [Fact]
    public async Task A_feed_begins_before_any_shard_is_asked_and_ends_when_one_refuses_its_first_page()
    {
        var query = new FeedQuery(FeedQuery.Beginning, new ChangeFilter("docs", null), null, Follow: true);
        await using var feed = NewClient(Limits).ChangesAsync(query, default).GetAsyncEnumerator();
        Assert.True(await feed.MoveNextAsync());
        Assert.Null(feed.Current.Change);
        await ExpectNoMsgAsync(TimeSpan.FromMilliseconds(200));
        var next = feed.MoveNextAsync().AsTask();
        var asked = await ExpectMsgAsync<ShardCall>();
        Sender.Tell(new ShardFault.CursorExpired(asked.Shard, new Timestamp(5)));
        Assert.Equal(new Timestamp(5), (await Assert.ThrowsAsync<CursorExpiredException>(() => next)).Earliest);
    }

    [Fact]
    public async Task A_call_under_way_is_sent_again_at_once_when_a_member_has_gone_which_uses_up_no_try()
    {
        var routes = new RouteChanges();
        var call = NewClient(Limits with { TryTimeout = TimeSpan.FromSeconds(20), TryCountMax = 1 }, routes).ExecuteAsync(Command, default);
        var first = await ExpectMsgAsync<ExecuteCommand>();
        for (var change = 0; change < 5; change++)
        {
            routes.Raise();
            Assert.Equal(first, await ExpectMsgAsync<ExecuteCommand>());
        }

        Sender.Tell(new CommandCommitted(new Commit(Key, 2, new Timestamp(5), Shard, new SequenceNumber(1), false)));
        Assert.IsType<CommandResult.Committed>(await call);
    }

    [Fact]
    public async Task What_was_sent_before_a_member_went_may_have_been_applied()
    {
        var routes = new RouteChanges();
        var call = NewClient(Limits with { TryTimeout = TimeSpan.FromSeconds(20), TryCountMax = 1 }, routes).ExecuteAsync(Command, default);
        await ExpectMsgAsync<ExecuteCommand>();
        routes.Raise();
        await ExpectMsgAsync<ExecuteCommand>();
        Sender.Tell(new ShardFault.Busy(Shard, "full", TimeSpan.Zero));
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => call);

        using var source = new CancellationTokenSource();
        call = NewClient(Limits with { TryTimeout = TimeSpan.FromSeconds(20) }, routes).ExecuteAsync(Command, source.Token);
        await ExpectMsgAsync<ExecuteCommand>();
        routes.Raise();
        await ExpectMsgAsync<ExecuteCommand>();
        await source.CancelAsync();
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => call);
    }

    [Fact]
    public async Task Calls_that_begin_after_a_member_went_are_sent_once()
    {
        var routes = new RouteChanges();
        routes.Raise();
        var call = NewClient(Limits with { TryTimeout = TimeSpan.FromSeconds(20) }, routes).GetAsync(Key, null, false, default);
        await ExpectMsgAsync<GetEntity>();
        Sender.Tell(new EntityFound(null));
        Assert.Null(await call);
        await ExpectNoMsgAsync(TimeSpan.FromMilliseconds(20));
    }

    private IActorRef Sender => LastSender;

    private EntityStoreClient NewClient(ClientLimits limits, RouteChanges? routes = null) =>
        new(TestActor, 4, EntityLimits.Default, limits, TimeProvider.System, new Random(1), routes);

    /// <summary>A request whose answer may be large.</summary>
    private async Task<T> ExpectCallAsync<T>()
        where T : IShardRequest => (T)Assert.IsType<Carried.Whole>((await ExpectMsgAsync<ShardCall>()).Body).Message;
}
