using EntityActors.Actors.Client;
using EntityActors.Actors.Feeds;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Tests.Hosting;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Actors.Tests.Feeds;

/// <summary>Feeds of a running node: whatever happens to its shards, each change is given once and in the shard's order.</summary>
public sealed class FeedTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_feed_goes_on_through_restarts_take_overs_checkpoints_and_merges_without_gap_or_duplicate()
    {
        await using var node = await StartAsync();
        await using var feed = FeedFollower.Start(node.Store);
        await using var slow = FeedFollower.Start(node.Store, FeedFollower.All() with { Shard = new ShardId(2) });
        var loads = Enumerable.Range(0, 4).Select(shard => NodeLoad.Start(node.Store, $"e{shard}", new ShardId(shard), 3, isTolerant: true)).ToList();
        for (var round = 0; round < 8; round++)
        {
            await loads[round % 4].ProgressAsync(60);
            var shard = new ShardId(round % 4);
            switch (round % 3)
            {
                case 0:
                    // Another owner claims the shard behind the actor's back; the next one starts above it.
                    node.Files.OpenShard(shard, 0).Dispose();
                    break;
                case 1:
                    node.System.ActorSelection($"/system/sharding/*/*/{shard}").Tell(new RestartShard(shard));
                    break;
            }

            for (var i = 0; i < 4; i++) await CheckpointAsync(node, new ShardId(i));
        }

        foreach (var load in loads) await load.StopAsync();
        foreach (var load in loads) Assert.Empty(load.Errors);
        var keys = Enumerable.Range(0, 4).SelectMany(shard => NodeLoad.Keys($"e{shard}", new ShardId(shard), 4, 3)).ToList();
        await feed.CheckAsync(node.Store, keys);
        await slow.ReachAsync((await FeedFollower.ReadToEndAsync(node.Store, FeedFollower.All() with { Shard = new ShardId(2) })).Count);
        Assert.True((await node.Store.ShardsAsync(default)).Sum(shard => shard.Restarts) > 0, "no shard was started again");
    }

    [Fact]
    public async Task A_cursor_outlives_the_node()
    {
        var cursors = new List<string>();
        await using (var node = await StartAsync())
        {
            for (var i = 0; i < 30; i++) await PutAsync(node, $"a{i}");
            cursors.AddRange((await FeedFollower.ReadToEndAsync(node.Store, FeedFollower.All())).Select(item => item.Cursor));
            Assert.Equal(30, cursors.Count);
            cursors.Insert(0, await StartOfAsync(node, FeedQuery.Beginning));
            cursors.Add(await StartOfAsync(node, FeedQuery.Now));
        }

        await using (var node = await StartAsync())
        {
            for (var i = 0; i < 4; i++) await CheckpointAsync(node, new ShardId(i));
            await PutAsync(node, "last");
            for (var i = 0; i <= 30; i++)
                Assert.Equal(31 - i, (await FeedFollower.ReadToEndAsync(node.Store, FeedFollower.All(cursors[i]))).Count);
            Assert.Equal("last", Assert.Single(await FeedFollower.ReadToEndAsync(node.Store, FeedFollower.All(cursors[31]))).Change.Key.Id);
        }
    }

    [Fact]
    public async Task A_filtered_feed_gives_the_changes_of_its_dataset_that_add_or_remove_its_tag()
    {
        await using var node = await StartAsync();
        for (var i = 0; i < 12; i++)
        {
            await PutAsync(node, $"a{i}", "docs", $"n:{i}");
            await PutAsync(node, $"a{i}", "other", $"n:{i}");
            await PutAsync(node, $"a{i}", "docs", "m:1");
        }

        var docs = await FeedFollower.ReadToEndAsync(node.Store, FeedFollower.All() with { Filter = new ChangeFilter("docs", null) });
        Assert.Equal(24, docs.Count);
        var one = await FeedFollower.ReadToEndAsync(node.Store, FeedFollower.All() with { Filter = new ChangeFilter("docs", new TagPattern("n:3", false)) });
        Assert.Equal([1L, 2], one.Select(item => item.Change.Revision));
        var prefix = await FeedFollower.ReadToEndAsync(node.Store, FeedFollower.All() with { Filter = new ChangeFilter(null, new TagPattern("n:1", true)) });
        Assert.Equal(9, prefix.Count);
    }

    [Fact]
    public async Task More_feeds_than_may_are_refused_and_a_feed_that_ends_makes_room()
    {
        await using var node = await StartAsync(new ClientLimits { FeedCountMax = 1 });
        await using (var feed = FeedFollower.Start(node.Store))
        {
            await PutAsync(node, "a");
            await feed.ReachAsync(1);
            await Assert.ThrowsAsync<StoreBusyException>(() => StartOfAsync(node, FeedQuery.Beginning));
        }

        await StartOfAsync(node, FeedQuery.Beginning);
    }

    [Fact]
    public async Task A_quiet_feed_says_how_far_it_has_come()
    {
        await using var node = await StartAsync(new ClientLimits { FeedWait = TimeSpan.FromMilliseconds(100) });
        using var enough = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await PutAsync(node, "seen");
        var items = 0;
        await foreach (var item in node.Store.ChangesAsync(FeedFollower.All(FeedQuery.Now) with { Filter = new ChangeFilter("docs", null) }, enough.Token))
        {
            Assert.Null(item.Change);
            if (++items == 2) await PutAsync(node, "unseen", "other");
            if (items < 20) continue;
            Assert.Empty(await FeedFollower.ReadToEndAsync(node.Store, FeedFollower.All(item.Cursor())));
            return;
        }
    }

    [Fact]
    public async Task Whoever_waits_for_every_shards_first_answer_is_told_of_it_where_nothing_has_changed()
    {
        await using var node = await StartAsync(new ClientLimits { FeedWait = TimeSpan.FromDays(1) });
        using var enough = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var items = 0;
        await foreach (var item in node.Store.ChangesAsync(FeedFollower.All(FeedQuery.Beginning), enough.Token))
        {
            Assert.Null(item.Change);
            if (++items == 2) return;
        }
    }

    [Fact]
    public async Task A_shard_that_stays_away_ends_a_feed_with_a_typed_error()
    {
        await using var node = await TestNode.StartAsync(_directory.Path, options => options with
        {
            Client = new ClientLimits { FeedOutageMax = TimeSpan.FromMilliseconds(300), TryCountMax = 2 },
            Shards = options.Shards with { FencedDelay = TimeSpan.FromMinutes(5), RecoveryWaitMax = TimeSpan.FromMilliseconds(200) },
        });
        await using var feed = FeedFollower.Start(node.Store);
        await PutAsync(node, "a");
        await feed.ReachAsync(1);
        node.Files.OpenShard(new EntityKey("docs", "a").ShardOf(4), 0).Dispose();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => feed.EndAsync(TimeSpan.FromSeconds(30)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("then")]
    [InlineData("AAAA")]
    public async Task A_text_that_is_no_cursor_is_refused_at_the_call(string since)
    {
        await using var node = await StartAsync();
        Assert.Throws<InvalidQueryException>(() => node.Store.ChangesAsync(FeedFollower.All(since), default));
        Assert.Throws<InvalidQueryException>(() => node.Store.ChangesAsync(FeedFollower.All() with { Shard = new ShardId(4) }, default));
    }

    [Fact]
    public async Task A_cursor_ahead_of_the_stores_clock_gives_nothing_until_the_clock_is_there()
    {
        await using var node = await StartAsync(new ClientLimits { FeedOutageMax = TimeSpan.FromSeconds(4) });
        var ahead = FeedCursor.At(Timestamp.FromDateTimeOffset(DateTimeOffset.UtcNow.AddHours(1)), 4, null).Encode();
        var refused = await Assert.ThrowsAsync<StoreUnavailableException>(() => FeedFollower.ReadToEndAsync(node.Store, FeedFollower.All(ahead)));
        Assert.Contains("clocks of nodes differ", refused.Message, StringComparison.Ordinal);
        var near = FeedCursor.At(Timestamp.FromDateTimeOffset(DateTimeOffset.UtcNow.AddSeconds(2)), 4, null).Encode();
        Assert.Empty(await FeedFollower.ReadToEndAsync(node.Store, FeedFollower.All(near)));
    }

    private Task<TestNode> StartAsync(ClientLimits? client = null) => TestNode.StartAsync(_directory.Path, options => options with
    {
        Client = client ?? new ClientLimits { FeedPageChangesMax = 7, FeedWait = TimeSpan.FromSeconds(2) },
        Store = options.Store with { FeedWindowChangesMax = 10, Merge = new MergePolicy { RunCountMin = 2 } },
        Shards = options.Shards with { FencedDelay = TimeSpan.FromMilliseconds(50) },
    });

    private static async Task CheckpointAsync(TestNode node, ShardId shard)
    {
        try
        {
            await node.Store.CheckpointAsync(shard, default);
        }
        catch (StoreUnavailableException)
        {
            // The shard is just being started again.
        }
    }

    private static async Task PutAsync(TestNode node, string id, string dataset = "docs", string tag = "kind:x")
    {
        var put = new PutEntity(new EntityKey(dataset, id), CommandId.New(), "me", null, default, [new Tag(tag)], null);
        Assert.IsType<CommandResult.Committed>(await node.Store.ExecuteAsync(put, default));
    }

    private static async Task<string> StartOfAsync(TestNode node, string since)
    {
        await foreach (var item in node.Store.ChangesAsync(FeedFollower.All(since), default)) return item.Cursor();
        throw new InvalidOperationException("a feed begins with where it begins");
    }
}
