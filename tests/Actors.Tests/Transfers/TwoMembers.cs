using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Cluster.Sharding;
using Akka.Configuration;
using EntityActors.Actors.Cluster;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Tests.Hosting;
using EntityActors.Actors.Transfers;
using EntityActors.Storage.Model;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared;

namespace EntityActors.Actors.Tests.Transfers;

/// <summary>Two members in this process over one directory. What the tests ask goes from the first to shards of the second.</summary>
internal sealed class TwoMembers : IAsyncDisposable
{
    private const string FirstName = "a";
    private const string SecondName = "b";
    private readonly TempDirectory _directory = new();
    private readonly int _port = FreePort();
    private readonly string _hocon;
    private readonly Func<EntityActorsOptions, EntityActorsOptions> _change;
    private bool _isSecondStopped;

    private TwoMembers(string hocon, Func<EntityActorsOptions, EntityActorsOptions> change) => (_hocon, _change) = (hocon, change);

    public TestNode First { get; private set; } = null!;

    public TestNode Second { get; private set; } = null!;

    public HashSet<ShardId> SecondsShards { get; private set; } = [];

    /// <param name="hocon">Settings of the first member.</param>
    public static async Task<TwoMembers> StartAsync(string hocon = "", Func<EntityActorsOptions, EntityActorsOptions>? change = null)
    {
        var members = new TwoMembers(hocon, change ?? (static options => options));
        members.Second = await members.StartAsync(SecondName, members._port);
        members.First = await members.StartAsync(FirstName, 0);
        await Eventually.HoldsAsync(async () =>
        {
            var states = await members.First.Store.ShardsAsync(default);
            members.SecondsShards = [.. states.Where(shard => shard.Node == SecondName).Select(shard => shard.Shard)];
            // From then on none moves by itself.
            return states.Count(shard => shard.Node == FirstName) == states.Length / 2 && members.SecondsShards.Count == states.Length / 2;
        }, () => $"the second member has {members.SecondsShards.Count} shards");
        return members;
    }

    /// <summary>Keys in shards of the second member, all different.</summary>
    public IEnumerable<EntityKey> Keys() =>
        Enumerable.Range(0, int.MaxValue).Select(static i => new EntityKey("docs", $"e{i}")).Where(key => SecondsShards.Contains(key.ShardOf(First.Store.ShardCount)));

    public async Task StopSecondAsync()
    {
        _isSecondStopped = true;
        await Second.DisposeAsync();
    }

    /// <summary>A member without shards, which speaks the actor protocol by itself.</summary>
    public async Task<(ActorSystem System, IActorRef Region)> StartClientAsync()
    {
        var system = ActorSystem.Create("entityactors", ConfigurationFactory.ParseString("""
            akka { loglevel = OFF, stdout-loglevel = OFF, cluster.roles = [client], remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0 } }
            """).WithFallback(StoreHocon.BuiltIn()));
        var region = ClusterSharding.Get(system).StartProxy(StoreSharding.TypeName, StoreSharding.Role, new ShardMessageExtractor());
        await Akka.Cluster.Cluster.Get(system).JoinAsync(Akka.Cluster.Cluster.Get(First.System).SelfAddress);
        return (system, region);
    }

    /// <summary>Nothing is kept for others and nothing is fetched, in either member.</summary>
    public Task AssertEmptyAsync() => Eventually.HoldsAsync(
        () => ContentTransfers.Of(First.System).Usage == default && ContentTransfers.Of(Second.System).Usage == default,
        () => $"{ContentTransfers.Of(First.System).Usage} {ContentTransfers.Of(Second.System).Usage}");

    public async ValueTask DisposeAsync()
    {
        await First.DisposeAsync();
        if (!_isSecondStopped) await Second.DisposeAsync();
        _directory.Dispose();
    }

    private Task<TestNode> StartAsync(string name, int port) => TestNode.StartAsync(_directory.Path, options =>
    {
        options = options with
        {
            Store = options.Store with { Node = name },
            Cluster = new ClusterOptions("127.0.0.1", port, [$"127.0.0.1:{_port}"]),
        };
        return name == FirstName ? _change(options with { HoconTexts = [.. options.HoconTexts, _hocon] }) : options;
    });

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
