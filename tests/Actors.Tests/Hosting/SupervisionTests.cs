using System.Text;
using EntityActors.Actors.Client;
using EntityActors.Actors.Feeds;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Shards;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using EntityActors.Storage.Shards;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EntityActors.Actors.Tests.Hosting;

/// <summary>Damage and failing disks under a running node: what is lost is named, what is good goes on, and nobody else notices.</summary>
public sealed class SupervisionTests : IDisposable
{
    private static readonly ShardId Damaged = new(0);
    private static readonly ShardId Other = new(1);
    private static readonly TagQuery Everything = new("docs", [], false, [], Lifecycle.Active);
    private readonly TempDirectory _directory = new();
    private readonly FaultyFileSystem _files = new(PosixFileSystem.Instance);
    private readonly LogCapture _logs = new();

    public void Dispose()
    {
        _logs.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Only_the_entities_in_a_lost_block_answer_corrupted_while_the_node_runs_and_after_it_starts_again()
    {
        List<EntityKey> lost, good;
        NodeLoad load, other;
        string beforeLost;
        await using (var node = await StartAsync())
        {
            var cold = await FillAsync(node, "cold", 40);
            // Under two headers: an earlier one with a longer replay would bring everything back.
            for (var i = 0; i < 2; i++) Assert.True((await node.Store.CheckpointAsync(Damaged, default)).Committed);
            load = NodeLoad.Start(node.Store, "load", Damaged, 3);
            other = NodeLoad.Start(node.Store, "other", Other, 3);
            await load.ProgressAsync(50);
            var first = cold.OrderBy(key => key.Id, StringComparer.Ordinal).First();
            beforeLost = await CursorAsync(node);
            // One that will be lost has a change in the log, too: recovery cannot apply it to a state that cannot be read.
            var touched = Assert.IsType<CommandResult.Committed>(await node.Store.ExecuteAsync(NodeLoad.Put(first, "touched"), default)).Commit;
            (lost, good) = LoseBlocks(cold);
            Assert.Contains(touched.Key, lost);
            Assert.Equal(2, (await node.Store.GetAsync(touched.Key, null, true, default))!.Head.Revision);
            lost.Remove(touched.Key);
            await CheckLostAsync(node, lost, good, "1");
            Assert.NotEmpty((await node.Store.VerifyAsync(Damaged, repair: false, default)).Findings);
            var state = await node.Store.ShardAsync(Damaged, default);
            Assert.Equal((ShardStatus.Serving, 0L), (state.Status, state.Restarts));
            await Assert.ThrowsAsync<EntityCorruptedException>(() => CountAsync(node, FeedQuery.Beginning, Damaged));
            Assert.True(await CountAsync(node, beforeLost, Damaged) > 0);
            await load.ProgressAsync(50);
            await load.StopAsync();
            await other.StopAsync();
            Assert.Empty(load.Errors);
            Assert.Empty(other.Errors);
            lost.Add(touched.Key);
        }

        await using (var node = await StartAsync())
        {
            Assert.True(node.Readiness.IsReady);
            await CheckLostAsync(node, lost, good, "2");
            await Assert.ThrowsAsync<EntityCorruptedException>(() => node.Store.GetAsync(lost[^1], null, true, default));
            var counted = new EntityQuery(Everything, null, 1, null, true, false);
            await Assert.ThrowsAsync<EntityCorruptedException>(() => node.Store.QueryAsync(counted, default));
            await node.Store.QueryAsync(counted with { Query = Everything with { Dataset = "another" } }, default);
            // The change that could not be applied is missing in memory, and a feed that passed it over would say nothing about it.
            await Assert.ThrowsAsync<EntityCorruptedException>(() => CountAsync(node, beforeLost, Damaged));
            Assert.Equal(0, await CountAsync(node, beforeLost, Damaged, "another"));
            Assert.True(await CountAsync(node, FeedQuery.Beginning, Other) > 0);
            // A checkpoint would cover the change that could not be applied, and the log would lose it.
            var state = await node.Store.ShardAsync(Damaged, default);
            Assert.Equal(ShardStatus.Degraded, state.Status);
            Assert.Contains(lost[^1].ToString(), state.Detail, StringComparison.Ordinal);
            var refused = await node.Store.CheckpointAsync(Damaged, default);
            Assert.False(refused.Committed);
            Assert.Contains(lost[^1].ToString(), refused.Detail, StringComparison.Ordinal);
            await load.CheckAsync(node.Store);
            await other.CheckAsync(node.Store);
        }
    }

    [Fact]
    public async Task A_lost_block_is_repaired_by_an_earlier_header_and_a_longer_replay()
    {
        List<EntityKey> cold;
        await using (var node = await StartAsync())
        {
            cold = await FillAsync(node, "cold", 40);
            Assert.True((await node.Store.CheckpointAsync(Damaged, default)).Committed);
            foreach (var key in cold) Assert.IsType<CommandResult.Committed>(await node.Store.ExecuteAsync(NodeLoad.Put(key, "2"), default));
            LoseBlocks(cold);
        }

        await using (var node = await StartAsync())
        {
            Assert.Equal(ShardStatus.Serving, (await node.Store.ShardAsync(Damaged, default)).Status);
            foreach (var key in cold)
            {
                var history = await node.Store.HistoryAsync(new HistoryQuery(key, null, null, 0, 10), default);
                Assert.Equal(["1", "2"], history.Changes.Select(change => Encoding.UTF8.GetString(change.Content!.Bytes.Span)));
            }

            Assert.True((await node.Store.CheckpointAsync(Damaged, default)).Committed);
        }
    }

    [Theory]
    [InlineData("headers")]
    [InlineData("claims")]
    [InlineData("log")]
    public async Task A_shard_that_cannot_start_is_quarantined_loudly_and_the_node_serves_the_others(string damage)
    {
        NodeLoad other;
        List<EntityKey> keys;
        await using (var node = await StartAsync())
        {
            keys = await FillAsync(node, "cold", 10);
            for (var i = 0; i < 2 && damage != "log"; i++) Assert.True((await node.Store.CheckpointAsync(Damaged, default)).Committed);
            await node.Store.ExecuteAsync(NodeLoad.Put(keys[0], "needle-in-the-log"), default);
            other = NodeLoad.Start(node.Store, "other", Other, 2);
            await other.ProgressAsync(20);
            await other.StopAsync();
        }

        var path = Spoil(damage);
        await using (var node = await StartAsync(_logs, options => options with { Client = new ClientLimits { TryCountMax = 2 } }))
        {
            Assert.Equal((1, 1, false), (node.Readiness.ServingCount, node.Readiness.QuarantinedCount, node.Readiness.IsReady));
            var state = await node.Store.ShardAsync(Damaged, default);
            Assert.Equal(ShardStatus.Quarantined, state.Status);
            Assert.Contains(path, state.Detail, StringComparison.Ordinal);
            Assert.Null(state.Sequence);
            var line = await ErrorLineAsync();
            Assert.Contains("quarantined", line, StringComparison.Ordinal);
            Assert.Contains(path, line, StringComparison.Ordinal);

            var read = await Assert.ThrowsAsync<StoreUnavailableException>(() => node.Store.GetAsync(keys[0], null, true, default));
            var write = await Assert.ThrowsAsync<StoreUnavailableException>(() => node.Store.ExecuteAsync(NodeLoad.Put(keys[0], "x"), default));
            var query = await Assert.ThrowsAsync<StoreUnavailableException>(
                () => node.Store.QueryAsync(new EntityQuery(Everything, null, 10, null, true, false), default));
            var tags = await Assert.ThrowsAsync<StoreUnavailableException>(
                () => node.Store.TagsAsync(new TagListQuery("docs", "kind:", null, null, 10), default));
            foreach (var refusal in new[] { read, write, query, tags })
            {
                Assert.Equal(Damaged, refusal.Shard);
                Assert.Contains("quarantined", refusal.Message, StringComparison.Ordinal);
            }

            await other.CheckAsync(node.Store);
            var again = NodeLoad.Start(node.Store, "again", Other, 2);
            await again.ProgressAsync(50);
            await again.StopAsync();
            Assert.Empty(again.Errors);
        }
    }

    [Theory]
    [InlineData("write")]
    [InlineData("sync")]
    public async Task A_log_that_cannot_be_written_acknowledges_nothing_and_its_shards_start_again_from_disk(string operation)
    {
        NodeLoad[] loads;
        await using (var node = await StartAsync())
        {
            loads = [.. new[] { Damaged, Other }.Select(shard => NodeLoad.Start(node.Store, "load", shard, 4, isTolerant: true))];
            for (var round = 0; round < 3; round++)
            {
                foreach (var load in loads) await load.ProgressAsync(50);
                var failures = 0;
                _files.Before = (what, path) =>
                {
                    if (what == operation && path.EndsWith(".wal", StringComparison.Ordinal) && Interlocked.Increment(ref failures) == 1)
                        throw new StoreIoException(what, path, 5, "Input/output error");
                };
                foreach (var load in loads) await load.ProgressAsync(50);
                Assert.True(Volatile.Read(ref failures) >= 1);
                _files.Before = null;
            }

            foreach (var load in loads)
            {
                await load.StopAsync();
                Assert.Empty(load.Errors);
                // Nobody waits for an answer that will not come: whoever was under way when the shard stopped is told.
                Assert.True(load.Longest < ClientLimits.Default.TryTimeout, $"a call took {load.Longest}");
                await load.CheckAsync(node.Store);
            }

            foreach (var state in await node.Store.ShardsAsync(default))
            {
                Assert.Equal(ShardStatus.Serving, state.Status);
                Assert.True(state.Restarts >= 3, $"{state.Restarts} restarts of shard {state.Shard}");
            }
        }

        await using (var node = await StartAsync())
        {
            foreach (var load in loads) await load.CheckAsync(node.Store);
        }
    }

    [Theory]
    [InlineData("write")]
    [InlineData("sync")]
    public async Task The_retry_of_a_command_whose_outcome_was_unknown_has_one_effect(string operation)
    {
        await using var node = await StartAsync(change: options => options with { Client = new ClientLimits { TryCountMax = 1 } });
        var keys = await FillAsync(node, "cold", 1);
        var put = NodeLoad.Put(keys[0], "2");
        var failures = 0;
        _files.Before = (what, path) =>
        {
            if (what == operation && path.EndsWith(".wal", StringComparison.Ordinal) && Interlocked.Increment(ref failures) == 1)
                throw new StoreIoException(what, path, 5, "Input/output error");
        };
        var unknown = await Assert.ThrowsAsync<OutcomeUnknownException>(() => node.Store.ExecuteAsync(put, default));
        Assert.Equal(put.Id, unknown.Command);
        var first = Assert.IsType<CommandResult.Committed>(await node.Store.ExecuteAsync(put, default)).Commit;
        Assert.Equal(2, first.Revision);
        var second = Assert.IsType<CommandResult.Committed>(await node.Store.ExecuteAsync(put, default)).Commit;
        Assert.Equal(first with { Duplicate = true }, second);
        var history = await node.Store.HistoryAsync(new HistoryQuery(put.Key, null, null, 0, 10), default);
        Assert.Equal([1L, 2], history.Changes.Select(change => change.Revision));
    }

    private Task<TestNode> StartAsync(ILoggerProvider? logs = null, Func<EntityActorsOptions, EntityActorsOptions>? change = null) =>
        TestNode.StartAsync(_directory.Path, options =>
        {
            options = options with
            {
                Files = _files,
                Store = options.Store with
                {
                    // Every row is a block of its own, and each read comes from disk.
                    ShardCount = 2, Segments = new SegmentOptions { BlockBytes = 1 }, BlockCacheBytes = 0,
                },
                Shards = new ShardLimits
                {
                    RestartDelayMin = TimeSpan.FromMilliseconds(10), RestartDelayMax = TimeSpan.FromMilliseconds(100),
                },
            };
            return change?.Invoke(options) ?? options;
        }, logs);

    private static async Task<List<EntityKey>> FillAsync(TestNode node, string prefix, int count)
    {
        var keys = NodeLoad.Keys(prefix, Damaged, 2, count).ToList();
        await Task.WhenAll(keys.Select(key => node.Store.ExecuteAsync(NodeLoad.Put(key, "1"), default)));
        return keys;
    }

    /// <summary>Destroys the first blocks of the shard's only segment: more than its parity can rebuild.</summary>
    private (List<EntityKey> Lost, List<EntityKey> Good) LoseBlocks(List<EntityKey> keys)
    {
        var path = Assert.Single(Directory.GetFiles(ShardDirectory(), "*.seg"));
        using (var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite))
        {
            var bytes = new byte[400];
            file.Position = 32;
            file.ReadExactly(bytes);
            for (var i = 0; i < bytes.Length; i++) bytes[i] ^= 0x55;
            file.Position = 32;
            file.Write(bytes);
        }

        var info = Assert.Single(NewestHeader().Segments);
        using var segments = SegmentSet.Of([Segment.Open(PosixFileSystem.Instance, path, info, new BlockCache(0))]);
        var lost = keys.Where(key => IsLost(segments, key)).ToList();
        Assert.InRange(lost.Count, 1, keys.Count / 2);
        return (lost, keys.Except(lost).ToList());
    }

    private static bool IsLost(SegmentSet segments, EntityKey key)
    {
        try
        {
            _ = segments.FindHead(key);
            _ = segments.ReadChanges(key, 1, 1).Count();
            return false;
        }
        catch (CorruptDataException)
        {
            return true;
        }
    }

    private static async Task CheckLostAsync(TestNode node, List<EntityKey> lost, List<EntityKey> good, string content)
    {
        foreach (var key in lost)
        {
            var write = await Assert.ThrowsAsync<EntityCorruptedException>(() => node.Store.ExecuteAsync(NodeLoad.Put(key, "x"), default));
            Assert.Equal(Damaged, write.Shard);
            await Assert.ThrowsAsync<EntityCorruptedException>(() => node.Store.HistoryAsync(new HistoryQuery(key, null, null, 0, 10), default));
        }

        // A query that would have to leave one out fails instead.
        await Assert.ThrowsAsync<EntityCorruptedException>(
            () => node.Store.QueryAsync(new EntityQuery(Everything, null, 1000, null, false, true), default));
        foreach (var key in good)
        {
            var found = await node.Store.GetAsync(key, null, true, default);
            Assert.Equal(content, Encoding.UTF8.GetString(found!.Content!.Bytes.Span));
            var next = (int.Parse(content, null) + 1).ToString(System.Globalization.CultureInfo.InvariantCulture);
            Assert.IsType<CommandResult.Committed>(await node.Store.ExecuteAsync(NodeLoad.Put(key, next), default));
        }
    }

    /// <summary>The one error that was logged; logging runs behind what it tells of.</summary>
    private async Task<string> ErrorLineAsync()
    {
        for (var deadline = Environment.TickCount64 + 10_000; ;)
        {
            var lines = _logs.At(LogLevel.Error).ToArray();
            if (lines.Length > 0 || Environment.TickCount64 > deadline) return Assert.Single(lines);
            await Task.Delay(10);
        }
    }

    /// <returns>A part of the path that the reason has to name.</returns>
    private string Spoil(string damage)
    {
        switch (damage)
        {
            case "headers":
                foreach (var header in Directory.GetFiles(ShardDirectory(), "header.*")) Flip(header, 50);
                return "header.";
            case "claims":
                foreach (var claim in Directory.GetFiles(Path.Combine(ShardDirectory(), "epoch"))) Flip(claim, 9);
                return $"epoch{Path.DirectorySeparatorChar}";
            case "log":
                foreach (var log in Directory.GetFiles(Path.Combine(_directory.Path, "nodes"), "*.wal", SearchOption.AllDirectories))
                {
                    var at = File.ReadAllBytes(log).AsSpan().IndexOf("needle-in-the-log"u8);
                    if (at >= 0) Flip(log, at);
                }

                return $"nodes{Path.DirectorySeparatorChar}";
            default:
                throw new ArgumentException(damage);
        }
    }

    private static void Flip(string path, int offset)
    {
        using var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = offset;
        var value = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)(value ^ 0x40));
    }

    private ShardHeader NewestHeader() =>
        new HeaderStore(PosixFileSystem.Instance, new StoreLayout(_directory.Path), static (_, _) => true).List(Damaged)[0];

    private string ShardDirectory() => Path.Combine(_directory.Path, "shards", Damaged.ToString());

    /// <summary>Where a feed of the shard that will be damaged stands now.</summary>
    private static async Task<string> CursorAsync(TestNode node)
    {
        await foreach (var item in node.Store.ChangesAsync(new FeedQuery(FeedQuery.Now, default, Damaged, Follow: false), default)) return item.Cursor();
        throw new InvalidOperationException("a feed begins with where it begins");
    }

    private static async Task<int> CountAsync(TestNode node, string since, ShardId shard, string? dataset = null)
    {
        var count = 0;
        await foreach (var item in node.Store.ChangesAsync(new FeedQuery(since, new ChangeFilter(dataset, null), shard, Follow: false), default))
            count += item.Change is null ? 0 : 1;
        return count;
    }
}
