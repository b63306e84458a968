namespace EntityActors.Actors.Checkpoints;

/// <summary>How many checkpoints run, and how often they are tried again.</summary>
public sealed record CheckpointLimits
{
    public static readonly CheckpointLimits Default = new();

    /// <summary>Checkpoints of one node at once.</summary>
    public int RunningCountMax { get; init; } = 2;

    /// <summary>How often the coordinator looks whether an idle shard keeps log files from being freed.</summary>
    public TimeSpan LookInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Files of the log from which the shard that pins the oldest is checkpointed.</summary>
    public int LogFileCountMax { get; init; } = 8;

    /// <summary>Logs of earlier processes that may stay before shards are checkpointed only to free them.</summary>
    public int DeadLogCountMax { get; init; } = 2;

    public TimeSpan RetryDelayMin { get; init; } = TimeSpan.FromMilliseconds(500);

    public TimeSpan RetryDelayMax { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Failed checkpoints in a row after which a shard is reported degraded; it is tried on.</summary>
    public int DegradedFailureCount { get; init; } = 3;
}
