using EntityActors.Chaos.Clients;
using EntityActors.Chaos.Histories;
using EntityActors.Chaos.Nodes;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Networks;

namespace EntityActors.Cluster.Tests.Fakes;

/// <summary>One node that is the fake store. It can be killed and started, nothing else.</summary>
internal sealed class FakeFleet(FakeFault fault, string dataset) : IChaosFleet, IChaosNode
{
    private readonly FakeStoreUnderTest _store = new(fault);
    private readonly List<HttpConnection> _connections = [];
    private volatile HttpConnection? _connection;

    public IReadOnlyList<IChaosNode> Nodes => [this];

    public INetworkCuts? Network => null;

    public IClockSteps? Clocks => null;

    public IDiskFiller? Disk => null;

    public IReadOnlyCollection<(long At, string What)> Events => [];

    public IReadOnlyCollection<string> Findings => [];

    public ChaosClock Clock { get; } = new();

    public string Output => "";

    public string Name => "fake";

    public IStoreConnection? Connection => _connection;

    public bool IsRunning => _connection is not null;

    public long StartedAt => 1;

    public int? ProcessId => null;

    public Task StartAsync() => LaunchAsync();

    public ActorMember? NewMember(Random random) => null;

    public async Task LaunchAsync()
    {
        if (_connection is not null) return;
        var connection = new HttpConnection(new StoreHttp(await _store.StartAsync()), dataset);
        _connections.Add(connection);
        _connection = connection;
    }

    public async Task KillAsync()
    {
        _connection = null;
        await _store.KillAsync();
    }

    public async Task<int> TerminateAsync(bool mayBeRemoved = false)
    {
        await KillAsync();
        return 0;
    }

    public Task<bool> WaitReadyAsync(TimeSpan timeout, CancellationToken cancellation) => Task.FromResult(_connection is not null);

    public Task WaitServingAsync(TimeSpan timeout) => Task.CompletedTask;

    public void Pause() => throw new NotSupportedException("the fake is no process");

    public void Resume()
    {
        // It is never paused.
    }

    public IReadOnlyList<StoreHttp> NewClients() => [new StoreHttp(new Uri(_connections[^1].Http.Raw.BaseAddress!.ToString()))];

    public async Task<IReadOnlyList<string>> StopAndVerifyAsync()
    {
        await KillAsync();
        return [];
    }

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        foreach (var connection in _connections) connection.Dispose();
    }
}
