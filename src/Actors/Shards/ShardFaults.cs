using EntityActors.Actors.Protocol;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Shards;

/// <summary>What a shard's actor answers when it does not do what was asked.</summary>
internal sealed class ShardFaults(ShardId shard, ShardLimits limits)
{
    public ShardFault Stopped => Unavailable("the shard's actor stopped");

    private ShardFault NoRoom =>
        new ShardFault.Unavailable(shard, "the disk has no room for another log file", IsStorageFull: true, limits.RestartDelayMax);

    public ShardFault Busy(string what) => new ShardFault.Busy(shard, what, limits.BusyRetryAfter);

    public ShardFault Unavailable(string reason) => new ShardFault.Unavailable(shard, reason, IsStorageFull: false, limits.BusyRetryAfter);

    public ShardFault OfLoad(Exception cause) =>
        cause is CorruptDataException ? new ShardFault.Corrupted(shard, cause.Message) : Unavailable(cause.Message);

    public ShardFault Of(NotNowReason reason) => reason switch
    {
        NotNowReason.MemtableFull => Busy("the memtable is full and waits for a checkpoint"),
        NotNowReason.StorageFull => NoRoom,
        NotNowReason.LogBusy => Busy("the commit log is full of writes under way"),
        NotNowReason.TooManyRecentCommands => Busy("the entity had too many commands within the duplicate window"),
        _ => Busy("the clock reservation is not renewed yet"),
    };

    /// <summary>To a command whose write failed. Two causes say that nothing of its batch reached the log.</summary>
    public ShardFault OfWrite(CommandId command, Exception? cause) => cause switch
    {
        StorageFullException => NoRoom,
        CommitLogBusyException => Busy("the commit log has too many writes waiting"),
        _ => new ShardFault.OutcomeUnknown(shard, command),
    };
}
