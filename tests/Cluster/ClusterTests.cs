using System.Collections.Concurrent;
using System.Text.Json;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;
using Xunit;

namespace EntityActors.Cluster.Tests;

/// <summary>Several processes that are one cluster over one data directory.</summary>
public sealed class ClusterTests : IAsyncLifetime
{
    private const string Dataset = "cluster";
    private const int ShardCount = 16;
    private const int EntityCount = 200;

    private readonly TempDirectory _directory = new();
    private readonly ClusterUnderTest _cluster;

    public ClusterTests() => _cluster = new ClusterUnderTest(_directory.File("data"), nodeCount: 3, ShardCount);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _cluster.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task What_one_node_acknowledged_every_node_answers_and_a_killed_node_takes_nothing_with_it()
    {
        await _cluster.StartAsync();
        var acknowledged = new ConcurrentDictionary<string, CommitShape>();
        using (var first = new StoreHttp(_cluster.Http(0)))
        {
            await Parallel.ForAsync(0, EntityCount, async (i, _) =>
            {
                var answer = await first.PutAsync(Dataset, $"e{i}", ["kind:test", $"n:{i}"], $"{i}");
                acknowledged[$"e{i}"] = answer.Commit ?? throw new InvalidOperationException($"{answer}\n{_cluster.Output}");
            });
        }

        for (var node = 0; node < _cluster.NodeCount; node++) await AssertAllThereAsync(node, acknowledged);
        var owners = await OwnersAsync(1);
        var dead = owners[_cluster.NameOf(0)] > 0 ? 0 : 1;
        _cluster.Kill(dead);
        for (var node = 0; node < _cluster.NodeCount; node++)
        {
            if (node == dead) continue;
            await ReadyAsync(node);
            await AssertAllThereAsync(node, acknowledged);
        }

        await _cluster.StartNodeAsync(dead);
        await AssertAllThereAsync(dead, acknowledged);
        Assert.Equal(3, (await MembersAsync(dead)).Count(member => member.Status == "up"));
        for (var node = 0; node < _cluster.NodeCount; node++)
        {
            var exit = await _cluster.TerminateAsync(node);
            Assert.True(exit == 0, $"node {node} ended with {exit}\n{_cluster.Output}");
        }

        var verified = await EaCommand.RunAsync(TimeSpan.FromMinutes(1), "verify", "--data", _cluster.DataDirectory);
        Assert.True(verified.ExitCode == 0, verified.ToString());
    }

    private async Task AssertAllThereAsync(int node, IReadOnlyDictionary<string, CommitShape> acknowledged)
    {
        using var http = new StoreHttp(_cluster.Http(node));
        await Parallel.ForEachAsync(acknowledged.Values, async (commit, _) =>
        {
            var entity = await http.GetAsync(Dataset, commit.Id);
            Assert.True(entity?.Revision == commit.Revision && entity.UpdatedAt == commit.At, $"node {node}: {commit} is {entity}");
        });
        Assert.Equal(acknowledged.Count, await http.CountAsync(Dataset, ["kind:test"]));
    }

    private async Task ReadyAsync(int node)
    {
        using var http = new StoreHttp(_cluster.Http(node));
        var deadline = DateTime.UtcNow + ServerProcess.ReadyTimeout;
        while (await http.StatusAsync("/health/ready") != 200)
        {
            Assert.True(DateTime.UtcNow < deadline, $"node {node} is not ready\n{_cluster.Output}");
            await Task.Delay(50);
        }
    }

    /// <summary>Shards by the name of the node that serves them.</summary>
    private async Task<Dictionary<string, int>> OwnersAsync(int node)
    {
        using var http = new StoreHttp(_cluster.Http(node));
        using var json = JsonDocument.Parse(await http.Raw.GetStringAsync(new Uri("/v1/shards", UriKind.Relative)));
        var owners = Enumerable.Range(0, _cluster.NodeCount).ToDictionary(_cluster.NameOf, _ => 0);
        foreach (var shard in json.RootElement.GetProperty("items").EnumerateArray()) owners[shard.GetProperty("node").GetString()!]++;
        return owners;
    }

    private async Task<List<(string? Node, string Status)>> MembersAsync(int node)
    {
        using var http = new StoreHttp(_cluster.Http(node));
        using var json = JsonDocument.Parse(await http.Raw.GetStringAsync(new Uri("/v1/cluster", UriKind.Relative)));
        return [.. json.RootElement.GetProperty("members").EnumerateArray()
            .Select(member => (member.GetProperty("node").GetString(), member.GetProperty("status").GetString()!))];
    }
}
