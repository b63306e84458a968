using EntityActors.Chaos.Faults;
using EntityActors.Chaos.Histories;

namespace EntityActors.Chaos;

/// <summary>What one run came to.</summary>
public sealed record ChaosResult
{
    public required ChaosOptions Options { get; init; }

    public required ChaosHistory History { get; init; }

    public required IReadOnlyList<FaultRecord> Faults { get; init; }

    /// <summary>Faults that this machine cannot inject, with the reason.</summary>
    public required IReadOnlyList<(FaultKind Kind, string Reason)> Skipped { get; init; }

    public required IReadOnlyList<(long At, string What)> Events { get; init; }

    /// <summary>Broken promises, one a line; the run has failed when there is one.</summary>
    public required IReadOnlyList<string> Findings { get; init; }

    /// <summary>From the start of the clients to the end of the load, on the run's clock.</summary>
    public required (long From, long To) Load { get; init; }

    public int AcknowledgedCount { get; init; }

    /// <summary>Changes in the final history.</summary>
    public int ChangeCount { get; init; }

    /// <summary>Writes of open outcome that took effect.</summary>
    public int OpenAppliedCount { get; init; }

    public int RefusedAppliedCount { get; init; }

    public int CheckedOperationCount { get; init; }

    public int UnknownVerdictCount { get; init; }

    /// <summary>Connections of all followers of the feed.</summary>
    public int FeedConnectionCount { get; init; }

    /// <summary>Changes that they were given.</summary>
    public int FeedChangeCount { get; init; }

    public TimeSpan HealTime { get; init; }

    /// <summary>Last output of the nodes, when something was found.</summary>
    public string Output { get; init; } = "";
}
