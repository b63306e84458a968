using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>Deletes logs of processes that have ended, once nothing in them counts any more. For one caller at a time.</summary>
/// <param name="indexOf">Index of a log, kept while the process lives.</param>
/// <param name="isDamageUnneeded">Whether no shard of the store needs anything that a damaged log may hold, and it may go.</param>
/// <param name="isServedElsewhere">Whether this process owns the shard and serves it from another log than this one.</param>
internal sealed class DeadLogs(IFileSystem files, string data, EpochClaims claims, Func<string, LogId, LogIndex> indexOf,
    Func<ShardId, LogId, bool> isServedElsewhere, Func<bool> isDamageUnneeded)
{
    private const int NoEntry = 2;
    private const int NotEmpty = 39;

    /// <param name="isCovered">Whether two committed headers of a shard cover its events up to this one.</param>
    /// <param name="forget">Called with each log that was deleted.</param>
    public void Free(LogId current, Func<ShardId, SequenceNumber, bool> isCovered, Action<string, LogId> forget)
    {
        var nodes = LogLayout.NodesDirectory(data);
        foreach (var node in files.List(nodes))
        {
            foreach (var name in files.List(Path.Combine(nodes, node)))
            {
                if (!LogId.TryParse(name, out var log) || log == current) continue;
                try
                {
                    if (TryFree(node, log, isCovered)) forget(node, log);
                }
                catch (StoreIoException failure) when (failure.ErrorNumber is NoEntry or NotEmpty)
                {
                    // Another process frees it at the same time; whoever comes last finds nothing left, or an empty directory with a lock.
                    continue;
                }
            }
        }
    }

    private bool TryFree(string node, LogId log, Func<ShardId, SequenceNumber, bool> isCovered)
    {
        var index = indexOf(node, log);
        if (index.IsComplete && !IsFree(index, isCovered)) return false;
        // A process takes its log's lock before it creates these: without either it may just be starting.
        if (!HasFile(index, LogLayout.ClockFile) && !HasFile(index, LogLayout.FileName(0))) return false;
        using var held = files.TryLock(Path.Combine(index.Directory, LogLayout.LockFile));
        // A process that still runs may serve shards we do not know of.
        if (held is null) return false;
        // What it wrote since the last scan counts too; from here on nothing is added.
        index.Scan();
        if (!IsFree(index, isCovered) || ServesAShard(log)) return false;
        NodeClock.FreeAll(files, index.Directory);
        // Oldest first, each durably gone before the next: a log with a hole in it would read as damaged.
        foreach (var start in index.FileStarts())
        {
            files.Delete(Path.Combine(index.Directory, LogLayout.FileName(start)));
            files.SyncDirectory(index.Directory);
        }

        foreach (var name in files.List(index.Directory))
        {
            if (name is not (LogLayout.ClockFile or LogLayout.LockFile)) files.Delete(Path.Combine(index.Directory, name));
        }

        // The clock last but for the lock: where it is missing, nothing is left that anyone would look for.
        files.Delete(Path.Combine(index.Directory, LogLayout.ClockFile));
        files.Delete(Path.Combine(index.Directory, LogLayout.LockFile));
        files.DeleteDirectory(index.Directory);
        return true;
    }

    private bool HasFile(LogIndex index, string name) => files.FileExists(Path.Combine(index.Directory, name));

    /// <summary>Damaged bytes may be events of any shard: such a log stays until someone has looked at it and asked for a repair.</summary>
    private bool IsFree(LogIndex index, Func<ShardId, SequenceNumber, bool> isCovered)
    {
        if (index.Damage.Count > 0 && !isDamageUnneeded()) return false;
        foreach (var (shard, last) in index.LastSequences(0, long.MaxValue))
        {
            if (!isCovered(shard, last)) return false;
        }

        return true;
    }

    /// <summary>Whether the newest epoch of a shard that served did so from this log: then its absence would mean loss.</summary>
    private bool ServesAShard(LogId log)
    {
        foreach (var name in files.List(LogLayout.ShardsDirectory(data)))
        {
            if (!int.TryParse(name, out var number)) continue;
            var shard = new ShardId(number);
            if (!isServedElsewhere(shard, log) && IsServedFrom(shard, log)) return true;
        }

        return false;
    }

    private bool IsServedFrom(ShardId shard, LogId log)
    {
        try
        {
            var epochs = claims.List(shard);
            for (var i = epochs.Count - 1; i >= 0; i--)
            {
                if (claims.ReadOpened(shard, epochs[i]) is not null) return claims.Read(shard, epochs[i]).Log == log;
            }

            return false;
        }
        catch (CorruptDataException)
        {
            // It cannot be told: the log stays.
            return true;
        }
    }
}
