using System.Collections.Concurrent;
using System.Diagnostics;
using EntityActors.Actors.Client;
using EntityActors.Actors.Feeds;
using EntityActors.Bench.Measurement;
using EntityActors.Bench.Stores;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared;

namespace EntityActors.Bench.Scenarios;

/// <summary>Feeds: everything read back from the first change on, and how soon a new change is given.</summary>
internal static class FeedScenario
{
    private const int ReadersAtOnce = 4;
    private static readonly int[] ShardCounts = [64, 1];
    private static readonly TimeSpan WritePause = TimeSpan.FromMilliseconds(1);

    public static async Task<MarkdownTable> RunAsync(BenchOptions options)
    {
        var table = new MarkdownTable($"Feed, {options.Entities:N0} changes (median of {options.Runs})", "shards", "what", "changes a second", "p50 µs", "p99 µs");
        foreach (var shardCount in ShardCounts)
        {
            using var directory = new TempDirectory("bench-", options.DataDirectory);
            await using var node = await EntityActorsStore.OpenAsync(directory.Path, shardCount);
            await StoreLoader.LoadAsync(node, options);
            await AddReadAsync(table, node.Store, options, "read back, memory and segments", readers: 1);
            for (var shard = 0; shard < shardCount; shard++) await node.Store.CheckpointAsync(new ShardId(shard), default);
            var segments = (await node.Store.ShardsAsync(default)).Sum(shard => shard.SegmentCount);
            await AddReadAsync(table, node.Store, options, $"read back, {segments} segments", readers: 1);
            await AddReadAsync(table, node.Store, options, $"{ReadersAtOnce} readers at different places", ReadersAtOnce);
            foreach (var followers in new[] { 1, 16 })
            {
                var latency = await LatencyAsync(node, options, followers);
                table.Add($"{shardCount}", $"acknowledged to given, {followers} followers", MarkdownTable.Number(latency.PerSecond),
                    MarkdownTable.Number(latency.P50Microseconds), MarkdownTable.Number(latency.P99Microseconds));
            }
        }

        return table;
    }

    private static async Task AddReadAsync(MarkdownTable table, IEntityStore store, BenchOptions options, string what, int readers)
    {
        var rates = new List<double>();
        for (var run = 0; run < options.Runs; run++)
        {
            var started = Stopwatch.GetTimestamp();
            var counts = await Task.WhenAll(Enumerable.Range(0, readers).Select(reader => Task.Run(async () =>
            {
                // Each begins a while after the one before, so that they are at different places.
                await Task.Delay(TimeSpan.FromMilliseconds(200 * reader));
                return await CountAsync(store);
            })));
            if (counts.Any(count => count != options.Entities)) throw new InvalidDataException($"{string.Join(", ", counts)} of {options.Entities} changes");
            rates.Add(counts.Sum() / Stopwatch.GetElapsedTime(started).TotalSeconds);
        }

        Console.Error.WriteLine($"{store.ShardCount} shards, {what}: first {rates[0]:N0}/s, median {Statistics.Median(rates):N0}/s");
        table.Add($"{store.ShardCount}", what, MarkdownTable.Number(Statistics.Median(rates)), "", "");
    }

    private static async Task<int> CountAsync(IEntityStore store)
    {
        var count = 0;
        await foreach (var item in store.ChangesAsync(new FeedQuery(FeedQuery.Beginning, default, null, Follow: false), default))
            count += item.Change is null ? 0 : 1;
        return count;
    }

    /// <summary>From the answer of a write to the moment when a follower has its change; 0 when it had it first.</summary>
    private static async Task<Throughput> LatencyAsync(EntityActorsStore node, BenchOptions options, int followers)
    {
        using var stop = new CancellationTokenSource();
        var given = new ConcurrentDictionary<(int Follower, string Id), long>();
        var ready = new CountdownEvent(followers);
        var following = Enumerable.Range(0, followers).Select(follower => Task.Run(() => FollowAsync(follower))).ToList();
        ready.Wait(CancellationToken.None);
        var written = new List<(string Id, long Ticks)>();
        // Ids that no other phase wrote.
        var entities = new Workload(options.Seed + followers).Make(10_000_000 + (followers * 1_000_000), 100_000);
        for (var started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started) < options.Duration && written.Count < entities.Length;)
        {
            var entity = entities[written.Count];
            await node.WriteAsync(entity);
            written.Add((entity.Id, Stopwatch.GetTimestamp()));
            await Task.Delay(WritePause, CancellationToken.None);
        }

        for (var deadline = Environment.TickCount64 + 10_000; given.Count < written.Count * followers && Environment.TickCount64 < deadline;)
            await Task.Delay(10, CancellationToken.None);
        await stop.CancelAsync();
        await Task.WhenAll(following);
        var recorder = new LatencyRecorder();
        foreach (var (id, ticks) in written)
        {
            for (var follower = 0; follower < followers; follower++)
                recorder.Record(Math.Max(0, given[(follower, id)] - ticks));
        }

        return LatencyRecorder.Summarize([recorder], options.Duration);

        async Task FollowAsync(int follower)
        {
            try
            {
                await foreach (var item in node.Store.ChangesAsync(new FeedQuery(FeedQuery.Now, default, null, Follow: true), stop.Token))
                {
                    if (item.Change is { } change) given[(follower, change.Key.Id)] = Stopwatch.GetTimestamp();
                    else if (!ready.IsSet) ready.Signal();
                }
            }
            catch (OperationCanceledException)
            {
                // Enough.
            }
        }
    }
}
