using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;
using Xunit;

namespace EntityActors.Cluster.Tests;

/// <summary>The program of docs/samples/ActorClient does what docs/PROTOCOL.md says, also while a node is killed under it.</summary>
public sealed class ActorClientSampleTests : IAsyncLifetime
{
    private const int EntityCount = 1_500;
    private static readonly TimeSpan EndsWithin = TimeSpan.FromMinutes(3);
    private readonly TempDirectory _directory = new();
    private ClusterUnderTest _cluster = null!;

    public async Task InitializeAsync()
    {
        _cluster = new ClusterUnderTest(_directory.File("data"), nodeCount: 3, shardCount: 16);
        await _cluster.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _cluster.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task The_sample_puts_each_entity_once_through_the_kill_of_a_node()
    {
        using var killed = new CancellationTokenSource();
        using var http = new StoreHttp(_cluster.Http(1));
        var sample = EaCommand.StartInfo([$"{EntityCount}", .. Enumerable.Range(0, 3).Select(_cluster.AddressOf)]);
        sample.ArgumentList[0] = Path.Combine(AppContext.BaseDirectory, "EntityActors.Samples.ActorClient.dll");
        var run = EaCommand.RunAsync(EndsWithin, sample, default);
        // In the middle of it: the node that the program joined through.
        while (!run.IsCompleted && await http.GetAsync("sample", $"order-{EntityCount / 5}") is null) await Task.Delay(10);
        Assert.False(run.IsCompleted, run.IsCompleted ? (await run).ToString() : "");
        _cluster.Kill(0);
        var outcome = await run;
        Assert.True(outcome.ExitCode == 0, $"{outcome}\n{_cluster.Output}");
        Assert.EndsWith("all done\n", outcome.Output, StringComparison.Ordinal);
        Assert.Equal(EntityCount, await http.CountAsync("sample", ["type:order"]));
        for (var i = 0; i < EntityCount; i++)
        {
            var entity = await http.GetAsync("sample", $"order-{i}");
            Assert.Equal(1, entity!.Revision);
        }
    }
}
