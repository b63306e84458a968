using Akka.Actor;
using Akka.Cluster.Tools.Client;
using EntityActors.Actors.Client;
using EntityActors.Actors.Cluster;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Actors.Tests.Hosting;

/// <summary>A program that is no member uses the store through the receptionist, which lets in what a client may send and nothing else.</summary>
public sealed class OutsideClientTests : IDisposable
{
    private static readonly ShardId First = new(0);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Silence = TimeSpan.FromMilliseconds(500);
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_program_outside_writes_reads_and_queries_and_is_no_member()
    {
        await using var node = await StartNodeAsync();
        await using var client = await StartClientAsync(node);
        Assert.Equal((node.Store.ShardCount, node.Store.Limits), (client.Store.ShardCount, client.Store.Limits));
        var load = NodeLoad.Start(client.Store, "outside", First, 2);
        await load.ProgressAsync(20);
        await load.StopAsync();
        Assert.Empty(load.Errors);
        await load.CheckAsync(node.Store);
        var put = NodeLoad.Put(new EntityKey("docs", "once"), "1");
        var first = Assert.IsType<CommandResult.Committed>(await client.Store.ExecuteAsync(put, default)).Commit;
        Assert.Equal(first with { Duplicate = true }, Assert.IsType<CommandResult.Committed>(await node.Store.ExecuteAsync(put, default)).Commit);
        var query = new TagQuery("docs", [new TagPattern("kind:load", false)], false, [], Lifecycle.Active);
        Assert.Equal(3, (await client.Store.QueryAsync(new EntityQuery(query, null, 10, null, true, true), default)).Total);
        // As large as an entity may be: it is fetched in chunks, and so is the answer.
        var large = put with { Id = CommandId.New(), Content = new Content("x/y", new byte[node.Store.Limits.ContentBytesMax]) };
        Assert.IsType<CommandResult.Committed>(await client.Store.ExecuteAsync(large, default));
        Assert.Equal(large.Content!.Bytes.Length, (await client.Store.GetAsync(put.Key, null, true, default))!.Content!.Bytes.Length);
        Assert.Single(ClusterMember.List(node.System));
    }

    [Fact]
    public async Task Only_requests_of_clients_get_in_and_nothing_that_is_sent_ends_the_service()
    {
        await using var node = await StartNodeAsync();
        await using var client = await StartClientAsync(node);
        var outside = await client.System.ActorSelection("/user/store-region/cluster-client").ResolveOne(Patience);
        foreach (var request in new IShardRequest[]
        {
            new RestartShard(First), new CheckpointShard(First), new VerifyShard(First, Repair: true), new WakeShard(First),
            new TrimHistory(First, "docs", new Timestamp(5), 1, CommandId.New(), ""), new LookAtHistory(First, "docs", new Timestamp(5), 1, 0, 1),
        })
        {
            var answer = await outside.Ask<object>(new ClusterClient.Send(StoreReceptionist.ServicePath, request, true), Patience);
            Assert.Contains("members", Assert.IsType<ShardFault.InvalidQuery>(answer).Detail, StringComparison.Ordinal);
        }

        var none = new ShardId(node.Store.ShardCount);
        var nowhere = await outside.Ask<object>(new ClusterClient.Send(StoreReceptionist.ServicePath, new GetShardState(none), true), Patience);
        Assert.Contains("there is no shard", Assert.IsType<ShardFault.InvalidQuery>(nowhere).Detail, StringComparison.Ordinal);
        // What a serializer without room sends in place of a large request.
        var busy = new ShardFault.Busy(First, "full", TimeSpan.Zero);
        Assert.Equal(busy, await outside.Ask<object>(
            new ClusterClient.Send(StoreReceptionist.ServicePath, new ShardCall(First, new Carried.Whole(busy), TakesReference: false), true), Patience));
        var region = ActorPath.Parse(Akka.Hosting.ActorRegistry.For(node.System).Get<EntityActors.Actors.Hosting.StoreRegion>().Path.ToString()).ToStringWithoutAddress();
        foreach (var send in new[]
        {
            new ClusterClient.Send(region, new GetShardState(First), true), new ClusterClient.Send("/user/waker", new GetShardState(First), true),
            new ClusterClient.Send(StoreReceptionist.ServicePath, DrainShard.Instance, true), new ClusterClient.Send(StoreReceptionist.ServicePath, "text", true),
        })
            await Assert.ThrowsAsync<AskTimeoutException>(() => outside.Ask<object>(send, Silence));
        foreach (var end in new object[] { PoisonPill.Instance, Kill.Instance })
        {
            outside.Tell(new ClusterClient.Send(StoreReceptionist.ServicePath, end, true), ActorRefs.NoSender);
            Assert.IsType<CommandResult.Committed>(await client.Store.ExecuteAsync(NodeLoad.Put(new EntityKey("docs", "a"), "1"), default));
        }

        var state = await client.Store.ShardAsync(First, default);
        Assert.Equal((ShardStatus.Serving, 0L, 0L), (state.Status, state.Restarts, state.CheckpointsCommitted));
    }

    [Fact]
    public async Task A_node_receives_nobody_from_outside_unless_it_is_told_to()
    {
        await using var node = await TestNode.StartAsync(_directory.Path);
        var failure = await Assert.ThrowsAsync<StoreUnavailableException>(() => TestClient.StartAsync(TestClient.AddressOf(node),
            options => options with { IsMember = false, ReadyTimeout = TimeSpan.FromSeconds(2) }));
        Assert.Contains(TestClient.AddressOf(node), failure.Message, StringComparison.Ordinal);
    }

    private Task<TestNode> StartNodeAsync() => TestNode.StartAsync(_directory.Path, options => options with
    {
        HoconTexts = [.. options.HoconTexts, "entityactors.cluster.receptionist = on"],
    });

    private static Task<TestClient> StartClientAsync(TestNode node) =>
        TestClient.StartAsync(TestClient.AddressOf(node), options => options with { IsMember = false });
}
