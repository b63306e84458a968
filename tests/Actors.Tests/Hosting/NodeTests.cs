using System.Text;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Shards;
using EntityActors.Storage.Model;
using EntityActors.TestCluster;
using Xunit;

namespace EntityActors.Actors.Tests.Hosting;

/// <summary>A whole node over a real directory: client, sharding, shard actors, journal, commit log, checkpoints.</summary>
public sealed class NodeTests : IDisposable
{
    private static readonly TagQuery Everything = new("docs", [], false, [], Lifecycle.Active);
    private readonly string _directory = Directory.CreateTempSubdirectory("entityactors-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task What_was_acknowledged_is_there_after_a_restart_and_the_retry_gets_the_first_answer()
    {
        var put = Put("a", "x", "kind:a");
        Commit first;
        await using (var node = await TestNode.StartAsync(_directory))
        {
            Assert.True(node.Readiness.IsReady);
            first = await CommitAsync(node, put);
            Assert.Equal(1, first.Revision);
            var again = await CommitAsync(node, put);
            Assert.Equal(first with { Duplicate = true }, again);
        }

        await using (var node = await TestNode.StartAsync(_directory))
        {
            var found = await node.Store.GetAsync(put.Key, null, true, default);
            Assert.Equal("x", Encoding.UTF8.GetString(found!.Content!.Bytes.Span));
            Assert.Equal(first with { Duplicate = true }, await CommitAsync(node, put));
            var second = await CommitAsync(node, Put("a", "y", "kind:b"));
            Assert.Equal(2, second.Revision);
            var history = await node.Store.HistoryAsync(new HistoryQuery(put.Key, null, null, 0, 10), default);
            Assert.Equal([1L, 2], history.Changes.Select(change => change.Revision));
            var past = await node.Store.GetAsync(put.Key, first.At, true, default);
            Assert.Equal(1, past!.Head.Revision);
            Assert.Null(await node.Store.GetAsync(put.Key, new Timestamp(first.At.Nanoseconds - 1), true, default));
        }
    }

    [Fact]
    public async Task Many_writers_at_once_all_get_their_own_answers_and_one_creates_what_all_try_to()
    {
        await using var node = await TestNode.StartAsync(_directory);
        var writes = Enumerable.Range(0, 500).Select(i => CommitAsync(node, Put($"e{i}", $"{i}", $"kind:{i % 3}", "all:x"))).ToArray();
        var commits = await Task.WhenAll(writes);
        Assert.All(commits, commit => Assert.Equal(1, commit.Revision));
        Assert.Equal(500, commits.Select(commit => commit.Key).Distinct().Count());
        var races = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => node.Store.ExecuteAsync(
            Put("race", $"{i}", "kind:race") with { Condition = RevisionCondition.MustNotExist }, default)));
        Assert.Single(races.OfType<CommandResult.Committed>());
        Assert.Equal(19, races.OfType<CommandResult.Refused>().Count(one => one.Refusal.Code == RefusalCode.PreconditionFailed));

        var seen = new List<string>();
        string? cursor = null;
        do
        {
            var page = await node.Store.QueryAsync(new EntityQuery(
                Everything with { Tags = [new TagPattern("all:x", false)] }, null, 37, cursor, true, false), default);
            Assert.Equal(500, page.Total);
            seen.AddRange(page.Items.Select(item => item.Head.Key.Id));
            cursor = page.Cursor;
        }
        while (cursor is not null);
        Assert.Equal(500, seen.Distinct().Count());
        Assert.Equal(500, seen.Count);

        var tags = await node.Store.TagsAsync(new TagListQuery("docs", "kind:", null, null, 3), default);
        Assert.True(tags.HasMore);
        Assert.Equal([new("kind:0", 167), new("kind:1", 167), new TagCount("kind:2", 166)], tags.Items.AsEnumerable());
    }

    [Fact]
    public async Task A_checkpoint_covers_everything_and_the_store_reads_the_same_before_and_after_it_and_after_a_restart()
    {
        var changed = new Dictionary<string, string>();
        await using (var node = await TestNode.StartAsync(_directory))
        {
            for (var round = 0; round < 3; round++)
            {
                for (var i = 0; i < 40; i++)
                {
                    await CommitAsync(node, Put($"e{i}", $"{round}/{i}", $"round:{round}"));
                    changed[$"e{i}"] = $"{round}/{i}";
                }

                for (var shard = 0; shard < 4; shard++)
                {
                    var outcome = await node.Store.CheckpointAsync(new ShardId(shard), default);
                    Assert.True(outcome.Committed, outcome.Detail);
                    var state = await node.Store.ShardAsync(new ShardId(shard), default);
                    Assert.Equal(state.Sequence, state.CheckpointedSequence);
                    Assert.Equal(ShardStatus.Serving, state.Status);
                }

                await CheckAsync(node, changed);
            }

            foreach (var shard in await node.Store.ShardsAsync(default))
            {
                var verified = await node.Store.VerifyAsync(shard.Shard, repair: false, default);
                Assert.Empty(verified.Findings);
                Assert.True(verified.BytesChecked > 0);
            }
        }

        await using (var node = await TestNode.StartAsync(_directory)) await CheckAsync(node, changed);
    }

    [Fact]
    public async Task A_shard_that_fails_is_started_again_under_a_new_epoch_and_loses_nothing()
    {
        await using var node = await TestNode.StartAsync(_directory);
        var put = Put("a", "x", "kind:a");
        var commit = await CommitAsync(node, put);
        var before = await node.Store.ShardAsync(commit.Shard, default);

        // Another owner claims the shard behind the actor's back: what a zombie finds when it wakes up.
        node.Files.OpenShard(commit.Shard, 0).Dispose();
        var second = await CommitAsync(node, Put("a", "y", "kind:b"));
        Assert.Equal(2, second.Revision);
        var after = await node.Store.ShardAsync(commit.Shard, default);
        Assert.True(after.Epoch > before.Epoch + 1, $"epoch {after.Epoch} after {before.Epoch}");
        Assert.Equal(1, after.Restarts);
        var history = await node.Store.HistoryAsync(new HistoryQuery(put.Key, null, null, 0, 10), default);
        Assert.Equal([1L, 2], history.Changes.Select(change => change.Revision));
    }

    [Fact]
    public async Task An_owner_that_was_replaced_answers_no_read()
    {
        await using var node = await TestNode.StartAsync(_directory, options => options with
        {
            Shards = new ShardLimits { FencedDelay = TimeSpan.FromMinutes(5), RecoveryWaitMax = TimeSpan.FromMilliseconds(200) },
            Client = new ClientLimits { TryCountMax = 2 },
        });
        var commit = await CommitAsync(node, Put("a", "x", "kind:a"));
        node.Files.OpenShard(commit.Shard, 0).Dispose();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => node.Store.GetAsync(commit.Key, null, false, default));
    }

    [Fact]
    public async Task A_damaged_newest_header_is_passed_over_and_nothing_is_lost()
    {
        var changed = new Dictionary<string, string>();
        await using (var node = await TestNode.StartAsync(_directory))
        {
            for (var round = 0; round < 3; round++)
            {
                for (var i = 0; i < 40; i++)
                {
                    await CommitAsync(node, Put($"e{i}", $"{round}/{i}", "kind:a"));
                    changed[$"e{i}"] = $"{round}/{i}";
                }

                for (var shard = 0; shard < 4; shard++) await node.Store.CheckpointAsync(new ShardId(shard), default);
            }
        }

        foreach (var shard in Directory.GetDirectories(Path.Combine(_directory, "shards")))
        {
            var headers = Directory.GetFiles(shard, "header.*");
            var newest = headers.OrderBy(path => long.Parse(path[(path.LastIndexOf('.') + 1)..])).Last();
            var bytes = await File.ReadAllBytesAsync(newest);
            bytes[40] ^= 1;
            await File.WriteAllBytesAsync(newest, bytes);
        }

        await using (var node = await TestNode.StartAsync(_directory)) await CheckAsync(node, changed);
    }

    [Fact]
    public async Task Checkpoints_under_writes_lose_nothing_that_came_after_the_frozen_event()
    {
        const int Writers = 8;
        const int WritesEach = 120;
        await using (var node = await TestNode.StartAsync(_directory, options => options with
        {
            Store = options.Store with { ShardCount = 1, CheckpointBytes = 16 * 1024 },
        }))
        {
            await Task.WhenAll(Enumerable.Range(0, Writers).Select(async writer =>
            {
                for (var i = 1; i <= WritesEach; i++)
                    Assert.Equal(i, (await CommitAsync(node, Put($"w{writer}", $"{i}", $"kind:{i % 5}", "some:filling-of-the-memtable"))).Revision);
            }));
            var state = await node.Store.ShardAsync(new ShardId(0), default);
            Assert.True(state.CheckpointsCommitted > 1, $"{state.CheckpointsCommitted} checkpoints");
            Assert.Equal(0, state.Restarts);
        }

        await using (var node = await TestNode.StartAsync(_directory, options => options with { Store = options.Store with { ShardCount = 1 } }))
        {
            for (var writer = 0; writer < Writers; writer++)
            {
                var history = await node.Store.HistoryAsync(new HistoryQuery(new EntityKey("docs", $"w{writer}"), null, null, 0, 1000), default);
                Assert.Equal(Enumerable.Range(1, WritesEach), history.Changes.Select(change => (int)change.Revision));
            }

            Assert.Empty((await node.Store.VerifyAsync(new ShardId(0), repair: false, default)).Findings);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(300)]
    public async Task An_answer_as_of_a_moment_stays_the_same_also_when_it_lies_a_little_ahead(int milliseconds)
    {
        await using var node = await TestNode.StartAsync(_directory);
        await CommitAsync(node, Put("a", "x", "kind:a"));
        var moment = Timestamp.FromDateTimeOffset(TimeProvider.System.GetUtcNow()).Plus(TimeSpan.FromMilliseconds(milliseconds));
        var query = new EntityQuery(Everything with { Tags = [new TagPattern("kind:a", false)] }, moment, 10, null, true, false);
        var tags = new TagListQuery("docs", "kind:", moment, null, 10);
        Assert.Equal(1, (await node.Store.GetAsync(new EntityKey("docs", "a"), moment, false, default))!.Head.Revision);
        Assert.Equal(1, (await node.Store.QueryAsync(query, default)).Total);
        Assert.Equal([new TagCount("kind:a", 1)], (await node.Store.TagsAsync(tags, default)).Items.AsEnumerable());

        var later = await CommitAsync(node, Put("a", "y", "kind:b"));
        await CommitAsync(node, Put("b", "y", "kind:a"));
        Assert.True(later.At > moment, $"{later.At} lies under {moment}, which was answered for");
        Assert.Equal(1, (await node.Store.GetAsync(new EntityKey("docs", "a"), moment, false, default))!.Head.Revision);
        Assert.Equal(1, (await node.Store.QueryAsync(query, default)).Total);
        Assert.Equal([new TagCount("kind:a", 1)], (await node.Store.TagsAsync(tags, default)).Items.AsEnumerable());
    }

    [Fact]
    public async Task A_directory_in_use_is_refused_with_its_reason()
    {
        await using var node = await TestNode.StartAsync(_directory);
        var refusal = await Assert.ThrowsAsync<StoreUnusableException>(() => TestNode.StartAsync(_directory));
        Assert.Equal(StoreUnusableReason.InUse, refusal.Reason);
    }

    private static async Task CheckAsync(TestNode node, Dictionary<string, string> expected)
    {
        foreach (var (id, text) in expected)
        {
            var found = await node.Store.GetAsync(new EntityKey("docs", id), null, true, default);
            Assert.Equal(text, Encoding.UTF8.GetString(found!.Content!.Bytes.Span));
        }

        var page = await node.Store.QueryAsync(new EntityQuery(Everything, null, 1000, null, true, true), default);
        Assert.Equal(expected.Count, page.Total);
        Assert.Equal(expected.Keys.Order(), page.Items.Select(item => item.Head.Key.Id).Order());
    }

    private static async Task<Commit> CommitAsync(TestNode node, EntityCommand command) =>
        Assert.IsType<CommandResult.Committed>(await node.Store.ExecuteAsync(command, default)).Commit;

    private static PutEntity Put(string id, string content, params string[] tags) => new(new EntityKey("docs", id), CommandId.New(), "me",
        null, default, TagSet.Normalize(tags.Select(tag => new Tag(tag))), new Content("text/plain", Encoding.UTF8.GetBytes(content)));
}
