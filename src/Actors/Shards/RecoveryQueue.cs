namespace EntityActors.Actors.Shards;

/// <summary>Requests that wait for a shard to recover: a bounded number, each for a bounded time.</summary>
/// <param name="now">Monotonic time.</param>
internal sealed class RecoveryQueue<T>(int countMax, TimeSpan waitMax, Func<TimeSpan> now)
{
    private readonly Queue<(T Item, TimeSpan Since)> _waiting = new();

    public int Count => _waiting.Count;

    public bool TryAdd(T item)
    {
        if (_waiting.Count >= countMax) return false;
        _waiting.Enqueue((item, now()));
        return true;
    }

    /// <summary>The oldest item if it has waited too long.</summary>
    public bool TryTakeExpired(out T item)
    {
        if (_waiting.TryPeek(out var oldest) && now() - oldest.Since >= waitMax) return TryTake(out item);
        item = default!;
        return false;
    }

    public bool TryTake(out T item)
    {
        var found = _waiting.TryDequeue(out var oldest);
        item = oldest.Item;
        return found;
    }
}
