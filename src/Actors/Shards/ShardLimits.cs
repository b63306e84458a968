namespace EntityActors.Actors.Shards;

/// <summary>Bounds of one shard's queues and the pace of its recovery. Beyond a bound the caller gets a typed Busy.</summary>
public sealed record ShardLimits
{
    public static readonly ShardLimits Default = new();

    /// <summary>Requests that the shard's actor has not answered yet.</summary>
    public int RequestCountMax { get; init; } = 8_192;

    /// <summary>Reads under way or waiting for a batch.</summary>
    public int ReadCountMax { get; init; } = 512;

    /// <summary>Commands that wait for their entity to be read from disk, over all entities.</summary>
    public int LoadWaitingCountMax { get; init; } = 2_048;

    /// <summary>Commands that wait for room in the next batch.</summary>
    public int DeferredCountMax { get; init; } = 4_096;

    /// <summary>Requests that wait for the shard to recover.</summary>
    public int RecoveryWaitingCountMax { get; init; } = 1_024;

    /// <summary>How long a request waits for the shard to recover before it is told so.</summary>
    public TimeSpan RecoveryWaitMax { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Bytes of content and tags in one answer from which a page ends early; one item always fits.</summary>
    public long PageBytesMax { get; init; } = 4L * 1024 * 1024;

    /// <summary>Changes in one answer of a feed.</summary>
    public int FeedPageChangesMax { get; init; } = 1_000;

    /// <summary>Changes that one answer of a feed looks at, those that its filter leaves out included. Bounds the time of a read.</summary>
    public int FeedExaminedMax { get; init; } = 50_000;

    /// <summary>Requests of feeds that wait for the next event.</summary>
    public int FeedWaitingCountMax { get; init; } = 512;

    /// <summary>How long a request of a feed waits at most.</summary>
    public TimeSpan FeedWaitMax { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>What a caller is told to wait when the shard is busy.</summary>
    public TimeSpan BusyRetryAfter { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Failed starts in a row with damaged bytes or broken invariants after which the shard is quarantined.</summary>
    public int QuarantineFailureCount { get; init; } = 5;

    /// <summary>How many headers back a start goes when the newest one leads to damage.</summary>
    public int GenerationsBackMax { get; init; } = 1;

    /// <summary>Delay before the first restart; doubles with each failure in a row.</summary>
    public TimeSpan RestartDelayMin { get; init; } = TimeSpan.FromMilliseconds(100);

    public TimeSpan RestartDelayMax { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Delay before a fenced shard is claimed again, should requests still be sent here.</summary>
    public TimeSpan FencedDelay { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How soon a node that must not claim a shard looks again whether it may.</summary>
    public TimeSpan ClaimRetryDelay { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Serving this long without failure ends a row of failures.</summary>
    public TimeSpan HealthyAfter { get; init; } = TimeSpan.FromMinutes(1);
}
