using EntityActors.Actors.Client;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Processes;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests;

/// <summary>A member without shards, in this process, of a cluster of real processes that are killed under it.</summary>
public sealed class ClientMemberTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int ShardCount = 16;
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
    public async Task A_client_member_loses_nothing_and_applies_nothing_twice_while_nodes_are_killed_and_owns_no_shard()
    {
        using var client = await ClientHost.StartAsync(_cluster, isMember: true);
        var store = client.Services.GetRequiredService<IEntityStore>();
        Assert.Equal(ShardCount, store.ShardCount);
        // The first one is the oldest: it runs the coordinator, and the client asked it to let it join.
        await ClientLoad.RunThroughKillsAsync(store, _cluster, output);

        var owners = (await store.ShardsAsync(default)).Select(shard => shard.Node).ToHashSet();
        Assert.Subset(new HashSet<string?> { "n0", "n1", "n2" }, owners);
        Assert.Contains(await _cluster.MembersAsync(0), member => member.Node is null);
        await client.StopAsync();
        await WaitGoneAsync();
    }

    private async Task WaitGoneAsync()
    {
        for (var deadline = Environment.TickCount64 + 30_000; (await _cluster.MembersAsync(0)).Any(member => member.Node is null);)
        {
            Assert.True(Environment.TickCount64 < deadline, $"the client is still a member\n{_cluster.Output}");
            await Task.Delay(50);
        }
    }
}
