using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>One event to be made durable. The body must not change until the append has completed.</summary>
public sealed record LogAppend(ShardId Shard, Epoch Epoch, SequenceNumber Sequence, ReadOnlyMemory<byte> Body)
{
    /// <summary>The event of a predecessor, made durable under a new epoch before that serves.</summary>
    internal bool IsAgain { get; init; }
}
