namespace EntityActors.Actors.Shards;

/// <summary>Counts the unanswered requests of one incarnation of a shard, so that its mailbox has a bound. Thread-safe.</summary>
public sealed class AdmissionCounter(int countMax)
{
    private int _count;

    public int Count => Volatile.Read(ref _count);

    /// <returns>False when the bound is reached; the request is not counted then.</returns>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _count) <= countMax) return true;
        Interlocked.Decrement(ref _count);
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref _count);
}
