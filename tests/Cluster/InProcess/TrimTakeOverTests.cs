using System.Diagnostics;
using System.Text;
using EntityActors.Actors.Checkpoints;
using EntityActors.Actors.Client;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests.InProcess;

/// <summary>Histories are trimmed while shards change their owners between a trim and the merges that carry it out.</summary>
public sealed class TrimTakeOverTests(ITestOutputHelper output)
{
    private const string Dataset = "docs";
    private const int ShardCount = 4;
    private const int NodeCount = 3;
    private const int KeyCount = 12;
    private const int Rounds = 6;

    private static readonly TimeSpan Window = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan BytesGoneMax = TimeSpan.FromMinutes(3);

    private readonly Dictionary<EntityKey, TrimmedHistory> _histories = [];

    [Fact]
    public async Task What_a_trim_leaves_is_the_same_for_every_owner_and_its_bytes_go_whoever_carries_it_out()
    {
        var seed = SeedSource.Next();
        output.WriteLine($"EA_SEED={seed}");
        var random = SeedSource.For(seed, 61);
        await using var cluster = await EntityTestCluster.StartAsync(new EntityTestClusterOptions
        {
            NodeCount = NodeCount, ShardCount = ShardCount, Change = Quick, Hocon = "entityactors.retention.erasure-delay = 0s",
        });
        for (var i = 0; i < KeyCount; i++) _histories.Add(new EntityKey(Dataset, $"{seed}-{i}"), new TrimmedHistory());
        var trims = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var (victim, other) = (round % NodeCount, (round + 1) % NodeCount);
            await WriteAsync(cluster.Client(other), 4, random);
            trims += await TrimAsync(cluster.Client(other), random);
            // At once: the trims are in the log alone. Or some time later: merges carry them out.
            if (round % 4 > 0) await WriteAsync(cluster.Client(victim), 1, random);
            if (round % 4 > 0) await Task.Delay(random.Next(2_500));
            if (round % 2 == 0) await cluster.KillAsync(victim);
            else await cluster.StopAsync(victim);
            await cluster.WaitReadyAsync(other);
            await CompareAsync(cluster.Client(other));
            await cluster.RestartAsync(victim);
            await CompareAsync(cluster.Client(victim));
        }

        // The first trim of each shard is always taken, later ones when the one before is carried out.
        output.WriteLine($"{trims} trims");
        Assert.InRange(trims, ShardCount + 1, Rounds * ShardCount);
        await BytesGoneAsync(cluster);
        await CompareAsync(cluster.Client(0));
    }

    private static EntityActorsOptions Quick(EntityActorsOptions options) => options with
    {
        Store = options.Store with { DuplicateWindow = Window, CheckpointBytes = 8 * 1024 },
        Checkpoints = new CheckpointLimits { LookInterval = TimeSpan.FromMilliseconds(300) },
    };

    private async Task WriteAsync(IEntityStore store, int count, Random random)
    {
        for (var i = 0; i < count; i++)
        {
            foreach (var (key, history) in _histories)
            {
                var content = $"secret-{random.NextInt64():x16}{random.NextInt64():x16}";
                var put = new PutEntity(key, CommandId.New(), "me", null, default, [new Tag($"n:{history.Count + 1}")],
                    new Content("text/plain", Encoding.UTF8.GetBytes(content)));
                var commit = Assert.IsType<CommandResult.Committed>(await store.ExecuteAsync(put, default)).Commit;
                history.Add(commit, content);
            }
        }
    }

    /// <summary>Up to a change in the middle of what is there.</summary>
    /// <returns>Shards that took it: the others have not carried out their last one.</returns>
    private async Task<int> TrimAsync(IEntityStore store, Random random)
    {
        var taken = 0;
        foreach (var shard in Enumerable.Range(0, ShardCount).Select(static i => new ShardId(i)))
        {
            var histories = _histories.Where(pair => pair.Key.ShardOf(ShardCount) == shard).Select(static pair => pair.Value).ToArray();
            if (histories.Length == 0) continue;
            var (before, kept) = (histories[random.Next(histories.Length)].AtBack(1 + random.Next(3)), 1 + random.Next(3));
            var result = await store.TrimHistoryAsync(new TrimHistory(shard, Dataset, before, kept, CommandId.New(), "me"), default);
            if (result is CommandResult.Refused { Refusal.Code: RefusalCode.PreconditionFailed or RefusalCode.AtNotLater }) continue;
            _ = Assert.IsType<CommandResult.Committed>(result);
            foreach (var history in histories) history.Trim(before, kept);
            taken++;
        }

        return taken;
    }

    private async Task CompareAsync(IEntityStore store)
    {
        foreach (var (key, history) in _histories)
        {
            var page = await store.HistoryAsync(new HistoryQuery(key, null, null, 0, HistoryQuery.LimitMax), default);
            Assert.Equal(history.Left, page.Changes.Select(static change => change.Revision));
            Assert.Equal(history.First > 1, page.Changes[0].IsBase);
            for (var revision = 1; revision <= history.Count; revision++)
            {
                var at = history.At(revision);
                if (revision < history.First)
                {
                    await Assert.ThrowsAsync<HistoryTrimmedException>(() => store.GetAsync(key, at, true, default));
                    continue;
                }

                var found = await store.GetAsync(key, at, true, default);
                Assert.Equal((key, revision, history.Content(revision)),
                    (key, (int)found!.Head.Revision, Encoding.UTF8.GetString(found.Content!.Bytes.Span)));
            }
        }
    }

    private async Task BytesGoneAsync(EntityTestCluster cluster)
    {
        byte[][] secrets = [.. _histories.Values.SelectMany(static history => history.Gone).Select(Encoding.UTF8.GetBytes)];
        Assert.NotEmpty(secrets);
        var since = Stopwatch.StartNew();
        while (true)
        {
            var found = StoredBytes.FilesHolding(cluster.DataDirectory, secrets);
            if (found.Count == 0) break;
            Assert.True(since.Elapsed < BytesGoneMax, $"what was trimmed is still in {string.Join(' ', found)}");
            await Task.Delay(200);
        }

        output.WriteLine($"{secrets.Length} trimmed contents are gone {since.Elapsed.TotalSeconds:0.0} s after the last take-over");
    }

    /// <summary>What was acknowledged of an entity, and where its trimmed history begins.</summary>
    private sealed class TrimmedHistory
    {
        private readonly List<(Timestamp At, string Content)> _changes = [];

        public int Count => _changes.Count;

        public int First { get; private set; } = 1;

        public IEnumerable<long> Left => Enumerable.Range(First, Count - First + 1).Select(static revision => (long)revision);

        public IEnumerable<string> Gone => _changes.Take(First - 1).Select(static change => change.Content);

        public Timestamp At(int revision) => _changes[revision - 1].At;

        public Timestamp AtBack(int count) => _changes[^count].At;

        public string Content(int revision) => _changes[revision - 1].Content;

        public void Add(Commit commit, string content)
        {
            _changes.Add((commit.At, content));
            Assert.Equal(Count, commit.Revision);
        }

        public void Trim(Timestamp before, int kept) =>
            First = Math.Max(First, Math.Min(_changes.FindLastIndex(change => change.At <= before) + 1, Count - kept + 1));
    }
}
