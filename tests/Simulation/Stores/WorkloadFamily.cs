using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Segments;
using EntityActors.Storage.Shards;

namespace EntityActors.Simulation.Tests.Stores;

/// <summary>What a workload is made for: sizes that fill up soon, and how often what happens. The seed chooses.</summary>
internal sealed record WorkloadFamily(string Name)
{
    /// <summary>Bytes of one log file. Two groups fill the smallest.</summary>
    public int LogFileBytes { get; init; } = 16 * 1024;

    public int BatchBytesMax { get; init; } = 8 * 1024;

    public long CheckpointBytes { get; init; } = 12_000;

    public int MergedRunsMin { get; init; } = 3;

    /// <summary>Beside 100 other steps.</summary>
    public int MoreCheckpoints { get; init; }

    /// <summary>Beside 100 other steps.</summary>
    public int MoreRestarts { get; init; }

    /// <summary>How late a timer that is due at once may fire. A log's spare file is prepared by such a timer.</summary>
    public TimeSpan TimersLate { get; init; }

    /// <summary>Whether some reads and writes take two calls.</summary>
    public bool HasShortCalls { get; init; }

    /// <summary>Whether the disk is full now and then.</summary>
    public bool FillsDisk { get; init; }

    /// <summary>Whether histories are trimmed. Command ids are then known for some seconds only, so that the bytes go in time.</summary>
    public bool Trims { get; init; }

    /// <summary>Seeds from here on are of the family that trims.</summary>
    public const long FirstTrimmingSeed = 1L << 32;

    public static WorkloadFamily Trimming { get; } =
        new("trims") { Trims = true, CheckpointBytes = 3000, MergedRunsMin = 3, MoreCheckpoints = 60, MoreRestarts = 4 };

    public static IReadOnlyList<WorkloadFamily> All { get; } =
    [
        new WorkloadFamily("mixed") { MoreCheckpoints = 10, TimersLate = TimeSpan.FromMilliseconds(100) },
        new WorkloadFamily("recycling")
        {
            LogFileBytes = 8 * 1024, BatchBytesMax = 2 * 1024, CheckpointBytes = 4000, MoreCheckpoints = 50, TimersLate = TimeSpan.FromMilliseconds(800),
        },
        new WorkloadFamily("restarts") { MoreRestarts = 8, MoreCheckpoints = 30 },
        new WorkloadFamily("merges") { CheckpointBytes = 3000, MergedRunsMin = 2, MoreCheckpoints = 60 },
        new WorkloadFamily("short calls") { HasShortCalls = true, MoreCheckpoints = 40, TimersLate = TimeSpan.FromMilliseconds(300) },
        new WorkloadFamily("full disk")
        {
            FillsDisk = true, LogFileBytes = 8 * 1024, BatchBytesMax = 2 * 1024, MoreCheckpoints = 20, TimersLate = TimeSpan.FromMilliseconds(500),
        },
    ];

    public NodeStoreOptions Store => field ??= Trims ? Sizes with { DuplicateWindow = TrimmedWindow } : Sizes;

    private NodeStoreOptions Sizes => new()
    {
        DataDirectory = SimulationOptions.DataDirectory,
        ShardCount = SimulationOptions.ShardCount,
        CheckpointBytes = CheckpointBytes,
        BatchChangesMax = 8,
        BatchBytesMax = BatchBytesMax,
        BlockCacheBytes = 1 << 20,
        Log = new CommitLogOptions
        {
            FileBytes = LogFileBytes,
            RecordBytesMax = LogFileBytes - 1024,
            GroupBytesMax = LogFileBytes * 3 / 4,
        },
        Segments = new SegmentOptions { BlockBytes = 1024 },
        Merge = new MergePolicy { RunCountMin = MergedRunsMin, RunCountMax = 5 },
    };

    /// <summary>How long ids of commands are known where histories are trimmed.</summary>
    public static readonly TimeSpan TrimmedWindow = TimeSpan.FromSeconds(10);

    public static WorkloadFamily Of(long seed) => seed >= FirstTrimmingSeed ? Trimming : All[(int)((ulong)seed % (ulong)All.Count)];
}
