using System.Collections.Concurrent;
using Akka.Configuration;
using EntityActors.TestCluster.Network;
using EntityActors.TestCluster.Pausing;

namespace EntityActors.TestCluster.Nodes;

/// <summary>What one life of a node is disturbed through. Transports and executors, which Akka creates by name, find it by the id in their settings.</summary>
internal sealed class NodeParts : IDisposable
{
    private const string IdKey = "entityactors.test-cluster.life";
    private const int ExitCodeOfRemoved = -1;
    private static readonly ConcurrentDictionary<string, NodeParts> Living = new(StringComparer.Ordinal);
    private readonly string _id = Guid.NewGuid().ToString("n");
    private readonly ConcurrentBag<Action> _endings = [];

    public NodeParts(int node, TestNetwork network)
    {
        (Node, Network) = (node, network);
        Living[_id] = this;
    }

    /// <summary>Index of the node in its cluster.</summary>
    public int Node { get; }

    public TestNetwork Network { get; }

    public PauseGate Gate { get; } = new();

    /// <summary>Set by the transport itself, which Akka creates; null before.</summary>
    public NodeTransport? Transport { get; set; }

    public string Hocon => $"{IdKey} = {_id}";

    /// <exception cref="InvalidOperationException">The settings are not those of a living node of a test cluster.</exception>
    public static NodeParts Of(Config config) => Living.TryGetValue(config.GetString(IdKey) ?? "", out var parts)
        ? parts
        : throw new InvalidOperationException($"{IdKey} names no living node of a test cluster");

    /// <summary>Is done when the life is over.</summary>
    public void AtEnd(Action ending) => _endings.Add(ending);

    public void Dispose()
    {
        Living.TryRemove(_id, out _);
        foreach (var ending in _endings) ending();
        // Akka.Hosting sets it for a process that its cluster has removed; this one runs tests.
        if (Environment.ExitCode == ExitCodeOfRemoved) Environment.ExitCode = 0;
    }
}
