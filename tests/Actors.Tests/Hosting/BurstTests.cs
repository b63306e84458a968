using System.Text;
using EntityActors.Actors.Client;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Shards;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using Xunit;

namespace EntityActors.Actors.Tests.Hosting;

/// <summary>
/// Bursts beyond each limit of a running node, several in a row. What is past the limit is refused as busy and was not applied; what was
/// accepted is there once; and the next burst finds as much room as the first.
/// </summary>
public sealed class BurstTests : IDisposable
{
    private const int RoundCount = 3;
    private const int BurstCount = 20;
    private const int Limit = 6;
    private static readonly ShardId Shard = new(0);
    private readonly TempDirectory _directory = new();
    private readonly HookedFileSystem _files = new(PosixFileSystem.Instance);

    // Contents of every entity that was ever written to, oldest first; empty for one whose every change was refused.
    private readonly Dictionary<EntityKey, List<string>> _expected = [];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public Task Calls_beyond_the_credits_of_a_client_are_busy_and_not_applied() => BurstAsync(Limit, "calls are under way",
        options => options with { Client = options.Client with { CallCountMax = Limit } });

    [Fact]
    public Task Requests_beyond_what_a_shard_admits_are_busy_and_not_applied() => BurstAsync(Limit, "requests wait in the shard",
        options => options with { Shards = options.Shards with { RequestCountMax = Limit } });

    [Fact]
    public Task Commands_beyond_those_that_wait_for_the_next_batch_are_busy_and_not_applied()
    {
        const int batch = 2;
        const int deferred = 4;
        // One is being written, a batch has formed, and the rest waits.
        return BurstAsync(1 + batch + deferred, "commands wait for the next batch", options => options with
        {
            Store = options.Store with { BatchChangesMax = batch },
            Shards = options.Shards with { DeferredCountMax = deferred },
        });
    }

    [Fact]
    public async Task Requests_beyond_those_that_wait_for_a_shard_to_recover_are_busy_and_not_applied()
    {
        await RunAsync(options => options with { Shards = options.Shards with { RecoveryWaitingCountMax = Limit } }, async (node, round) =>
        {
            // Another owner behind the actor's back: the next request finds that out, and the shard starts again.
            node.Files.OpenShard(Shard, 0).Dispose();
            using var held = new HeldCalls(_files, static (call, path) => call == FileCall.Link && path.Contains("epoch", StringComparison.Ordinal));
            await Assert.ThrowsAsync<StoreUnavailableException>(() => node.Store.GetAsync(Keys("none", 1).Single(), null, false, default));
            await held.Reached;
            Assert.Equal(ShardStatus.Recovering, (await node.Store.ShardAsync(Shard, default)).Status);
            await WriteAsync(node, Keys($"burst-{round}", BurstCount), held, Limit, "requests wait for the shard to recover");
            await WriteAllAsync(node, Keys($"next-{round}", Limit));
        });
    }

    [Fact]
    public async Task Commands_beyond_those_that_wait_for_their_entities_to_be_read_are_busy_and_not_applied()
    {
        var cold = Keys("cold", BurstCount).ToList();
        await RunAsync(options => options with { Shards = options.Shards with { LoadWaitingCountMax = Limit } }, async (node, round) =>
        {
            await MakeColdAsync(node, cold, round);
            using var held = new HeldCalls(_files, IsSegmentRead);
            await WriteAsync(node, cold, held, Limit, "commands wait for their entities to be read");
        });
    }

    [Fact]
    public async Task Reads_beyond_those_that_may_be_under_way_are_busy()
    {
        var cold = Keys("cold", BurstCount).ToList();
        await RunAsync(options => options with { Shards = options.Shards with { ReadCountMax = Limit } }, async (node, round) =>
        {
            await MakeColdAsync(node, cold, round);
            using var held = new HeldCalls(_files, IsSegmentRead);
            var burst = Burst.OfReads(node.Store, cold);
            await burst.EndedAsync(BurstCount - Limit);
            held.Release();
            Assert.Equal(Limit, (await burst.DoneAsync("reads are under way")).Count);
            Assert.Equal(Limit, (await Burst.OfReads(node.Store, cold.Take(Limit)).DoneAsync("no limit")).Count);
        });
    }

    [Fact]
    public async Task Batches_beyond_the_queue_of_the_commit_log_are_busy_and_not_applied()
    {
        await RunAsync(options => options with
        {
            Store = options.Store with { ShardCount = 8, Log = new CommitLogOptions { QueueRecordsMax = 1 } },
        }, async (node, round) =>
        {
            var keys = Enumerable.Range(0, 8).Select(shard => NodeLoad.Keys($"burst-{round}", new ShardId(shard), 8, 1).Single()).ToList();
            using var held = new HeldCalls(_files, IsLogSync);
            var burst = Burst.OfWrites(node.Store, keys, $"{round}");
            // At most one batch is being written and one waits.
            await burst.EndedAsync(keys.Count - 2);
            held.Release();
            var done = await burst.DoneAsync("records wait for the commit log");
            Assert.InRange(done.Count, 1, 2);
            Expect(keys, done, $"{round}");
            // A refused write ends its shard's actor; the next one serves at once.
            foreach (var key in keys) await WriteAllAsync(node, [key], "next");
        });
    }

    /// <param name="checkpointBytes">Also a checkpoint that is due only beyond the limit comes when writes are refused.</param>
    [Theory]
    [InlineData(4_000)]
    [InlineData(1_000_000)]
    public async Task Commands_beyond_a_full_memtable_are_busy_and_not_applied_until_a_checkpoint_has_made_room(int checkpointBytes)
    {
        const string limit = "the memtable is full and waits for a checkpoint";
        await RunAsync(options => options with { Store = options.Store with { CheckpointBytes = checkpointBytes, MemtableBytesMax = 16_000 } },
            async (node, round) =>
            {
                using var held = new HeldCalls(_files, static (call, path) => call == FileCall.Create && path.EndsWith(".seg", StringComparison.Ordinal));
                Assert.InRange(await FillAsync(node, $"fill-{round}", limit), 2, 500);
                await held.Reached;
                // A checkpoint of the round before may have been under way, and have made room since.
                await FillAsync(node, $"fill-more-{round}", limit);
                await WriteAsync(node, Keys($"burst-{round}", BurstCount), held, 0, limit);
                var before = (await node.Store.ShardAsync(Shard, default)).MemtableBytes;
                var next = Keys($"next-{round}", 1).ToList();
                await Eventually.HoldsAsync(async () => (await Burst.OfWrites(node.Store, next, "next").DoneAsync(limit)).Count == 1,
                    () => $"no room beside {before} bytes");
                Expect(next, next, "next");
            });
    }

    /// <summary>Writes until one is refused.</summary>
    /// <returns>How many were accepted.</returns>
    private async Task<int> FillAsync(TestNode node, string prefix, string limit)
    {
        var filling = 0;
        foreach (var key in Keys(prefix, 1_000))
        {
            var accepted = await Burst.OfWrites(node.Store, [key], prefix).DoneAsync(limit);
            Expect([key], accepted, prefix);
            if (accepted.Count == 0) break;
            filling++;
        }

        return filling;
    }

    private Task BurstAsync(int accepted, string limit, Func<EntityActorsOptions, EntityActorsOptions> change) => RunAsync(change, async (node, round) =>
    {
        using var held = new HeldCalls(_files, IsLogSync);
        await WriteAsync(node, Keys($"burst-{round}", BurstCount), held, accepted, limit);
        await WriteAllAsync(node, Keys($"next-{round}", accepted));
    });

    /// <summary>Several rounds on one node, then everything is read back, there and on the node that opens the data next.</summary>
    private async Task RunAsync(Func<EntityActorsOptions, EntityActorsOptions> change, Func<TestNode, int, Task> round)
    {
        await using (var node = await StartAsync(change))
        {
            for (var i = 1; i <= RoundCount; i++) await round(node, i);
            await CheckAsync(node);
        }

        await using (var node = await StartAsync(change)) await CheckAsync(node);
    }

    private Task<TestNode> StartAsync(Func<EntityActorsOptions, EntityActorsOptions> change) => TestNode.StartAsync(_directory.Path, options =>
        change(options with
        {
            Files = _files,
            // Nothing is read from memory but what was not checkpointed.
            Store = options.Store with { ShardCount = 1, Segments = new SegmentOptions { BlockBytes = 1 }, BlockCacheBytes = 0 },
            // The first answer is the one that counts, and whoever is held waits.
            Client = new ClientLimits { TryCountMax = 1, TryTimeout = TimeSpan.FromSeconds(40), CallTimeout = TimeSpan.FromSeconds(60) },
            Shards = new ShardLimits
            {
                FencedDelay = TimeSpan.FromMilliseconds(10), RestartDelayMin = TimeSpan.FromMilliseconds(10),
                RestartDelayMax = TimeSpan.FromMilliseconds(100), RecoveryWaitMax = TimeSpan.FromSeconds(40),
            },
        }));

    /// <summary>One write to each of these entities while the disk is held; exactly so many of them are accepted.</summary>
    private async Task WriteAsync(TestNode node, IEnumerable<EntityKey> keys, HeldCalls held, int accepted, string limit)
    {
        var all = keys.ToList();
        var content = $"burst-{_expected.Values.Sum(contents => contents.Count)}";
        var burst = Burst.OfWrites(node.Store, all, content);
        await burst.EndedAsync(all.Count - accepted);
        held.Release();
        var done = await burst.DoneAsync(limit);
        Assert.Equal(accepted, done.Count);
        Expect(all, done, content);
    }

    private async Task WriteAllAsync(TestNode node, IEnumerable<EntityKey> keys, string content = "next")
    {
        var all = keys.ToList();
        Assert.Equal(all, await Burst.OfWrites(node.Store, all, content).DoneAsync("no limit"));
        Expect(all, all, content);
    }

    /// <summary>Entities that are on disk alone, each with one change more than before.</summary>
    private async Task MakeColdAsync(TestNode node, IReadOnlyList<EntityKey> keys, int round)
    {
        foreach (var key in keys) await WriteAllAsync(node, [key], $"cold-{round}");
        Assert.True((await node.Store.CheckpointAsync(Shard, default)).Committed);
    }

    private void Expect(IEnumerable<EntityKey> sent, IReadOnlyList<EntityKey> applied, string content)
    {
        foreach (var key in sent)
        {
            if (!_expected.TryGetValue(key, out var contents)) _expected.Add(key, contents = []);
            if (applied.Contains(key)) contents.Add(content);
        }
    }

    private async Task CheckAsync(TestNode node)
    {
        Assert.Contains(_expected.Values, contents => contents.Count > 0);
        foreach (var (key, contents) in _expected)
        {
            var history = await node.Store.HistoryAsync(new HistoryQuery(key, null, null, 0, HistoryQuery.LimitMax), default);
            Assert.Equal(contents, history.Changes.Select(change => Encoding.UTF8.GetString(change.Content!.Bytes.Span)));
            Assert.Equal(contents.Count, (await node.Store.GetAsync(key, null, false, default))?.Head.Revision ?? 0);
        }
    }

    private static IEnumerable<EntityKey> Keys(string prefix, int count) => NodeLoad.Keys(prefix, Shard, 1, count);

    private static bool IsLogSync(FileCall call, string path) => call == FileCall.SyncData && path.EndsWith(".wal", StringComparison.Ordinal);

    private static bool IsSegmentRead(FileCall call, string path) => call == FileCall.Read && path.EndsWith(".seg", StringComparison.Ordinal);
}
