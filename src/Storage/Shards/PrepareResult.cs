using System.Collections.Immutable;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Shards;

/// <summary>What became of a command that the shard's writer looked at.</summary>
public abstract record PrepareResult
{
    private PrepareResult()
    {
    }

    /// <summary>It is in the batch being formed; acknowledge it when that batch is applied.</summary>
    public sealed record Accepted(Change Change) : PrepareResult;

    public sealed record Refused(Refusal Refusal) : PrepareResult;

    /// <summary>The command was applied before. When it is not durable yet, answer after the event <paramref name="Sequence"/> is applied.</summary>
    public sealed record Duplicate(long Revision, Timestamp At, SequenceNumber Sequence, bool IsDurable) : PrepareResult;

    /// <summary>A transaction is in the batch being formed, all of it.</summary>
    public sealed record TransactionAccepted(ImmutableArray<Change> Changes) : PrepareResult
    {
        /// <summary>Event that holds its changes.</summary>
        public SequenceNumber Sequence => Changes[0].Sequence;
    }

    /// <summary>The transaction was applied before; revisions and times of its entities, in the order of its operations.</summary>
    public sealed record TransactionDuplicate(ImmutableArray<(long Revision, Timestamp At)> Applied, SequenceNumber Sequence) : PrepareResult;

    /// <summary>Nothing of the transaction was applied.</summary>
    /// <param name="Operation">Index of the operation that was refused.</param>
    public sealed record TransactionRefused(int Operation, Refusal Refusal) : PrepareResult;

    /// <summary>The entity is on disk only: call <see cref="ShardStore.Load"/>, then <see cref="ShardStore.Loaded"/>, then prepare again.</summary>
    public sealed record NeedsLoad(EntityKey Key) : PrepareResult;

    /// <summary>Not now: nothing was changed.</summary>
    public sealed record NotNow(NotNowReason Reason) : PrepareResult;
}

public enum NotNowReason
{
    /// <summary>The batch being formed is full; take it first.</summary>
    BatchFull = 1,

    /// <summary>The clock reservation is not renewed yet; milliseconds, unless the disk stalls.</summary>
    ClockStalled = 2,

    /// <summary>The memtable is at its limit and a checkpoint has to make room first.</summary>
    MemtableFull = 3,

    /// <summary>The entity had more commands within the duplicate window than are kept.</summary>
    TooManyRecentCommands = 4,

    /// <summary>The disk has no room for another log file.</summary>
    StorageFull = 5,

    /// <summary>What is under way fills the log file; milliseconds, unless the disk stalls.</summary>
    LogBusy = 6,
}

/// <summary>Whether a read may be answered now.</summary>
public enum ReadReadiness
{
    Ready = 1,

    /// <summary>A batch stamped before the read's time is not durable yet: ask again when it is applied.</summary>
    WaitForApply = 2,

    /// <summary>The clock reservation is not renewed yet: ask again in a few milliseconds.</summary>
    ClockStalled = 3,

    /// <summary>The read's time lies further in the future than clocks may differ.</summary>
    AheadOfClock = 4,
}
