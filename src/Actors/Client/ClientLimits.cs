namespace EntityActors.Actors.Client;

/// <summary>Bounds of one client: requests at once, time per try and in all, tries and their pace.</summary>
public sealed record ClientLimits
{
    public static readonly ClientLimits Default = new();

    /// <summary>Calls under way at once; one more gets <see cref="StoreBusyException"/>.</summary>
    public int CallCountMax { get; init; } = 4_096;

    /// <summary>How long one try waits for its answer.</summary>
    public TimeSpan TryTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a try waits before it sends its request a second time; a tenth of <see cref="TryTimeout"/> or less.</summary>
    public TimeSpan ResendDelay { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>Like <see cref="TryTimeout"/>, for checkpoints and verification, which read and write whole files.</summary>
    public TimeSpan LongTryTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a call lasts at most, retries included.</summary>
    public TimeSpan CallTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Tries of one call, the first included.</summary>
    public int TryCountMax { get; init; } = 8;

    /// <summary>Delay before the second try; doubles with each further one, and a random half of it is left out.</summary>
    public TimeSpan RetryDelayMin { get; init; } = TimeSpan.FromMilliseconds(20);

    public TimeSpan RetryDelayMax { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Feeds read at once; one more gets <see cref="StoreBusyException"/>.</summary>
    public int FeedCountMax { get; init; } = 128;

    /// <summary>How long a shard with nothing new keeps a feed's request, and the longest silence of a feed before it says how far it has come.</summary>
    public TimeSpan FeedWait { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Changes in one answer of a shard to a feed.</summary>
    public int FeedPageChangesMax { get; init; } = 500;

    /// <summary>Bytes of content and tags from which an answer to a feed ends early; one change always fits.</summary>
    public long FeedPageBytesMax { get; init; } = 256 * 1024;

    /// <summary>How long a feed goes on asking a shard that does not answer.</summary>
    public TimeSpan FeedOutageMax { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Shards of one query, or behind in one feed, asked at once.</summary>
    public int QueryParallelMax { get; init; } = 8;

    /// <summary>How long a query that may leave shards out waits for each of them.</summary>
    public TimeSpan MissingShardWait { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Bytes of content from which a page ends early; one entity always fits.</summary>
    public long PageBytesMax { get; init; } = 8L * 1024 * 1024;

    /// <summary>How far in the future a moment asked about may lie.</summary>
    public TimeSpan ClockDifferenceMax { get; init; } = TimeSpan.FromMilliseconds(500);
}
