using EntityActors.Storage.Model;

namespace EntityActors.Actors.Client;

/// <summary>A limit was reached. The request was not applied and may be sent again after <see cref="RetryAfter"/>.</summary>
public sealed class StoreBusyException(string what, TimeSpan retryAfter) : StoreException($"busy: {what}")
{
    public TimeSpan RetryAfter { get; } = retryAfter;
}

/// <summary>The shard is not served now: recovering, quarantined, or out of disk. The request was not applied.</summary>
public sealed class StoreUnavailableException(ShardId? shard, string reason, bool isStorageFull, TimeSpan retryAfter)
    : StoreException(shard is null ? reason : $"shard {shard}: {reason}")
{
    public ShardId? Shard { get; } = shard;

    public bool IsStorageFull { get; } = isStorageFull;

    public TimeSpan RetryAfter { get; } = retryAfter;
}

/// <summary>The write may or may not be durable. Sending the same command id again settles it.</summary>
public sealed class OutcomeUnknownException(CommandId command) : StoreException($"outcome of command {command} is unknown")
{
    public CommandId Command { get; } = command;
}

/// <summary>Stored bytes of this entity or shard are damaged beyond repair. Others are not affected.</summary>
public sealed class EntityCorruptedException(ShardId shard, string detail) : StoreException($"shard {shard}: {detail}")
{
    public ShardId Shard { get; } = shard;
}

/// <summary>The query itself is wrong: a cursor of another query, a moment in the future, too many patterns.</summary>
public sealed class InvalidQueryException(string detail) : StoreException(detail);

/// <summary>A transaction names entities of different shards; ids that hold the same <c>{group}</c> share one.</summary>
public sealed class DifferentShardsException(int operation, string detail) : StoreException(detail)
{
    /// <summary>Index of the first operation whose entity is in another shard than that of the first operation.</summary>
    public int Operation { get; } = operation;
}
