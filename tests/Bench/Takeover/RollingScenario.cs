using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using EntityActors.Bench.Measurement;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;

namespace EntityActors.Bench.Takeover;

/// <summary>What a cluster writes while its nodes are stopped and started one after the other, beside what it writes when nobody disturbs it.</summary>
/// <remarks>
/// Clients send the next write as soon as the last one is answered, to any node that is not known to be away. One that is not answered, or refused with 503,
/// goes to another node under the same command id, a few times.
/// </remarks>
internal sealed class RollingScenario : IAsyncDisposable
{
    private const string Dataset = "bench";
    private const int TryCountMax = 10;
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(3);

    private readonly ClusterUnderTest _cluster;
    private readonly int _workers;
    private readonly ConcurrentDictionary<Uri, StoreHttp> _clients = [];
    private readonly ConcurrentQueue<string> _failures = [];
    private int _next;
    private int _retries;

    private RollingScenario(ClusterUnderTest cluster, int workers) => (_cluster, _workers) = (cluster, workers);

    public static async Task<MarkdownTable> RunAsync(BenchOptions options, int nodeCount, int shardCount)
    {
        var workers = options.Writers[^1];
        var table = new MarkdownTable($"Rolling restart: {nodeCount} nodes, {shardCount} shards, {workers} writers",
            "undisturbed before, writes/s", "while each node is restarted", "undisturbed after", "ratio", "restarts took s", "sent again", "failed");
        for (var run = 1; run <= options.Runs; run++)
        {
            using var directory = new TempDirectory("bench-", options.DataDirectory);
            await using var cluster = new ClusterUnderTest(Path.Combine(directory.Path, "data"), nodeCount, shardCount);
            await cluster.StartAsync();
            await cluster.WaitBalancedAsync();
            await using var scenario = new RollingScenario(cluster, workers);
            table.Add(await scenario.RunOnceAsync(options.Duration));
            foreach (var failure in scenario._failures.Take(5)) Console.WriteLine($"   {failure}");
        }

        return table;
    }

    public ValueTask DisposeAsync()
    {
        foreach (var client in _clients.Values) client.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<string[]> RunOnceAsync(TimeSpan duration)
    {
        await MeasureAsync(Task.Delay(WarmUp));
        var before = await MeasureAsync(Task.Delay(duration));
        _retries = 0;
        var started = Stopwatch.GetTimestamp();
        var during = await MeasureAsync(RestartAllAsync());
        var took = Stopwatch.GetElapsedTime(started);
        var (retries, failed) = (_retries, _failures.Count);
        var after = await MeasureAsync(Task.Delay(duration));
        string[] row =
        [
            MarkdownTable.Number(before), MarkdownTable.Number(during), MarkdownTable.Number(after), MarkdownTable.Number(2 * during / (before + after)),
            MarkdownTable.Number(took.TotalSeconds), retries.ToString(CultureInfo.InvariantCulture), failed.ToString(CultureInfo.InvariantCulture),
        ];
        Console.WriteLine(string.Join(" | ", row));
        return row;
    }

    private async Task RestartAllAsync()
    {
        for (var node = 0; node < _cluster.NodeCount; node++)
        {
            if (await _cluster.TerminateAsync(node) is not 0 and var exit) throw new InvalidDataException($"SIGTERM ended with {exit}\n{_cluster.Output}");
            await _cluster.StartNodeAsync(node);
            await _cluster.WaitBalancedAsync();
        }
    }

    /// <returns>Acknowledged writes a second until the other task ends.</returns>
    private async Task<double> MeasureAsync(Task until)
    {
        var started = Stopwatch.GetTimestamp();
        var counts = await Task.WhenAll(Enumerable.Range(0, _workers).Select(worker => Task.Run(() => WriteAsync(worker, until))));
        await until;
        return counts.Sum() / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private async Task<int> WriteAsync(int worker, Task until)
    {
        var acknowledged = 0;
        for (var node = worker; !until.IsCompleted; node++)
        {
            if (await WriteOnceAsync($"e{Interlocked.Increment(ref _next)}", node)) acknowledged++;
        }

        return acknowledged;
    }

    private async Task<bool> WriteOnceAsync(string id, int node)
    {
        var conditions = new WriteConditions(null, false, Guid.NewGuid());
        var last = "";
        for (var attempt = 0; attempt < TryCountMax; attempt++, node++)
        {
            var target = node % _cluster.NodeCount;
            if (!_cluster.IsReady(target)) continue;
            if (last.Length > 0) Interlocked.Increment(ref _retries);
            try
            {
                var client = _clients.GetOrAdd(_cluster.Http(target), _ => _cluster.NewHttp(target));
                var answer = await client.PutAsync(Dataset, id, ["kind:bench"], "1", conditions);
                if (answer.Commit is not null) return true;
                last = answer.ToString();
                if (answer.Status != 503) break;
            }
            catch (Exception cause) when (cause is HttpRequestException or IOException or TaskCanceledException)
            {
                last = cause.Message;
            }

            await Task.Delay(RetryDelay);
        }

        _failures.Enqueue($"{id}: {last}");
        return false;
    }
}
