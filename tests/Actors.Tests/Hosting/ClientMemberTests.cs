using Akka.Actor;
using Akka.Hosting;
using EntityActors.Actors.Client;
using EntityActors.Actors.Cluster;
using EntityActors.Actors.Feeds;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace EntityActors.Actors.Tests.Hosting;

/// <summary>A member of the cluster that owns no shards uses the store like a node; what it gets wrong is told and stored nowhere.</summary>
public sealed class ClientMemberTests : IDisposable
{
    private static readonly TagQuery Everything = new("docs", [], false, [], Lifecycle.Active);
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_client_writes_reads_queries_and_follows_without_being_told_how_many_shards_there_are()
    {
        await using var node = await TestNode.StartAsync(_directory.Path);
        await using var client = await TestClient.StartAsync(TestClient.AddressOf(node));
        Assert.Equal((node.Store.ShardCount, node.Store.Limits), (client.Store.ShardCount, client.Store.Limits));
        var keys = Enumerable.Range(0, 20).Select(i => new EntityKey("docs", $"e{i}")).ToList();
        foreach (var key in keys)
            Assert.IsType<CommandResult.Committed>(await client.Store.ExecuteAsync(NodeLoad.Put(key, "1"), default));
        var page = await client.Store.QueryAsync(new EntityQuery(Everything, null, 100, null, true, true), default);
        Assert.Equal(20, page.Total);
        Assert.Equal(keys.Select(key => key.Id).Order(), page.Items.Select(item => item.Head.Key.Id).Order());
        foreach (var key in keys) Assert.Equal(1, (await node.Store.GetAsync(key, null, true, default))!.Head.Revision);
        var changes = 0;
        await foreach (var item in client.Store.ChangesAsync(new FeedQuery(FeedQuery.Beginning, default, null, Follow: false), default))
            changes += item.Change is null ? 0 : 1;
        Assert.Equal(20, changes);

        var self = Assert.Single(ClusterMember.List(client.System), member => member.IsSelf);
        Assert.Equal("client", Assert.Single(self.Roles));
        Assert.Null(self.Node);
        Assert.All(await client.Store.ShardsAsync(default), shard => Assert.Equal((ShardStatus.Serving, node.Files.Log.Node), (shard.Status, shard.Node)));
    }

    [Fact]
    public async Task A_client_that_stops_leaves_the_cluster_at_once_and_the_node_serves_on()
    {
        await using var node = await TestNode.StartAsync(_directory.Path);
        await using (var client = await TestClient.StartAsync(TestClient.AddressOf(node)))
        {
            await Eventually.HoldsAsync(() => ClusterMember.List(node.System).Length == 2, () => "the node does not see the client");
            await client.Store.ExecuteAsync(NodeLoad.Put(new EntityKey("docs", "a"), "1"), default);
        }

        await Eventually.HoldsAsync(() => ClusterMember.List(node.System).Length == 1, () => "the client is still a member");
        Assert.IsType<CommandResult.Committed>(await node.Store.ExecuteAsync(NodeLoad.Put(new EntityKey("docs", "a"), "2"), default));
        Assert.True(node.Readiness.IsReady);
    }

    [Fact]
    public async Task A_client_that_the_cluster_removes_says_why_and_stops_its_host()
    {
        await using var node = await TestNode.StartAsync(_directory.Path);
        await using var client = await TestClient.StartAsync(TestClient.AddressOf(node));
        var stopping = client.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        Akka.Cluster.Cluster.Get(node.System).Down(Akka.Cluster.Cluster.Get(client.System).SelfAddress);
        await Eventually.HoldsAsync(() => stopping.IsCancellationRequested, () => $"{Akka.Cluster.Cluster.Get(client.System).SelfMember}");
        // The host hears of it on another way than who keeps the reason.
        var standing = client.Services.GetRequiredService<ClusterStanding>();
        await Eventually.HoldsAsync(() => standing.Downed is not null, () => "no reason");
        Assert.IsType<CommandResult.Committed>(await node.Store.ExecuteAsync(NodeLoad.Put(new EntityKey("docs", "a"), "1"), default));
    }

    [Fact]
    public async Task Services_may_take_the_store_in_their_constructor_and_their_calls_wait_until_it_is_there()
    {
        await using var node = await TestNode.StartAsync(_directory.Path);
        await using var client = await TestClient.StartAsync(TestClient.AddressOf(node),
            services: services => services.AddSingleton<EarlyWriter>().AddHostedService(provider => provider.GetRequiredService<EarlyWriter>()));
        var written = await client.Services.GetRequiredService<EarlyWriter>().Written.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.IsType<CommandResult.Committed>(written);
    }

    [Fact]
    public async Task Before_the_start_nothing_is_known_of_the_store_and_a_call_ends_typed()
    {
        var services = new ServiceCollection();
        services.AddEntityActorsClient(new EntityActorsClientOptions
        {
            Cluster = new ClusterOptions("127.0.0.1", 0, ["127.0.0.1:1"]), Client = new ClientLimits { CallTimeout = TimeSpan.FromMilliseconds(50) },
        });
        await using var provider = services.BuildServiceProvider();
        var store = provider.GetRequiredService<IEntityStore>();
        Assert.Throws<StoreUnavailableException>(() => store.ShardCount);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.ExecuteAsync(NodeLoad.Put(new EntityKey("docs", "a"), "1"), default));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => store.GetAsync(new EntityKey("docs", "a"), null, false, new CancellationToken(true)));
    }

    [Fact]
    public async Task A_start_without_a_store_fails_and_says_where_nobody_answered()
    {
        Assert.Throws<ArgumentException>(() => new ServiceCollection().AddEntityActorsClient(
            new EntityActorsClientOptions { Cluster = new ClusterOptions("127.0.0.1", 0, []) }));
        var failure = await Assert.ThrowsAsync<StoreUnavailableException>(() => TestClient.StartAsync("127.0.0.1:1",
            options => options with { ReadyTimeout = TimeSpan.FromMilliseconds(300) }));
        Assert.Contains("127.0.0.1:1", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_at_another_shard_than_its_entitys_is_refused_and_makes_nothing_on_disk()
    {
        await using var node = await TestNode.StartAsync(_directory.Path);
        await using var client = await TestClient.StartAsync(TestClient.AddressOf(node));
        var region = client.Services.GetRequiredService<IRequiredActor<StoreRegion>>().ActorRef;
        var before = Directory.GetDirectories(Path.Combine(_directory.Path, "shards")).Order();
        var key = new EntityKey("docs", "a");
        var right = key.ShardOf(4);
        foreach (var wrong in new[] { new ShardId((right.Value + 1) % 4), new ShardId(4), new ShardId(4_000) })
        {
            foreach (var request in new IShardRequest[]
            {
                new ExecuteCommand(wrong, NodeLoad.Put(key, "1")), new GetEntity(wrong, key, null, false),
                new GetHistory(wrong, new HistoryQuery(key, null, null, 0, 10)),
            })
                Assert.IsType<ShardFault.InvalidQuery>(await region.Ask<object>(request, TimeSpan.FromSeconds(30)));
            Assert.Equal(4, (await region.Ask<StoreDescription>(new DescribeStore(wrong), TimeSpan.FromSeconds(30))).ShardCount);
        }

        Assert.Null(Assert.IsType<EntityFound>(await region.Ask<object>(new GetEntity(right, key, null, false), TimeSpan.FromSeconds(30))).Entity);
        Assert.Equal(before, Directory.GetDirectories(Path.Combine(_directory.Path, "shards")).Order());
    }

    [Fact]
    public async Task An_actor_that_asks_for_more_than_a_page_gets_a_page()
    {
        await using var node = await TestNode.StartAsync(_directory.Path);
        var shard = new ShardId(2);
        await Task.WhenAll(NodeLoad.Keys("e", shard, 4, EntityQuery.LimitMax + 10).Select(key => node.Store.ExecuteAsync(NodeLoad.Put(key, "1"), default)));
        var region = ActorRegistry.For(node.System).Get<StoreRegion>();
        var raised = await region.Ask<ReadTimeRaised>(new RaiseReadTime(shard, Timestamp.FromDateTimeOffset(TimeProvider.System.GetUtcNow())));
        var asOf = new AsOf(raised.ReadTime, raised.ReadTime);
        var found = await region.Ask<EntitiesFound>(new FindEntities(shard, Everything, asOf, 0, int.MaxValue, Count: true, WithContent: false));
        Assert.Equal((EntityQuery.LimitMax + 1, (long?)EntityQuery.LimitMax + 10), (found.Items.Length, found.Total));
        Assert.NotNull(found.Next);
    }

    [Fact]
    public async Task An_actor_of_the_application_finds_the_region_on_a_node_and_on_a_client()
    {
        await using var node = await TestNode.StartAsync(_directory.Path, options => options with { ConfigureAkka = static (akka, _) => AddReader(akka) });
        await using var client = await TestClient.StartAsync(TestClient.AddressOf(node), options => options with
        {
            ConfigureAkka = static (akka, _) => AddReader(akka),
        });
        foreach (var system in new[] { node.System, client.System })
        {
            var answer = await ActorRegistry.For(system).Get<Reader>().Ask<object>("describe", TimeSpan.FromSeconds(30));
            Assert.Equal(4, Assert.IsType<StoreDescription>(answer).ShardCount);
        }
    }

    private static void AddReader(AkkaConfigurationBuilder akka) => akka.WithActors((system, registry) =>
        registry.Register<Reader>(system.ActorOf(Props.Create(() => new Reader(registry.Get<StoreRegion>())))));

    private sealed class Reader : ReceiveActor
    {
        public Reader(IActorRef region) => Receive<string>(_ => region.Forward(new DescribeStore(new ShardId(0))));
    }

    /// <summary>Registered before the store, so also started before it.</summary>
    private sealed class EarlyWriter(IEntityStore store) : BackgroundService
    {
        private readonly TaskCompletionSource<CommandResult> _written = new();

        public Task<CommandResult> Written => _written.Task;

        protected override async Task ExecuteAsync(CancellationToken stoppingToken) =>
            _written.SetResult(await store.ExecuteAsync(NodeLoad.Put(new EntityKey("docs", "early"), "1"), stoppingToken));
    }
}
