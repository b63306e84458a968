using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Sharding;
using Akka.Configuration;
using Akka.Remote;
using EntityActors.Actors.Client;
using EntityActors.Actors.Cluster;
using EntityActors.Actors.Hosting;
using EntityActors.Storage.Model;

namespace EntityActors.Chaos.Clients;

/// <summary>
/// A member of the cluster that owns no shards: its clients speak the actor protocol through a proxy of the shard region. When the cluster
/// removes it, it comes back as a new one.
/// </summary>
/// <param name="host">Loopback address at which the nodes reach it.</param>
/// <param name="seeds">Nodes to join, as host:port.</param>
public sealed class ActorMember(string host, IReadOnlyList<string> seeds, int shardCount, string dataset, Random random) : IAsyncDisposable
{
    private const string SystemName = "entityactors";
    private const string RegionName = "store";
    private const string StoreRole = "store";
    private readonly SemaphoreSlim _gate = new(1, 1);
    private volatile ActorConnection? _connection;
    private ActorSystem? _system;
    private bool _isDisposed;

    public IStoreConnection? Connection => _connection;

    /// <summary>Times it was removed from the cluster and came back.</summary>
    public int RemovedCount { get; private set; }

    public async Task StartAsync()
    {
        await _gate.WaitAsync();
        try
        {
            if (!_isDisposed) Begin();
        }
        finally
        {
            _gate.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _gate.WaitAsync();
        _isDisposed = true;
        _connection = null;
        if (_system is not null) await _system.Terminate();
        _gate.Release();
    }

    private void Begin()
    {
        var settings = ConfigurationFactory.ParseString($$"""
            akka { loglevel = OFF, stdout-loglevel = OFF, cluster.roles = [client], remote.dot-netty.tcp { hostname = "{{host}}", port = 0 } }
            """).WithFallback(StoreHocon.BuiltIn());
        var system = _system = ActorSystem.Create(SystemName, settings);
        var cluster = Cluster.Get(system);
        var region = ClusterSharding.Get(system).StartProxy(RegionName, StoreRole, new ShardMessageExtractor());
        Action onQuarantined = () => _ = ComeBackAsync(system);
        system.ActorOf(Props.Create(() => new QuarantineWatch(onQuarantined)));
        cluster.RegisterOnMemberRemoved(() => _ = ComeBackAsync(system));
        cluster.RegisterOnMemberUp(() =>
        {
            if (system == _system) _connection = new ActorConnection(NewClient(region), dataset);
        });
        cluster.JoinSeedNodes(seeds.Select(seed => Address.Parse($"akka.tcp://{SystemName}@{seed}")));
    }

    private EntityStoreClient NewClient(IActorRef region)
    {
        lock (random)
            return new EntityStoreClient(region, shardCount, EntityLimits.Default, ClientLimits.Default, TimeProvider.System, new Random(random.Next()));
    }

    private async Task ComeBackAsync(ActorSystem system)
    {
        await _gate.WaitAsync();
        try
        {
            if (_isDisposed || system != _system) return;
            RemovedCount++;
            _connection = null;
            await system.Terminate();
            Begin();
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Those that removed it talk to it no more and do not say so in any other way.</summary>
    private sealed class QuarantineWatch : ReceiveActor
    {
        public QuarantineWatch(Action onQuarantined)
        {
            Context.System.EventStream.Subscribe(Self, typeof(ThisActorSystemQuarantinedEvent));
            Receive<ThisActorSystemQuarantinedEvent>(_ => onQuarantined());
        }
    }
}
