using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Shards;

/// <summary>Hands a store that a worker opened to the shard's supervisor. One that nobody takes any more is closed. Thread-safe.</summary>
/// <remarks>Not by message: one that is queued behind the end of its receiver is lost, and the store's files would stay open.</remarks>
internal sealed class StoreHandOver
{
    private readonly Lock _lock = new();
    private ShardStore? _given;
    private bool _isClosed;

    /// <summary>By the worker.</summary>
    public void Give(ShardStore store)
    {
        lock (_lock)
        {
            if (!_isClosed)
            {
                _given = store;
                return;
            }
        }

        store.Dispose();
    }

    /// <summary>By the supervisor, once for each store given; it has to see that the store is closed.</summary>
    public ShardStore Take()
    {
        lock (_lock)
        {
            var taken = _given;
            _given = null;
            return taken!;
        }
    }

    /// <summary>The supervisor ends: whatever was or will be given is closed.</summary>
    public void Close()
    {
        lock (_lock) _isClosed = true;
        Take()?.Dispose();
    }
}
