using System.Collections.Immutable;
using System.Runtime.ExceptionServices;
using EntityActors.Actors.Client;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Queries;

/// <summary>The shards that one query goes without, if it may go without any. Thread-safe.</summary>
internal sealed class MissingShards(bool isAllowed, ImmutableArray<ShardId> known)
{
    private readonly Lock _lock = new();
    private readonly SortedSet<ShardId> _shards = [.. known];
    private StoreException? _cause;

    public bool IsAllowed => isAllowed;

    /// <summary>For what needs every shard.</summary>
    public static MissingShards None => new(isAllowed: false, []);

    public bool Contains(ShardId shard)
    {
        lock (_lock) return _shards.Contains(shard);
    }

    /// <summary>Whether a shard that failed like this may be left out. The end of this node is not a shard's.</summary>
    public bool May(StoreException cause) =>
        isAllowed && cause is StoreBusyException or EntityCorruptedException or StoreUnavailableException { Shard: not null };

    public void Add(ShardId shard, StoreException cause)
    {
        lock (_lock)
        {
            _shards.Add(shard);
            _cause = cause;
        }
    }

    public ImmutableArray<ShardId> ToImmutable()
    {
        lock (_lock) return [.. _shards];
    }

    /// <summary>A result that holds nothing of any shard is none: the query fails like the last shard did.</summary>
    public void CheckAnyLeft(int shardCount)
    {
        lock (_lock)
        {
            if (_shards.Count == shardCount && _cause is not null) ExceptionDispatchInfo.Throw(_cause);
        }
    }
}
