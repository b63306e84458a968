using EntityActors.Storage.Model;

namespace EntityActors.Storage.Shards;

/// <summary>Finds log files that still hold what was purged, and lets go of them once headers cover them. Thread-safe.</summary>
/// <remarks>
/// A shard's header says up to which event there are purges. A process may hold events of a shard that another one owns and purges in now, so it
/// reads the headers of such shards, too, now and then.
/// </remarks>
public sealed class PurgedLogs(NodeStore store)
{
    /// <summary>Looks after which the headers of shards that others own are read again.</summary>
    private const int LooksPerReading = 30;

    private readonly Lock _gate = new();
    private readonly Dictionary<ShardId, SequenceNumber> _elsewhere = [];
    private int _looks;

    /// <summary>One look at all logs that this process knows. Blocks on disk.</summary>
    /// <returns>A shard that has to be checkpointed before more can go; null when there is none.</returns>
    /// <exception cref="StoreIoException">The disk refused.</exception>
    public ShardId? EraseLogs()
    {
        lock (_gate)
        {
            if (_looks++ % LooksPerReading == 0) _elsewhere.Clear();
            return store.Log.Erase(PurgedThrough);
        }
    }

    private SequenceNumber PurgedThrough(ShardId shard)
    {
        // Also when the shard has another owner by now: what was purged stays so.
        if (store.Served(shard)?.Header?.Erasure.PurgedThrough is { Value: > 0 } known) return known;
        if (!_elsewhere.TryGetValue(shard, out var through))
        {
            through = !store.Log.Owns(shard) && store.Headers.List(shard) is [var newest, ..] ? newest.Erasure.PurgedThrough : default;
            _elsewhere.Add(shard, through);
        }

        return through;
    }
}
