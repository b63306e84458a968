using EntityActors.Actors.Client;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Processes;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests;

/// <summary>A program that is no member of the cluster, in this process, while real nodes are killed under it.</summary>
public sealed class OutsideClientTests(ITestOutputHelper output) : IAsyncLifetime
{
    private readonly TempDirectory _directory = new();
    private ClusterUnderTest _cluster = null!;

    public async Task InitializeAsync()
    {
        var hocon = _directory.File("test.hocon");
        await File.WriteAllTextAsync(hocon, "entityactors.cluster.receptionist = on");
        _cluster = new ClusterUnderTest(_directory.File("data"), nodeCount: 3, shardCount: 16, [hocon]);
        await _cluster.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _cluster.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_program_outside_the_cluster_loses_nothing_and_applies_nothing_twice_while_the_node_it_talks_to_is_killed()
    {
        using var client = await ClientHost.StartAsync(_cluster, isMember: false);
        var store = client.Services.GetRequiredService<IEntityStore>();
        Assert.Equal(16, store.ShardCount);
        // Each in turn, so that the one it talks to is among them: it leaves a node only when that one is gone.
        await ClientLoad.RunThroughKillsAsync(store, _cluster, output);
        Assert.All(await _cluster.MembersAsync(0), member => Assert.NotNull(member.Node));
        await client.StopAsync();
    }
}
