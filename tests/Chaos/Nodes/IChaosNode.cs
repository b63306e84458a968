using EntityActors.Chaos.Clients;

namespace EntityActors.Chaos.Nodes;

/// <summary>One node of the store as clients and nemesis see it. Thread-safe.</summary>
public interface IChaosNode
{
    string Name { get; }

    /// <summary>Null while it is not ready. A paused or cut off node keeps its connection: clients do not know.</summary>
    IStoreConnection? Connection { get; }

    bool IsRunning { get; }

    /// <summary>Order of starts over all nodes: the smallest among the running ones is the cluster's oldest.</summary>
    long StartedAt { get; }

    /// <summary>Ends it at once, whatever it is doing.</summary>
    Task KillAsync();

    /// <summary>Starts it if it does not run. Does not wait until it is ready.</summary>
    Task LaunchAsync();

    /// <returns>False when it was not ready in time.</returns>
    Task<bool> WaitReadyAsync(TimeSpan timeout, CancellationToken cancellation);

    /// <summary>Ends it as an operator would; returns the exit code.</summary>
    /// <param name="mayBeRemoved">The others may have removed it by now, which it says with an exit code of its own. Else only 0 is right.</param>
    Task<int> TerminateAsync(bool mayBeRemoved = false);

    /// <summary>Stops all its threads until <see cref="Resume"/>.</summary>
    void Pause();

    void Resume();

    /// <summary>Id of its process; null when it has none of its own.</summary>
    int? ProcessId { get; }
}
