namespace EntityActors.Storage.Model;

/// <summary>Base of every typed failure of the store.</summary>
public abstract class StoreException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Stored bytes are wrong. Names the file, the place, what was expected and what was found.</summary>
public sealed class CorruptDataException(string path, long offset, string expected, string found)
    : StoreException($"corrupt data in {path} at byte {offset}: expected {expected}, found {found}")
{
    public string Path { get; } = path;

    public long Offset { get; } = offset;

    public string Expected { get; } = expected;

    public string Found { get; } = found;
}

/// <summary>The moment asked about can no longer be answered: the history before it was trimmed. No retry helps.</summary>
public sealed class HistoryTrimmedException(Timestamp earliest)
    : StoreException($"what was before {earliest} was trimmed; the earliest moment that can be answered is {earliest}")
{
    public Timestamp Earliest { get; } = earliest;
}

/// <summary>A feed goes on from a place behind which changes were trimmed. Whoever follows reads everything, and follows from now.</summary>
public sealed class CursorExpiredException(Timestamp earliest)
    : StoreException($"changes behind the cursor were trimmed: of dataset history before {earliest} not everything is there")
{
    /// <summary>A feed from here on would be whole.</summary>
    public Timestamp Earliest { get; } = earliest;
}

/// <summary>A newer owner of the shard exists. The write was not acknowledged and its owner must stop.</summary>
public sealed class StaleEpochException(ShardId shard, Epoch epoch)
    : StoreException($"shard {shard}: epoch {epoch} is no longer the owner")
{
    public ShardId Shard { get; } = shard;

    public Epoch Epoch { get; } = epoch;
}

/// <summary>An operating-system call failed; <see cref="ErrorNumber"/> is its errno.</summary>
public sealed class StoreIoException(string operation, string path, int errorNumber, string description)
    : StoreException($"{operation} {path}: {description} (errno {errorNumber})")
{
    public string Operation { get; } = operation;

    public string Path { get; } = path;

    public int ErrorNumber { get; } = errorNumber;

    public bool IsOutOfSpace => ErrorNumber is 28 or 122;

    public bool IsReadOnly => ErrorNumber is 30 or 13;

    /// <summary>There is no such file or directory.</summary>
    public bool IsMissing => ErrorNumber == 2;
}

/// <summary>A write or sync of the commit log failed. Whether the batch is durable is unknown; its shard restarts from disk.</summary>
public sealed class CommitLogFailedException(string message, Exception? inner = null) : StoreException(message, inner);

/// <summary>The disk has no room for another log file. Nothing was written; reads go on.</summary>
public sealed class StorageFullException(string message) : StoreException(message);

/// <summary>The data directory cannot be used, and why. Nothing in it was changed.</summary>
public sealed class StoreUnusableException(StoreUnusableReason reason, string message, Exception? inner = null)
    : StoreException(message, inner)
{
    public StoreUnusableReason Reason { get; } = reason;
}

public enum StoreUnusableReason
{
    InUse = 1,
    NotAStore = 2,
    NewerFormat = 3,
    ReadOnly = 4,
    Full = 5,
    OptionMismatch = 6,
    Damaged = 7,
    Unreadable = 8,
}
