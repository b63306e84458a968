using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Segments;
using EntityActors.Storage.Shards;

namespace EntityActors.Simulation.Tests.Stores;

/// <summary>A store so small that files fill up, rotate and merge within a few hundred operations.</summary>
internal static class SimulationOptions
{
    public const int ShardCount = 3;

    public static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static NodeStoreOptions Store { get; } = new()
    {
        DataDirectory = "/data",
        ShardCount = ShardCount,
        CheckpointBytes = 12_000,
        BatchChangesMax = 8,
        BatchBytesMax = 8 * 1024,
        BlockCacheBytes = 1 << 20,
        Log = new CommitLogOptions { FileBytes = 16 * 1024, RecordBytesMax = 14 * 1024, GroupBytesMax = 12 * 1024 },
        Segments = new SegmentOptions { BlockBytes = 1024 },
        Merge = new MergePolicy { RunCountMin = 3, RunCountMax = 5 },
    };
}
