using System.Collections.Concurrent;
using Akka.Actor;

namespace EntityActors.TestCluster.Network;

/// <summary>Which node reaches which. Thread-safe.</summary>
/// <param name="addresses">Host and port of every node, by its index.</param>
internal sealed class TestNetwork(IReadOnlyList<string> addresses)
{
    private readonly Lock _lock = new();
    private readonly HashSet<(int From, int To)> _cut = [];
    private readonly ConcurrentDictionary<(int Listener, int Port), int> _dialers = [];
    private readonly ConcurrentDictionary<NodeConnection, byte> _connections = new(ReferenceEqualityComparer.Instance);

    /// <summary>Nothing that is sent from one of these to one of those arrives before it is healed.</summary>
    public void Cut(IReadOnlyCollection<int> from, IReadOnlyCollection<int> to)
    {
        lock (_lock)
        {
            foreach (var sender in from) _cut.UnionWith(to.Select(receiver => (sender, receiver)));
        }
    }

    public void Heal()
    {
        lock (_lock) _cut.Clear();
        PumpAll();
    }

    /// <param name="to">Null: nobody of the cluster, whom nothing cuts off.</param>
    public bool IsOpen(int from, int? to)
    {
        lock (_lock) return to is not { } receiver || !_cut.Contains((from, receiver));
    }

    /// <returns>Null when no node has this address.</returns>
    public int? NodeAt(Address address)
    {
        var text = $"{address.Host}:{address.Port}";
        for (var node = 0; node < addresses.Count; node++)
        {
            if (addresses[node] == text) return node;
        }

        return null;
    }

    /// <summary>A node has opened a connection from this port of its own.</summary>
    public void Dialed(int dialer, int? listener, int? port)
    {
        if (listener is { } node && port is { } from) _dialers[(node, from)] = dialer;
    }

    /// <summary>Who opened the connection that a node sees come from this port.</summary>
    public int? DialerOf(int listener, int? port) =>
        port is { } from && _dialers.TryGetValue((listener, from), out var dialer) ? dialer : null;

    public void Add(NodeConnection connection) => _connections[connection] = 0;

    public void Remove(NodeConnection connection) => _connections.TryRemove(connection, out _);

    /// <summary>Lets go what nothing holds any more.</summary>
    public void PumpAll()
    {
        foreach (var connection in _connections.Keys) connection.Pump();
    }

    public IEnumerable<NodeConnection> ConnectionsOf(Nodes.NodeParts life) => _connections.Keys.Where(connection => connection.Life == life);
}
