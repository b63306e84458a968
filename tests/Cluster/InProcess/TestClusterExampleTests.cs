using System.Text;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.TestCluster;
using Xunit;

namespace EntityActors.Cluster.Tests.InProcess;

/// <summary>The example of docs/TESTING.md, which is copied from here.</summary>
public sealed class TestClusterExampleTests
{
    [Fact]
    public async Task What_was_acknowledged_survives_the_node_that_acknowledged_it()
    {
        await using var cluster = await EntityTestCluster.StartAsync(new EntityTestClusterOptions { NodeCount = 3, ShardCount = 16 });
        var put = new PutEntity(new EntityKey("docs", "a"), CommandId.New(), "me", At: null, default,
            TagSet.Normalize([new Tag("type:doc")]), new Content("text/plain", Encoding.UTF8.GetBytes("hello")));
        Assert.IsType<CommandResult.Committed>(await cluster.Client(0).ExecuteAsync(put, default));

        var owner = await cluster.OwnerAsync(put.Key) ?? throw new TimeoutException("nobody serves it");
        var other = (owner + 1) % 3;
        await cluster.KillAsync(owner);
        await cluster.WaitReadyAsync(other);

        var found = await cluster.Client(other).GetAsync(put.Key, asOf: null, withContent: true, default);
        Assert.Equal("hello", Encoding.UTF8.GetString(found!.Content!.Bytes.Span));
    }
}
