using System.Collections.Concurrent;
using System.Diagnostics;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;

namespace EntityActors.Cluster.Tests;

/// <summary>One client for each shard, which writes to one entity of it again and again through whichever node is ready.</summary>
/// <remarks>
/// A client tries a request that was not answered, or answered with "not now", up to <see cref="TryCountMax"/> times, at another node each
/// time and under the same Idempotency-Key, as the store's own client does. So after N acknowledged writes the entity has revision N: one more
/// is a command that took effect twice, one less an acknowledged one that was lost.
/// </remarks>
internal sealed class ShardLoad : IDisposable
{
    public const int TryCountMax = 8;

    private const string Dataset = "load";
    private static readonly TimeSpan TryTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryDelayMin = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan RetryDelayMax = TimeSpan.FromSeconds(1);

    private readonly ClusterUnderTest _cluster;
    private readonly string[] _ids;
    private readonly ConcurrentDictionary<Uri, StoreHttp> _http = [];
    private readonly ConcurrentBag<string> _failures = [];
    private readonly List<TimeSpan>[] _acknowledged;
    private readonly long[] _revisions;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly CancellationTokenSource _ended = new();
    private Task _running = Task.CompletedTask;

    private ShardLoad(ClusterUnderTest cluster, string[] ids)
    {
        (_cluster, _ids) = (cluster, ids);
        _acknowledged = [.. ids.Select(_ => new List<TimeSpan>())];
        _revisions = new long[ids.Length];
    }

    /// <summary>Time on the clock of the acknowledgements.</summary>
    public TimeSpan Now => _clock.Elapsed;

    /// <summary>What clients were told in the end, each after all its tries.</summary>
    public IReadOnlyCollection<string> Failures => _failures;

    public long AcknowledgedCount => _revisions.Sum();

    /// <summary>Finds an entity of every shard and starts to write.</summary>
    public static async Task<ShardLoad> StartAsync(ClusterUnderTest cluster, int shardCount)
    {
        var ids = new string?[shardCount];
        using (var http = new StoreHttp(cluster.Http(0)))
        {
            for (var i = 0; ids.Contains(null); i++)
            {
                var commit = (await http.PutAsync("probe", $"{{{i}}}", ["kind:probe"], null)).Commit!;
                ids[commit.Shard] ??= $"{{{i}}}";
            }
        }

        var load = new ShardLoad(cluster, ids!);
        load._running = Task.WhenAll(Enumerable.Range(0, shardCount).Select(load.RunAsync));
        return load;
    }

    /// <summary>Ends after the requests under way.</summary>
    public async Task StopAsync()
    {
        await _ended.CancelAsync();
        await _running;
    }

    /// <summary>Longest time between two acknowledgements of a shard that follow each other, the second one later than a moment.</summary>
    public TimeSpan LongestGap(int shard, TimeSpan after)
    {
        lock (_acknowledged[shard])
        {
            var times = _acknowledged[shard];
            var longest = TimeSpan.Zero;
            for (var i = 1; i < times.Count; i++)
            {
                if (times[i] > after && times[i] - times[i - 1] > longest) longest = times[i] - times[i - 1];
            }

            return longest;
        }
    }

    /// <summary>Revisions that differ from the number of acknowledged writes, as one node answers them; call it after the end.</summary>
    public async Task<IReadOnlyList<string>> FindLostAsync(int node)
    {
        using var http = new StoreHttp(_cluster.Http(node));
        var wrong = new List<string>();
        for (var shard = 0; shard < _ids.Length; shard++)
        {
            var found = await http.GetAsync(Dataset, _ids[shard]);
            if (found?.Revision != _revisions[shard]) wrong.Add($"shard {shard}: {_revisions[shard]} acknowledged, revision {found?.Revision}");
        }

        return wrong;
    }

    public void Dispose()
    {
        foreach (var http in _http.Values) http.Dispose();
        _ended.Dispose();
    }

    private async Task RunAsync(int shard)
    {
        for (var turn = shard; !_ended.IsCancellationRequested; turn++)
        {
            var conditions = new WriteConditions { CommandId = Guid.NewGuid() };
            var told = "";
            for (var attempt = 1; attempt <= TryCountMax; attempt++)
            {
                var node = ReadyNode(turn + attempt);
                told += await TryAsync(shard, node, conditions);
                if (told.EndsWith('!')) break;
                var delay = RetryDelayMin * Math.Pow(2, attempt - 1);
                await Task.Delay(delay < RetryDelayMax ? delay : RetryDelayMax);
            }

            if (told.EndsWith('!')) continue;
            _failures.Add($"{Now} shard {shard}:{told}");
            // Its outcome is not known: what would be counted from here on says nothing.
            return;
        }
    }

    /// <returns>What was answered; "!" when it was acknowledged.</returns>
    private async Task<string> TryAsync(int shard, int? node, WriteConditions conditions)
    {
        if (node is not { } ready) return " no node;";
        try
        {
            var http = _http.GetOrAdd(_cluster.Http(ready), address => new StoreHttp(address, TryTimeout));
            var answer = await http.PutAsync(Dataset, _ids[shard], ["kind:load"], "1", conditions);
            if (answer.Commit is not { } commit) return $" {ready}: {answer};";
            if (commit.Revision != _revisions[shard] + 1) _failures.Add($"{Now} revision {commit.Revision} follows {_revisions[shard]}");
            lock (_acknowledged[shard]) _acknowledged[shard].Add(Now);
            _revisions[shard] = commit.Revision;
            return "!";
        }
        catch (Exception cause) when (cause is HttpRequestException or IOException or TaskCanceledException)
        {
            return $" {ready}: {cause.Message};";
        }
    }

    private int? ReadyNode(int turn)
    {
        for (var i = 0; i < _cluster.NodeCount; i++)
        {
            var node = (turn + i) % _cluster.NodeCount;
            if (_cluster.IsReady(node)) return node;
        }

        return null;
    }
}
