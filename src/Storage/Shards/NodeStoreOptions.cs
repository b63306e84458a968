using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;

namespace EntityActors.Storage.Shards;

/// <summary>Everything a node's store can be told. Sizes in bytes.</summary>
public sealed record NodeStoreOptions
{
    public required string DataDirectory { get; init; }

    /// <summary>Whether other processes may use the directory at the same time: members of one cluster, each with a node name of its own.</summary>
    public bool IsShared { get; init; }

    /// <summary>Name of this node within the data directory; null is "node", or in a shared directory the first of node-1, node-2 … that nobody uses.</summary>
    public string? Node { get; init; }

    /// <summary>Shards of a new store; null is the default. An existing store must have as many.</summary>
    public int? ShardCount { get; init; }

    public EntityLimits Limits { get; init; } = EntityLimits.Default;

    public CommitLogOptions Log { get; init; } = new();

    public SegmentOptions Segments { get; init; } = new();

    public MergePolicy Merge { get; init; } = MergePolicy.Default;

    /// <summary>Decompressed blocks kept in memory, over all shards.</summary>
    public long BlockCacheBytes { get; init; } = 128L * 1024 * 1024;

    /// <summary>Changes of a segment whose order of recording a feed finds out in one scan, or 1/32 of all; 16 bytes each, in the block cache.</summary>
    public int FeedWindowChangesMax { get; init; } = RecordedOrder.WindowChangesMax;

    /// <summary>Estimated bytes of changes in a shard's memtable from which a checkpoint is due.</summary>
    public long CheckpointBytes { get; init; } = 8L * 1024 * 1024;

    /// <summary>Estimated bytes in a shard's memtables from which writes are refused until a checkpoint has made room.</summary>
    public long MemtableBytesMax { get; init; } = 64L * 1024 * 1024;

    /// <summary>Changes of one shard that become durable together.</summary>
    public int BatchChangesMax { get; init; } = 1024;

    /// <summary>Encoded bytes from which a batch of one shard takes no further change.</summary>
    public int BatchBytesMax { get; init; } = 1024 * 1024;

    /// <summary>Serving time for which a command id is recognised.</summary>
    public TimeSpan DuplicateWindow { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Commands of one entity kept for recognising duplicates; beyond it writes to that entity wait.</summary>
    public int RecentCommandCountMax { get; init; } = 1_000_000;

    /// <summary>Serving time after which purged bytes are worth checkpoints of their own; earlier ones take them along. It is counted for each step.</summary>
    public TimeSpan ErasureDelay { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How far ahead of this node's clock a read's time may lie.</summary>
    public TimeSpan ClockDifferenceMax { get; init; } = TimeSpan.FromMilliseconds(500);
}
