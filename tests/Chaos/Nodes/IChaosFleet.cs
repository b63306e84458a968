using EntityActors.Chaos.Clients;
using EntityActors.Chaos.Histories;
using EntityActors.Tests.Shared.Networks;

namespace EntityActors.Chaos.Nodes;

/// <summary>The nodes of one store.</summary>
public interface IChaosFleet : IAsyncDisposable
{
    IReadOnlyList<IChaosNode> Nodes { get; }

    /// <summary>Starts all nodes and waits until they are ready.</summary>
    Task StartAsync();

    /// <summary>Makes a member of the cluster for clients of the actor protocol; null when none can join from here. The caller disposes it.</summary>
    ActorMember? NewMember(Random random);

    /// <summary>Waits until every shard is served and every node reaches it.</summary>
    /// <exception cref="TimeoutException">The message says what is missing.</exception>
    Task WaitServingAsync(TimeSpan timeout);

    /// <summary>Stops all nodes in order and checks what they left; returns what is wrong.</summary>
    Task<IReadOnlyList<string>> StopAndVerifyAsync();

    /// <summary>Cuts between nodes; null when they share one network.</summary>
    INetworkCuts? Network { get; }

    /// <summary>Steps of the nodes' clocks; null when all use the machine's.</summary>
    IClockSteps? Clocks { get; }

    /// <summary>Fills the disk under the data directory; null when it has no file system of its own.</summary>
    IDiskFiller? Disk { get; }

    /// <summary>What nodes did by themselves, with its time.</summary>
    IReadOnlyCollection<(long At, string What)> Events { get; }

    /// <summary>Ends of processes that nobody asked for and that no promise covers.</summary>
    IReadOnlyCollection<string> Findings { get; }

    ChaosClock Clock { get; }

    /// <summary>The last output of each node.</summary>
    string Output { get; }
}

/// <summary>Wall clocks of nodes.</summary>
public interface IClockSteps
{
    /// <summary>Makes the node's clock differ from the machine's.</summary>
    void Set(int node, TimeSpan offset);
}

/// <summary>A disk that can be full.</summary>
public interface IDiskFiller
{
    void Fill(long freeBytes);

    void Free();
}
