using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Networks;
using EntityActors.Tests.Shared.Tls;

namespace EntityActors.Tests.Shared.Processes;

/// <summary>Several <c>ea serve</c> processes that are one cluster over one data directory. All are killed on dispose.</summary>
/// <remarks>
/// Every node has a loopback address of its own, drawn for this cluster: no connection of anybody else can take a node's port while the node
/// is down, and a rule can tell the nodes apart. A node keeps address, name and seeds over its restarts.
/// </remarks>
public sealed class ClusterUnderTest : IAsyncDisposable
{
    private readonly ServerProcess?[] _nodes;
    private readonly ImmutableArray<ServerOptions> _options;
    private readonly BridgedNetwork? _network;

    /// <param name="dataDirectory">Shared by all nodes; made by the first start.</param>
    /// <param name="network">Of as many nodes; the caller disposes it afterwards. Null for the machine's loopback.</param>
    /// <param name="tls">What each node proves itself with to the others, by its host; without it, or when it gives null, in plain text.</param>
    /// <param name="authentication">Whether requests need a token; then the helpers here that ask for shards and members do not work.</param>
    public ClusterUnderTest(string dataDirectory, int nodeCount, int? shardCount = null, ImmutableArray<string> hoconFiles = default,
        BridgedNetwork? network = null, Func<MemberOptions, MemberFiles?>? tls = null, bool authentication = false)
    {
        DataDirectory = dataDirectory;
        _network = network;
        var members = (network is null ? Members(nodeCount) : BridgedNetwork.Members(nodeCount)).Select(member => member with { Tls = tls?.Invoke(member) });
        _options = [.. members.Select(member => new ServerOptions(dataDirectory, shardCount, hoconFiles, member) { Authentication = authentication })];
        _nodes = new ServerProcess?[nodeCount];
    }

    public string DataDirectory { get; }

    public int NodeCount => _nodes.Length;

    /// <summary>What every node has written lately, for failure messages.</summary>
    public string Output => string.Join('\n', _nodes.Select((node, i) => $"--- node {i}{(node?.HasExited == true ? " (ended)" : "")}\n{node?.Output}"));

    /// <summary>Starts all nodes at once and waits until each is ready.</summary>
    public Task StartAsync() => Task.WhenAll(Enumerable.Range(0, NodeCount).Select(StartNodeAsync));

    /// <summary>Starts a node that does not run and waits until it is ready.</summary>
    public async Task StartNodeAsync(int node)
    {
        await LaunchAsync(node);
        await WaitStartedAsync(node);
    }

    /// <summary>Waits until a node that was launched has said that it is ready.</summary>
    public async Task WaitStartedAsync(int node)
    {
        try
        {
            await Node(node).WaitReadyAsync(ServerProcess.ReadyTimeout);
        }
        catch (Exception cause) when (cause is TimeoutException or InvalidOperationException)
        {
            throw new InvalidOperationException($"node {node} did not start: {cause.Message}\n{Output}", cause);
        }
    }

    /// <summary>Starts a node that does not run and does not wait until it is ready.</summary>
    public async Task LaunchAsync(int node)
    {
        if (_nodes[node] is { } earlier)
        {
            // One that was killed a moment ago may not be gone yet.
            await earlier.WaitExitAsync(ServerProcess.StopTimeout);
            await earlier.DisposeAsync();
        }

        var info = EaCommand.StartInfo(_options[node].Arguments());
        _nodes[node] = ServerProcess.Launch(_network is null ? info : NetworkNamespace.Inside(_network.NamespaceOf(node), info));
    }

    /// <summary>The process as it was last started.</summary>
    public ServerProcess Node(int node) => _nodes[node] ?? throw new InvalidOperationException($"node {node} was never started");

    public bool IsRunning(int node) => _nodes[node] is { HasExited: false };

    /// <summary>Whether the node runs and has said that it is ready.</summary>
    public bool IsReady(int node) => _nodes[node] is { IsReady: true };

    /// <summary>Name under which the node stands in the data directory, in the answers of shards and in the list of members.</summary>
    public string NameOf(int node) => _options[node].Cluster!.Node!;

    /// <summary>Host and port at which the node listens for the others.</summary>
    public string AddressOf(int node) => _options[node].Cluster!.Address;

    /// <summary>Where the node answers HTTP. Another one after each start.</summary>
    public Uri Http(int node) => Node(node).BaseAddress;

    /// <summary>A client of the node as it was last started. The caller disposes it.</summary>
    public StoreHttp NewHttp(int node, TimeSpan? timeout = null) =>
        new(Http(node), timeout, _network is null ? null : NetworkNamespace.Connector(_network.NamespaceOf(node)));

    /// <summary>SIGKILL; does not wait until the process is gone.</summary>
    public void Kill(int node) => Node(node).Signal(PosixSignals.KillNow);

    /// <summary>SIGSTOP: the process does nothing, and its connections stay.</summary>
    public void Pause(int node) => Node(node).Signal(PosixSignals.Stop);

    /// <summary>SIGCONT.</summary>
    public void Resume(int node) => Node(node).Signal(PosixSignals.Continue);

    /// <summary>SIGTERM; returns the exit code.</summary>
    public Task<int> TerminateAsync(int node) => Node(node).TerminateAsync();

    /// <summary>Waits until a node reaches every shard of the store.</summary>
    public async Task WaitReadyAsync(int node)
    {
        using var http = NewHttp(node);
        var deadline = DateTime.UtcNow + ServerProcess.ReadyTimeout;
        while (await http.StatusAsync("/health/ready") != 200)
        {
            if (DateTime.UtcNow > deadline) throw new TimeoutException($"node {node} is not ready\n{Output}");
            await Task.Delay(20);
        }
    }

    /// <summary>Waits until every node serves its share of the shards, so that none is on its way.</summary>
    public async Task WaitBalancedAsync()
    {
        var deadline = DateTime.UtcNow + ServerProcess.ReadyTimeout;
        while (true)
        {
            var owners = await OwnersAsync(0);
            var counts = Enumerable.Range(0, NodeCount).Select(node => owners[NameOf(node)].Count()).ToList();
            if (!owners.Contains("") && counts.Max() - counts.Min() <= 1) return;
            if (DateTime.UtcNow > deadline) throw new TimeoutException($"shards per node: {string.Join(", ", counts)}\n{Output}");
            await Task.Delay(200);
        }
    }

    /// <summary>Numbers of the shards that each node serves, as one node hears from them, by node name; "" is nobody.</summary>
    public async Task<ILookup<string, int>> OwnersAsync(int asked)
    {
        using var http = NewHttp(asked);
        using var json = JsonDocument.Parse(await http.Raw.GetStringAsync(new Uri("/v1/shards", UriKind.Relative)));
        return json.RootElement.GetProperty("items").EnumerateArray()
            .Select(shard => (Node: shard.GetProperty("node").GetString() ?? "", Shard: shard.GetProperty("shard").GetInt32()))
            .ToLookup(shard => shard.Node, shard => shard.Shard);
    }

    /// <summary>The members as one node sees them.</summary>
    public async Task<IReadOnlyList<MemberShape>> MembersAsync(int asked)
    {
        using var http = NewHttp(asked);
        using var json = JsonDocument.Parse(await http.Raw.GetStringAsync(new Uri("/v1/cluster", UriKind.Relative)));
        return [.. json.RootElement.GetProperty("members").EnumerateArray().Select(member => new MemberShape(
            member.GetProperty("address").GetString()!, member.GetProperty("node").GetString(), member.GetProperty("uid").GetInt32(),
            member.GetProperty("status").GetString()!, member.GetProperty("reachable").GetBoolean()))];
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes) node?.Signal(PosixSignals.KillNow);
        foreach (var node in _nodes)
        {
            if (node is not null) await node.DisposeAsync();
        }
    }

    /// <summary>Members with a loopback address each, drawn anew.</summary>
    public static IReadOnlyList<MemberOptions> Members(int count)
    {
        while (true)
        {
            var network = $"127.{Random.Shared.Next(1, 255)}.{Random.Shared.Next(0, 256)}";
            // Below the ports that the system gives to connections.
            var port = Random.Shared.Next(10_000, 30_000);
            if (!Enumerable.Range(1, count).All(i => IsFree(IPAddress.Parse($"{network}.{i}"), port))) continue;
            ImmutableArray<string> seeds = [.. Enumerable.Range(1, count).Select(i => $"{network}.{i}:{port}")];
            return [.. Enumerable.Range(1, count).Select(i => new MemberOptions($"n{i - 1}", $"{network}.{i}", port, seeds))];
        }
    }

    private static bool IsFree(IPAddress address, int port)
    {
        try
        {
            using var listener = new TcpListener(address, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
