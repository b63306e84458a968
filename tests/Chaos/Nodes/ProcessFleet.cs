using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using EntityActors.Chaos.Clients;
using EntityActors.Chaos.Faults;
using EntityActors.Chaos.Histories;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Networks;
using EntityActors.Tests.Shared.Processes;

namespace EntityActors.Chaos.Nodes;

/// <summary>Real processes over one data directory, with everything that the chosen faults need.</summary>
internal sealed class ProcessFleet : IChaosFleet
{
    private const int DiskMegabytes = 256;
    private static readonly TimeSpan StartMax = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan VerifyMax = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan AskMax = TimeSpan.FromSeconds(20);

    private readonly TempDirectory _settings = new("entityactors-chaos-");
    private readonly ConcurrentQueue<(long At, string What)> _events = new();
    private readonly ConcurrentQueue<string> _findings = new();
    private readonly List<NodeProcess> _nodes = [];
    private MountedDisk? _disk;
    private BridgedNetwork? _network;
    private SteppedClocks? _clocks;

    private readonly string _dataset;
    private IReadOnlyList<MemberOptions> _members = [];

    private ProcessFleet(string dataset) => _dataset = dataset;

    public IReadOnlyList<IChaosNode> Nodes => _nodes;

    public INetworkCuts? Network => _network;

    public IClockSteps? Clocks => _clocks;

    public IDiskFiller? Disk => _disk;

    public IReadOnlyCollection<(long At, string What)> Events => _events;

    public IReadOnlyCollection<string> Findings => _findings;

    public ChaosClock Clock { get; } = new();

    public string Output => string.Join('\n', _nodes.Select(static node => $"--- {node.Name}\n{node.Output}"));

    private string DataDirectory => _disk?.DataDirectory ?? _settings.File("data");

    /// <param name="faults">Those that will be injected; what they need is made if this machine can.</param>
    public static async Task<ProcessFleet> CreateAsync(int nodeCount, string dataset, IReadOnlyCollection<FaultKind> faults)
    {
        var fleet = new ProcessFleet(dataset);
        try
        {
            if (faults.Contains(FaultKind.DiskFull) && SmallFileSystem.Unavailable() is null) fleet._disk = new MountedDisk(DiskMegabytes);
            if (nodeCount > 1 && (faults.Contains(FaultKind.Cut) || faults.Contains(FaultKind.CutOneWay)) && await BridgedNetwork.UnavailableAsync() is null)
                fleet._network = await BridgedNetwork.CreateAsync(nodeCount);
            if (faults.Contains(FaultKind.ClockStep)) fleet._clocks = new SteppedClocks(fleet._settings.Path, nodeCount);
            fleet.AddNodes(nodeCount);
            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    public async Task StartAsync()
    {
        foreach (var node in _nodes) await node.LaunchAsync();
        foreach (var node in _nodes)
        {
            if (!await node.WaitReadyAsync(StartMax, CancellationToken.None)) throw new TimeoutException($"{node.Name} was not ready within {StartMax}\n{Output}");
        }

        await WaitServingAsync(StartMax);
    }

    public async Task WaitServingAsync(TimeSpan timeout)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var missing = await MissingAsync();
            if (missing is null) return;
            if (Stopwatch.GetElapsedTime(started) > timeout) throw new TimeoutException($"after {timeout}: {missing}\n{Output}");
            await Task.Delay(100);
        }
    }

    /// <summary>Clients for the checks, one for each node that is reachable. The caller disposes them.</summary>
    public IReadOnlyList<StoreHttp> NewClients() => [.. _nodes.Select(node => node.NewHttp(AskMax)).OfType<StoreHttp>()];

    public ActorMember? NewMember(Random random) => _members.Count == 0 || _network is not null
        ? null
        // An address of the nodes' loopback network that none of them has.
        : new ActorMember(_members[0].Host[..(_members[0].Host.LastIndexOf('.') + 1)] + "200", _members[0].Seeds, _dataset, random);

    public async Task<IReadOnlyList<string>> StopAndVerifyAsync()
    {
        var output = Output;
        foreach (var node in _nodes) await node.TerminateAsync();
        var verified = await EaCommand.RunAsync(VerifyMax, "verify", "--data", DataDirectory);
        return verified.ExitCode == 0 ? [] : [$"ea verify: {verified}\n{output}"];
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes) await node.DisposeAsync();
        if (_network is not null) await _network.DisposeAsync();
        _disk?.Dispose();
        _settings.Dispose();
    }

    /// <summary>What is missing until every node answers for every shard; null when nothing is.</summary>
    private async Task<string?> MissingAsync()
    {
        foreach (var node in _nodes)
        {
            using var http = node.NewHttp(AskMax);
            if (http is null) return $"{node.Name} is not ready";
            try
            {
                using var shards = JsonDocument.Parse(await http.Raw.GetStringAsync(new Uri("/v1/shards", UriKind.Relative)));
                foreach (var shard in shards.RootElement.GetProperty("items").EnumerateArray())
                {
                    if (shard.GetProperty("status").GetString() != "serving") return $"shard {shard.GetRawText()} at {node.Name}";
                }

                // A query needs all shards at one moment, so it also waits until a clock that was ahead is no longer.
                _ = await http.QueryPageAsync("none", [], null, limit: 1, cursor: null, count: false);
            }
            catch (Exception cause) when (cause is HttpRequestException or OperationCanceledException or IOException)
            {
                return $"{node.Name}: {cause.Message}";
            }
        }

        return null;
    }

    private void AddNodes(int nodeCount)
    {
        List<string> settings = [TinyThresholds.WriteTo(_settings.Path)];
        if (_network is not null)
        {
            settings.Add(_settings.File("network.hocon"));
            File.WriteAllText(settings[^1], "entityactors.cluster.plain-text = on");
            _members = BridgedNetwork.Members(nodeCount);
        }
        else if (nodeCount > 1)
        {
            _members = ClusterUnderTest.Members(nodeCount);
        }

        for (var node = 0; node < nodeCount; node++)
        {
            var options = new ServerOptions(DataDirectory, TinyThresholds.ShardCount, [.. settings], _members.Count == 0 ? null : _members[node]);
            _nodes.Add(new NodeProcess(
                new NodeSettings(node, [.. options.Arguments()], _network?.NamespaceOf(node), _clocks?.EnvironmentOf(node) ?? new Dictionary<string, string>()),
                _dataset, Clock, _events, _findings));
        }
    }
}
