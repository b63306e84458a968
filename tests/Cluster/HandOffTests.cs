using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Processes;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests;

/// <summary>Shards that change their owner in order, while every one of them is written to.</summary>
public sealed class HandOffTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int ShardCount = 24;
    private static readonly TimeSpan LoadTime = TimeSpan.FromSeconds(3);

    private readonly TempDirectory _directory = new();
    private ClusterUnderTest _cluster = null!;

    public async Task InitializeAsync()
    {
        _cluster = new ClusterUnderTest(_directory.File("data"), nodeCount: 3, ShardCount);
        await _cluster.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _cluster.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_rolling_restart_under_load_fails_no_request_and_loses_no_change()
    {
        await _cluster.WaitBalancedAsync();
        using var load = await ShardLoad.StartAsync(_cluster, ShardCount);
        await Task.Delay(LoadTime);
        for (var node = 0; node < _cluster.NodeCount; node++)
        {
            var (name, since) = (_cluster.NameOf(node), load.Now);
            var owned = (await _cluster.OwnersAsync(node))[name].ToList();
            var exit = await _cluster.TerminateAsync(node);
            Assert.True(exit == 0, $"node {node} ended with {exit}\n{_cluster.Output}");
            var ended = load.Now;
            await Task.Delay(LoadTime);
            var gaps = owned.Select(shard => load.LongestGap(shard, since)).Order().ToList();
            var others = Enumerable.Range(0, ShardCount).Except(owned).Select(shard => load.LongestGap(shard, since)).Order().ToList();
            output.WriteLine($"{name} handed over {owned.Count} shards, ended after {Ms(ended - since)} ms; gaps of its shards p50 {Ms(gaps[gaps.Count / 2])}, "
                + $"longest {Ms(gaps[^1])}; of the others longest {Ms(others[^1])}");
            await _cluster.StartNodeAsync(node);
            await _cluster.WaitBalancedAsync();
        }

        await Task.Delay(LoadTime);
        await load.StopAsync();
        output.WriteLine($"{load.AcknowledgedCount} writes in {load.Now}");
        Assert.True(load.Failures.Count == 0, string.Join('\n', load.Failures) + "\n" + _cluster.Output);
        for (var node = 0; node < _cluster.NodeCount; node++) Assert.Empty(await load.FindLostAsync(node));
    }

    private static int Ms(TimeSpan time) => (int)time.TotalMilliseconds;
}
