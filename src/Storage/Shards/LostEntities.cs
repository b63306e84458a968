using EntityActors.Storage.Model;

namespace EntityActors.Storage.Shards;

/// <summary>
/// Entities with changes in the replayed log whose state before those cannot be read: what the changes made of them is not known.
/// </summary>
/// <remarks>
/// Every read that would have to see such a change is refused, so nobody gets the state before it for the one after it. A purge is to be seen by
/// every read, whatever moment it asks about. Filled during recovery by the writer's thread, only read afterwards.
/// </remarks>
internal sealed class LostEntities
{
    private readonly Dictionary<EntityKey, (Change First, CorruptDataException Damage)> _byKey = [];

    private readonly HashSet<EntityKey> _purged = [];

    // Recorded times of all changes that could not be applied, rising.
    private readonly List<(Timestamp RecordedAt, EntityKey Key)> _changes = [];

    public bool IsEmpty => _byKey.Count == 0;

    /// <summary>One sentence for the shard's state; null when nothing is lost.</summary>
    public string? Detail
    {
        get
        {
            foreach (var (key, (_, damage)) in _byKey)
            {
                return $"{_byKey.Count} entities with changes in the log cannot be read, {key} among them; "
                    + $"no checkpoint is written, so that the log keeps their changes: {damage.Message}";
            }

            return null;
        }
    }

    public bool Contains(EntityKey key) => _byKey.ContainsKey(key);

    public void Add(Change first, CorruptDataException damage)
    {
        _byKey.Add(first.Key, (first, damage));
        AddLater(first);
    }

    /// <summary>A further change of an entity that is lost already.</summary>
    public void AddLater(Change change)
    {
        _changes.Add((change.RecordedAt, change.Key));
        if (change.Lifecycle == Lifecycle.Purged) _purged.Add(change.Key);
    }

    /// <summary>Whether a purge is among what could not be applied: of such an entity nothing may be given.</summary>
    public bool IsPurged(EntityKey key) => _purged.Contains(key);

    /// <summary>Recorded time of the first change behind another time that could not be applied, and why; null when there is none.</summary>
    /// <param name="dataset">Null is every one.</param>
    public (Timestamp RecordedAt, CorruptDataException Damage)? FirstAfter(Timestamp after, string? dataset)
    {
        foreach (var (recordedAt, key) in _changes)
        {
            if (recordedAt > after && (dataset is null || key.Dataset == dataset)) return (recordedAt, Copy(_byKey[key].Damage));
        }

        return null;
    }

    /// <exception cref="CorruptDataException">The entity is lost, whenever asked about.</exception>
    public void ThrowIfLost(EntityKey key)
    {
        if (!IsEmpty && _byKey.TryGetValue(key, out var lost)) throw Copy(lost.Damage);
    }

    /// <exception cref="CorruptDataException">The entity is lost, and the read would see a change of it that could not be applied.</exception>
    public void ThrowIfSeen(EntityKey key, AsOf asOf)
    {
        if (!IsEmpty && _byKey.TryGetValue(key, out var lost) && IsSeen(key, lost.First, asOf)) throw Copy(lost.Damage);
    }

    /// <exception cref="CorruptDataException">Any entity of the dataset may belong to the answer or not, and nobody can tell.</exception>
    public void ThrowIfAnySeen(string dataset, AsOf asOf)
    {
        if (IsEmpty) return;
        foreach (var (key, (first, damage)) in _byKey)
        {
            if (key.Dataset == dataset && IsSeen(key, first, asOf)) throw Copy(damage);
        }
    }

    private bool IsSeen(EntityKey key, Change first, AsOf asOf) => asOf.Sees(first) || IsPurged(key);

    // Thrown on many threads, each with its own stack.
    private static CorruptDataException Copy(CorruptDataException damage) => new(damage.Path, damage.Offset, damage.Expected, damage.Found);
}
