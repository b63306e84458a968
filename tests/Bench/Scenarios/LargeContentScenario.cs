using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Cluster;
using EntityActors.Actors.Client;
using EntityActors.Actors.Hosting;
using EntityActors.Bench.Measurement;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using EntityActors.Tests.Shared;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EntityActors.Bench.Scenarios;

/// <summary>What contents of 8 MiB between two members do to small reads over the same connection, to heartbeats and to memory.</summary>
/// <remarks>
/// Both members live in this process. Every request goes from the first to a shard of the second: one reader of small entities at an even pace, and a
/// number of streams that put a content of 8 MiB and get it back, again and again.
/// </remarks>
internal static class LargeContentScenario
{
    private const string Dataset = "bench";
    private const int ShardCount = 8;
    private const int ContentBytes = 8 * 1024 * 1024;
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan BalanceTimeout = TimeSpan.FromMinutes(2);

    public static async Task<MarkdownTable> RunAsync(BenchOptions options)
    {
        using var directory = new TempDirectory("bench-", options.DataDirectory);
        var port = FreePort();
        using var second = await StartAsync(directory.Path, "b", port, port);
        using var first = await StartAsync(directory.Path, "a", 0, port);
        var store = first.Services.GetRequiredService<IEntityStore>();
        var keys = await KeysOfSecondAsync(store);
        var lost = 0;
        foreach (var host in new[] { first, second })
        {
            Action onLost = () => Interlocked.Increment(ref lost);
            host.Services.GetRequiredService<ActorSystem>().ActorOf(Props.Create(() => new LossWatch(onLost)));
        }

        await store.ExecuteAsync(Put(keys(0), [1]), default);
        var table = new MarkdownTable("Small reads beside contents of 8 MiB, two members", "streams", "small reads a second", "p50 µs", "p99 µs", "longest ms",
            "refused", "MiB a second", "large calls refused", "unreachable", "resident MiB, at most");
        foreach (var streams in options.Writers)
        {
            lost = 0;
            table.Add([$"{streams}", .. await MeasureAsync(store, keys, streams, options.Duration), $"{lost}", $"{await SettledPeakAsync():N0}"]);
            Console.Error.WriteLine(table);
        }

        await first.StopAsync();
        await second.StopAsync();
        return table;
    }

    private static double _peak;

    private static async Task<double> SettledPeakAsync()
    {
        var peak = _peak;
        _peak = 0;
        await Task.Delay(TimeSpan.FromSeconds(5));
        GC.Collect();
        return peak;
    }

    private static async Task<string[]> MeasureAsync(IEntityStore store, Func<int, EntityKey> keys, int streams, TimeSpan duration)
    {
        using var stop = new CancellationTokenSource();
        var (bytes, refused) = (0L, 0);
        var content = new byte[ContentBytes];
        new Random(streams).NextBytes(content);
        var load = Enumerable.Range(1, streams).Select(stream => Task.Run(async () =>
        {
            for (var key = keys(stream); !stop.IsCancellationRequested;)
            {
                try
                {
                    await store.ExecuteAsync(Put(key, content), default);
                    Interlocked.Add(ref bytes, content.Length);
                    if ((await store.GetAsync(key, null, true, default))!.Content!.Bytes.Length != content.Length) throw new InvalidDataException("another length");
                    Interlocked.Add(ref bytes, content.Length);
                }
                catch (Exception cause) when (cause is StoreBusyException or StoreUnavailableException or OutcomeUnknownException)
                {
                    Interlocked.Increment(ref refused);
                }
            }
        })).ToList();
        var small = new LatencyRecorder();
        var (longest, failed, started) = (0d, 0, Stopwatch.GetTimestamp());
        while (Stopwatch.GetElapsedTime(started) < duration)
        {
            var sent = Stopwatch.GetTimestamp();
            try
            {
                await store.GetAsync(keys(0), null, true, default);
            }
            catch (StoreException)
            {
                failed++;
            }

            small.Add(sent);
            longest = Math.Max(longest, Stopwatch.GetElapsedTime(sent).TotalMilliseconds);
            _peak = Math.Max(_peak, ProcessReading.ResidentBytes(Environment.ProcessId) / 1048576d);
            await Task.Delay(Pace);
        }

        var elapsed = Stopwatch.GetElapsedTime(started);
        var moved = Interlocked.Read(ref bytes);
        await stop.CancelAsync();
        await Task.WhenAll(load);
        var figures = LatencyRecorder.Summarize([small], elapsed);
        return [MarkdownTable.Number(figures.PerSecond), MarkdownTable.Number(figures.P50Microseconds), MarkdownTable.Number(figures.P99Microseconds),
            MarkdownTable.Number(longest), $"{failed}", MarkdownTable.Number(moved / 1048576d / elapsed.TotalSeconds), $"{refused}"];
    }

    /// <summary>Keys of shards that the second member owns, once the shards are spread.</summary>
    private static async Task<Func<int, EntityKey>> KeysOfSecondAsync(IEntityStore store)
    {
        var deadline = Environment.TickCount64 + (long)BalanceTimeout.TotalMilliseconds;
        while (true)
        {
            var owned = (await store.ShardsAsync(default)).Where(shard => shard.Node == "b").Select(shard => shard.Shard).ToHashSet();
            if (owned.Count is > 0 and <= (ShardCount / 2) + 1)
                return number => Enumerable.Range(0, int.MaxValue).Select(i => new EntityKey(Dataset, $"e{i}")).Where(key => owned.Contains(key.ShardOf(ShardCount)))
                    .ElementAt(number);
            if (Environment.TickCount64 > deadline) throw new TimeoutException($"the second member owns {owned.Count} shards");
            await Task.Delay(200);
        }
    }

    private static async Task<IHost> StartAsync(string directory, string node, int port, int seed)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.ClearProviders();
        builder.AddEntityActors(new EntityActorsOptions
        {
            Store = new NodeStoreOptions { DataDirectory = directory, ShardCount = ShardCount, Node = node },
            Cluster = new ClusterOptions("127.0.0.1", port, [$"127.0.0.1:{seed}"]),
        });
        var host = builder.Build();
        await host.StartAsync();
        return host;
    }

    private static PutEntity Put(EntityKey key, byte[] content) =>
        new(key, CommandId.New(), "bench", null, default, [], new Content("application/octet-stream", content));

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Counts members that became unreachable.</summary>
    private sealed class LossWatch : ReceiveActor
    {
        public LossWatch(Action onLost)
        {
            Cluster.Get(Context.System).Subscribe(Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents, typeof(ClusterEvent.UnreachableMember));
            Receive<ClusterEvent.UnreachableMember>(_ => onLost());
        }
    }
}
