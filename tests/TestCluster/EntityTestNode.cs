using EntityActors.Actors.Client;
using EntityActors.TestCluster.Nodes;

namespace EntityActors.TestCluster;

/// <summary>A node of a <see cref="EntityTestCluster"/>, which keeps name and address over its restarts. Thread-safe.</summary>
public sealed class EntityTestNode
{
    private volatile NodeLife? _life;

    internal EntityTestNode(int index, string name, string address, int shardCount)
    {
        (Index, Name, Address) = (index, name, address);
        Client = new NodeClient(this, shardCount);
    }

    public int Index { get; }

    /// <summary>Name under which it stands in the data directory and in the answers of shards.</summary>
    public string Name { get; }

    /// <summary>Host and port at which the other nodes reach it.</summary>
    public string Address { get; }

    /// <summary>The store as somebody outside sees it who calls this node; see <see cref="EntityTestCluster.Client"/>.</summary>
    public IEntityStore Client { get; }

    public TestNodeState State => _life switch
    {
        null or { HasEnded: true } => TestNodeState.Ended,
        { Parts.Gate.IsPaused: true } => TestNodeState.Paused,
        _ => TestNodeState.Running,
    };

    /// <summary>Why it ended; null while it has not.</summary>
    public string? EndReason => _life?.EndReason;

    /// <summary>What the host of the running node holds, for what this class has no word for.</summary>
    /// <exception cref="InvalidOperationException">It has ended.</exception>
    public IServiceProvider Services => Living.Node.Services;

    internal NodeLife? Life
    {
        get => _life;
        set => _life = value;
    }

    /// <exception cref="InvalidOperationException">It has ended.</exception>
    internal NodeLife Living => _life is { HasEnded: false } life ? life : throw new InvalidOperationException($"node {Name} does not run: {EndReason}");

    public override string ToString() => $"{Name} ({State})";
}
