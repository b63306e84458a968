using EntityActors.Storage.Model;

namespace EntityActors.Actors.Protocol;

/// <summary>The request was not answered, and why. Except for <see cref="OutcomeUnknown"/> nothing was applied.</summary>
public abstract record ShardFault(ShardId Shard)
{
    /// <summary>A limit was reached; the same request may succeed after <paramref name="RetryAfter"/>.</summary>
    public sealed record Busy(ShardId Shard, string What, TimeSpan RetryAfter) : ShardFault(Shard);

    /// <summary>The shard is not served now.</summary>
    /// <param name="Node">Name of the node that answered; null from one that does not say so.</param>
    public sealed record Unavailable(ShardId Shard, string Reason, bool IsStorageFull, TimeSpan RetryAfter, string? Node = null) : ShardFault(Shard);

    /// <summary>The write may or may not be durable.</summary>
    public sealed record OutcomeUnknown(ShardId Shard, CommandId Command) : ShardFault(Shard);

    /// <summary>Stored bytes are damaged beyond repair.</summary>
    public sealed record Corrupted(ShardId Shard, string Detail) : ShardFault(Shard);

    /// <summary>The history before the moment asked about was trimmed.</summary>
    /// <param name="Earliest">The earliest moment that can be answered.</param>
    public sealed record HistoryTrimmed(ShardId Shard, Timestamp Earliest) : ShardFault(Shard);

    /// <summary>Changes behind the position asked about were trimmed.</summary>
    /// <param name="Earliest">From here on all of them are there.</param>
    public sealed record CursorExpired(ShardId Shard, Timestamp Earliest) : ShardFault(Shard);

    /// <summary>The query cannot be answered by any retry.</summary>
    public sealed record InvalidQuery(ShardId Shard, string Detail) : ShardFault(Shard);
}
