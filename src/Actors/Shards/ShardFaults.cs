using EntityActors.Actors.Protocol;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Shards;

/// <summary>What a shard answers instead of an answer, each with a hint when to come back.</summary>
internal sealed class ShardFaults(ShardId shard, ShardLimits limits)
{
    public ShardFault.Busy Busy(string what) => new(shard, what, limits.BusyRetryAfter);

    public ShardFault.Unavailable Stopped() => new(shard, "the shard's actor stopped", IsStorageFull: false, limits.BusyRetryAfter);

    public ShardFault.Unavailable HandedOver() =>
        new(shard, "the shard is being handed over", IsStorageFull: false, limits.BusyRetryAfter);

    /// <summary>Another owner serves the shard now.</summary>
    public ShardFault.Unavailable Moved() => new(shard, "the shard has a newer owner", IsStorageFull: false, limits.BusyRetryAfter);

    /// <summary>Another node's clock, or that of a shard, is further ahead of this node's than clocks may differ. It passes as time does.</summary>
    public ShardFault.Unavailable Behind() =>
        new(shard, "the query's time lies ahead of this node's clock: clocks of nodes differ", IsStorageFull: false, limits.BusyRetryAfter);

    /// <summary>A read failed, or that of a command's entity.</summary>
    public ShardFault NotRead(Exception cause) => cause is CorruptDataException
        ? new ShardFault.Corrupted(shard, cause.Message)
        : new ShardFault.Unavailable(shard, cause.Message, cause is StoreIoException { IsOutOfSpace: true }, limits.BusyRetryAfter);

    /// <summary>The command was not taken into a batch.</summary>
    public ShardFault NotNow(NotNowReason reason) => reason switch
    {
        NotNowReason.MemtableFull => Busy("the memtable is full and waits for a checkpoint"),
        NotNowReason.StorageFull => StorageFull("the disk has no room for another log file"),
        NotNowReason.LogBusy => Busy("the commit log is full of writes under way"),
        NotNowReason.TooManyRecentCommands => Busy("the entity had too many commands within the duplicate window"),
        _ => Busy("the clock reservation is not renewed yet"),
    };

    /// <summary>
    /// The log refused the write before it wrote a byte. That ends the shard's actor, as every failed write does, but the outcome is
    /// known of all that waited for this write or behind it.
    /// </summary>
    /// <returns>Null when the cause is another one, and something may have been written.</returns>
    public ShardFault? NotWritten(Exception? cause) => cause is null ? null : SupervisionPolicy.Unwrap(cause) switch
    {
        // The shard comes back after its restart delay; sooner there is nobody to ask.
        CommitLogBusyException busy => new ShardFault.Busy(shard, busy.Message, limits.RestartDelayMin),
        StorageFullException full => StorageFull(full.Message),
        _ => null,
    };

    private ShardFault.Unavailable StorageFull(string reason) => new(shard, reason, IsStorageFull: true, limits.RestartDelayMax);
}
