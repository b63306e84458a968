namespace EntityActors.Actors.Cluster;

/// <summary>Pace of the death watcher.</summary>
public sealed record DeathWatchLimits
{
    public static readonly DeathWatchLimits Default = new();

    /// <summary>Time to the second look at a lock that is held; doubles with each further one.</summary>
    public TimeSpan LookDelayMin { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>Looks after a connection was lost, the first included. All of them take 1.3 s.</summary>
    public int LookCountMax { get; init; } = 9;

    /// <summary>Time between looks at an unreachable member, and between deeds on a dead one that is still a member.</summary>
    public TimeSpan UnreachableInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How often locks that dead processes left are removed.</summary>
    public TimeSpan CleanUpInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long to wait for the next look after so many; null when there is none.</summary>
    internal TimeSpan? LookDelay(int looksBefore) =>
        looksBefore + 1 < LookCountMax ? LookDelayMin * Math.Pow(2, looksBefore) : null;
}
