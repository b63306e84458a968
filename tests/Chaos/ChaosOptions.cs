using System.Collections.Immutable;
using EntityActors.Chaos.Faults;

namespace EntityActors.Chaos;

/// <summary>One run.</summary>
public sealed record ChaosOptions
{
    public required long Seed { get; init; }

    /// <summary>How long clients and nemesis work; healing and checks come after it.</summary>
    public required TimeSpan Load { get; init; }

    public int NodeCount { get; init; } = 3;

    public int ClientCount { get; init; } = 16;

    /// <summary>Clients that speak the actor protocol as members of the cluster; none when the nodes have a network of their own.</summary>
    public int ActorClientCount { get; init; } = 4;

    /// <summary>Followers of the change feed.</summary>
    public int FollowerCount { get; init; } = 2;

    public ImmutableArray<FaultKind> Faults { get; init; } = [.. Enum.GetValues<FaultKind>()];

    /// <summary>Longest pause of a process and longest cut; the shortest is one second, and short ones are more frequent.</summary>
    public TimeSpan PauseMax { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>How long the healed store may take until it serves every shard at every node.</summary>
    public TimeSpan HealMax { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>How long a client goes on trying after the end of the load; below the ten minutes that command ids are kept.</summary>
    public TimeSpan SettleMax { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Where the report goes; null for none unless something is found.</summary>
    public string? ReportDirectory { get; init; }
}
