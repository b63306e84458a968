using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using EntityActors.Actors.Client;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EntityActors.Actors.Tests.Hosting;

/// <summary>A node whose seed comes up late: it waits and says so, is not ready before it has joined, and serves from then on.</summary>
public sealed class JoinTests : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly LogCapture _logs = new();
    private readonly string _seed = $"akka.tcp://entityactors@127.0.0.1:{FreePort()}";

    public void Dispose()
    {
        _logs.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_start_waits_for_a_seed_that_is_slow_says_so_and_then_serves()
    {
        var starting = StartAsync(options => options);
        await Eventually.HoldsAsync(() => WaitingLines() >= 3, () => $"{WaitingLines()} lines");
        Assert.False(starting.IsCompleted);
        await using var seed = await StartSeedAsync();
        await using var node = await starting.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.True(node.Readiness.IsReady);
        await AssertServesAsync(node, NodeLoad.Put(new EntityKey("docs", "a"), "1"));
    }

    [Fact]
    public async Task A_node_that_has_waited_long_enough_goes_on_not_ready_and_serves_once_it_has_joined()
    {
        await using var node = await StartAsync(options => options with
        {
            ReadyTimeout = TimeSpan.FromMilliseconds(300),
            Client = new ClientLimits { TryCountMax = 1, TryTimeout = TimeSpan.FromMilliseconds(300) },
        });
        Assert.True(WaitingLines() > 0);
        Assert.Equal((false, 0), (node.Readiness.IsReady, node.Readiness.ServingCount));
        Assert.All(await node.Store.ShardsAsync(default), shard => Assert.Equal(ShardStatus.Unknown, shard.Status));
        var put = NodeLoad.Put(new EntityKey("docs", "a"), "1");
        await Assert.ThrowsAsync<StoreUnavailableException>(() => node.Store.GetAsync(put.Key, null, false, default));
        // It waits for a shard and may find one later, when nobody listens any more.
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => node.Store.ExecuteAsync(put, default));

        await using var seed = await StartSeedAsync();
        await Eventually.HoldsAsync(() => node.Readiness.IsReady, () => $"{node.Readiness.ServingCount} shards serve");
        await AssertServesAsync(node, put);
    }

    private static async Task AssertServesAsync(TestNode node, PutEntity put)
    {
        Assert.Equal(1, Assert.IsType<CommandResult.Committed>(await node.Store.ExecuteAsync(put, default)).Commit.Revision);
        var history = await node.Store.HistoryAsync(new HistoryQuery(put.Key, null, null, 0, 10), default);
        Assert.Equal(put.Id, Assert.Single(history.Changes).CommandId);
    }

    private int WaitingLines() => _logs.At(LogLevel.Warning).Count(line =>
        line.Contains("waiting to join the cluster", StringComparison.Ordinal) && line.Contains(_seed, StringComparison.Ordinal));

    private Task<TestNode> StartAsync(Func<EntityActorsOptions, EntityActorsOptions> change) => TestNode.StartAsync(_directory.Path, options =>
        change(options with
        {
            HoconTexts = [.. options.HoconTexts, $"akka.cluster.seed-nodes = [\"{_seed}\"]"],
            WaitReportInterval = TimeSpan.FromMilliseconds(100),
        }), _logs);

    /// <summary>A member that owns no shards.</summary>
    private async Task<Seed> StartSeedAsync()
    {
        var address = Address.Parse(_seed);
        var config = StoreHocon.For(new EntityActorsOptions
        {
            Store = new NodeStoreOptions { DataDirectory = _directory.Path },
            HoconTexts =
            [
                $"akka.remote.dot-netty.tcp.port = {address.Port}, akka.cluster.seed-nodes = [\"{_seed}\"], akka.cluster.roles = [seed]",
                "akka.loglevel = OFF, akka.stdout-loglevel = OFF",
            ],
        });
        var system = ActorSystem.Create(address.System, config);
        await Akka.Cluster.Cluster.Get(system).JoinAsync(address);
        return new Seed(system);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private sealed class Seed(ActorSystem system) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await system.Terminate();
    }
}
