using System.Diagnostics;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.TestCluster;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests.InProcess;

/// <summary>Nodes of one cluster in this process: what happens to them is what happens to processes.</summary>
public sealed class EntityTestClusterTests(ITestOutputHelper output) : IAsyncDisposable
{
    private const int EntityCount = 60;
    private EntityTestCluster? _cluster;

    private EntityTestCluster Cluster => _cluster!;

    public async ValueTask DisposeAsync()
    {
        if (_cluster is not null) await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task What_a_killed_node_acknowledged_is_read_from_the_others_and_from_itself_when_it_is_back()
    {
        await StartAsync();
        var acknowledged = await WriteAsync(0, EntityCount);
        var since = Stopwatch.StartNew();
        await Cluster.KillAsync(0);
        output.WriteLine($"killed after {since.Elapsed}");
        Assert.Equal(TestNodeState.Ended, Cluster.Nodes[0].State);
        foreach (var node in new[] { 1, 2 }) await Cluster.WaitReadyAsync(node);
        output.WriteLine($"taken over after {since.Elapsed}");
        foreach (var node in new[] { 1, 2 }) await AssertThereAsync(node, acknowledged);
        await Cluster.RestartAsync(0);
        output.WriteLine($"back after {since.Elapsed}");
        await AssertThereAsync(0, acknowledged);
    }

    private async Task StartAsync(EntityTestClusterOptions? options = null)
    {
        var since = Stopwatch.StartNew();
        _cluster = await EntityTestCluster.StartAsync(options);
        output.WriteLine($"started after {since.Elapsed}");
        await Cluster.WaitBalancedAsync();
        output.WriteLine($"balanced after {since.Elapsed}");
    }

    private static PutEntity Put(string id, string content) => new(new EntityKey("docs", id), CommandId.New(), "me", null, default,
        TagSet.Normalize([new Tag($"is:{content}")]), new Content("text/plain", System.Text.Encoding.UTF8.GetBytes(content)));

    private async Task<List<Commit>> WriteAsync(int node, int count)
    {
        var results = await Task.WhenAll(Enumerable.Range(0, count).Select(i => Cluster.Client(node).ExecuteAsync(Put($"e{i}", "x"), default)));
        return [.. results.Select(result => Assert.IsType<CommandResult.Committed>(result).Commit)];
    }

    private async Task AssertThereAsync(int node, IEnumerable<Commit> acknowledged)
    {
        foreach (var commit in acknowledged)
            Assert.Equal(commit.Revision, (await Cluster.Client(node).GetAsync(commit.Key, null, false, default))?.Head.Revision);
    }
}
