using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;

namespace EntityActors.Bench.Takeover;

/// <summary>One client for each shard, which writes one entity of it again and again at an even pace, through the nodes that are in use.</summary>
/// <remarks>Clients send each request once: what a node does about a shard that moves is measured, not the patience of its clients.</remarks>
internal sealed class ShardWriters : IAsyncDisposable
{
    private const string Dataset = "bench";
    private static readonly TimeSpan HttpTimeout = TimeSpan.FromSeconds(60);

    private readonly ClusterUnderTest _cluster;
    private readonly TimeSpan _pace;
    private readonly List<(long Sent, long Acknowledged, int Node)>[] _writes;
    private readonly ConcurrentDictionary<(int Node, Uri Http), StoreHttp> _clients = [];
    private readonly ConcurrentQueue<string> _failures = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _running;
    private volatile int[] _nodes;

    /// <param name="pace">How long each client rests after an answer.</param>
    public ShardWriters(ClusterUnderTest cluster, int shardCount, TimeSpan pace)
    {
        (_cluster, _pace) = (cluster, pace);
        _nodes = [.. Enumerable.Range(0, cluster.NodeCount)];
        _writes = [.. Enumerable.Range(0, shardCount).Select(_ => new List<(long, long, int)>())];
        _running = Task.WhenAll(Enumerable.Range(0, shardCount).Select(shard => Task.Run(() => WriteAsync(shard, IdIn(shard, shardCount)))));
    }

    /// <summary>Requests that ended in an error since the last call.</summary>
    public IReadOnlyList<string> TakeFailures()
    {
        var taken = new List<string>();
        while (_failures.TryDequeue(out var failure)) taken.Add(failure);
        return taken;
    }

    /// <summary>Through which nodes requests are sent from now on.</summary>
    public void Use(IEnumerable<int> nodes) => _nodes = [.. nodes];

    /// <summary>When the first write that was sent after a moment was acknowledged; null while none was.</summary>
    public TimeSpan? FirstAfter(int shard, long moment)
    {
        lock (_writes[shard])
        {
            foreach (var (sent, acknowledged, _) in _writes[shard])
            {
                // One that was under way is acknowledged by the next owner; of one that the dying owner still answered nobody can tell.
                if (sent > moment || acknowledged - moment > Stopwatch.Frequency / 20) return Stopwatch.GetElapsedTime(moment, acknowledged);
            }
        }

        return null;
    }

    /// <summary>Longest time without an acknowledgement that ended after a moment.</summary>
    public TimeSpan LongestGap(int shard, long moment)
    {
        lock (_writes[shard])
        {
            var longest = 0L;
            for (var i = 1; i < _writes[shard].Count; i++)
            {
                var end = _writes[shard][i].Acknowledged;
                if (end > moment) longest = Math.Max(longest, end - _writes[shard][i - 1].Acknowledged);
            }

            return Stopwatch.GetElapsedTime(0, longest);
        }
    }

    /// <summary>The write that ended the longest gap: when it was sent and acknowledged, in seconds from a moment, and by way of which node.</summary>
    public string Describe(int shard, long moment)
    {
        lock (_writes[shard])
        {
            var (sent, acknowledged, node) = _writes[shard].Where(write => write.Acknowledged > moment).MaxBy(write => write.Acknowledged - write.Sent);
            return string.Create(CultureInfo.InvariantCulture, $"sent {Seconds(sent - moment):F3}, acknowledged {Seconds(acknowledged - moment):F3} s, through node {node}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running;
        foreach (var client in _clients.Values) client.Dispose();
        _stopping.Dispose();
    }

    private static double Seconds(long ticks) => (double)ticks / Stopwatch.Frequency;

    private static string IdIn(int shard, int shardCount)
    {
        for (var i = 0; ; i++)
        {
            if (new EntityKey(Dataset, $"e{i}").ShardOf(shardCount).Value == shard) return $"e{i}";
        }
    }

    private async Task WriteAsync(int shard, string id)
    {
        for (var turn = shard; !_stopping.IsCancellationRequested; turn++)
        {
            var nodes = _nodes;
            var node = nodes[turn % nodes.Length];
            var sent = Stopwatch.GetTimestamp();
            try
            {
                var client = _clients.GetOrAdd((node, _cluster.Http(node)), _ => _cluster.NewHttp(node, HttpTimeout));
                var answer = await client.PutAsync(Dataset, id, ["kind:bench"], "1");
                if (answer.Commit is null) _failures.Enqueue($"shard {shard} through node {node}: {answer}");
                else lock (_writes[shard]) _writes[shard].Add((sent, Stopwatch.GetTimestamp(), node));
            }
            catch (Exception cause) when (cause is HttpRequestException or IOException or TaskCanceledException)
            {
                _failures.Enqueue($"shard {shard} through node {node}: {cause.Message}");
            }

            await Task.Delay(_pace);
        }
    }
}
