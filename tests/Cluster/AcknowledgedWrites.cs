using System.Collections.Concurrent;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;
using Xunit;

namespace EntityActors.Cluster.Tests;

/// <summary>Entities that a cluster acknowledged, and the check that every node still answers each of them.</summary>
internal sealed class AcknowledgedWrites(ClusterUnderTest cluster)
{
    private const string Dataset = "cluster";
    private const string Tag = "kind:test";

    private readonly ConcurrentDictionary<string, CommitShape> _commits = [];

    public int Count => _commits.Count;

    /// <summary>Writes new entities through one node. Every write must succeed.</summary>
    public async Task WriteAsync(int node, int count)
    {
        using var http = new StoreHttp(cluster.Http(node));
        var first = _commits.Count;
        await Parallel.ForAsync(first, first + count, async (i, _) =>
        {
            var answer = await http.PutAsync(Dataset, $"e{i}", [Tag, $"n:{i}"], $"{i}");
            _commits[$"e{i}"] = answer.Commit ?? throw new InvalidOperationException($"{answer}\n{cluster.Output}");
        });
    }

    public async Task AssertAllThereAsync(int node)
    {
        using var http = new StoreHttp(cluster.Http(node));
        await Parallel.ForEachAsync(_commits.Values, async (commit, _) =>
        {
            var entity = await http.GetAsync(Dataset, commit.Id);
            Assert.True(entity?.Revision == commit.Revision && entity.UpdatedAt == commit.At, $"node {node}: {commit} is {entity}\n{cluster.Output}");
        });
        Assert.Equal(_commits.Count, await http.CountAsync(Dataset, [Tag]));
    }
}
