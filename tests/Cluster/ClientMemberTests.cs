using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
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
        var load = ClientLoad.Start(store, 12);
        await load.ProgressAsync(() => _cluster.Output);
        // The first one is the oldest: it runs the coordinator, and the client asked it to let it join.
        for (var node = 0; node < 3; node++)
        {
            _cluster.Kill(node);
            await load.ProgressAsync(() => _cluster.Output);
            await _cluster.StartNodeAsync(node);
            await load.ProgressAsync(() => _cluster.Output);
        }

        await load.StopAsync();
        output.WriteLine($"{load.Count} writes acknowledged, {load.AgainCount} commands sent again by the test");
        await load.CheckAsync(store);
        var found = await store.QueryAsync(new EntityQuery(new TagQuery("load", [], false, [], Lifecycle.Active), null, 100, null, true, false), default);
        Assert.Equal((12, 12L), (found.Items.Length, found.Total));

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
