using EntityActors.Storage.Model;

namespace EntityActors.Actors.Shards;

/// <summary>Commands that wait for their entity to be read from disk: one read per entity, a bounded number of commands in all.</summary>
internal sealed class LoadQueue<T>(int countMax)
{
    private readonly Dictionary<EntityKey, List<T>> _byKey = [];

    public int Count { get; private set; }

    public bool IsLoading(EntityKey key) => _byKey.ContainsKey(key);

    /// <param name="startLoad">True when this is the first command for the entity: its read has to be started.</param>
    /// <returns>False when the bound is reached; the command does not wait then.</returns>
    public bool TryAdd(EntityKey key, T command, out bool startLoad)
    {
        startLoad = false;
        if (Count >= countMax) return false;
        if (!_byKey.TryGetValue(key, out var waiting))
        {
            _byKey.Add(key, waiting = []);
            startLoad = true;
        }

        waiting.Add(command);
        Count++;
        return true;
    }

    /// <summary>The commands that waited for this entity, oldest first.</summary>
    public IReadOnlyList<T> Take(EntityKey key)
    {
        if (!_byKey.Remove(key, out var waiting)) return [];
        Count -= waiting.Count;
        return waiting;
    }

    public IReadOnlyList<T> TakeAll()
    {
        var all = new List<T>(Count);
        foreach (var waiting in _byKey.Values) all.AddRange(waiting);
        _byKey.Clear();
        Count = 0;
        return all;
    }
}
