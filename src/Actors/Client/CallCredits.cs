namespace EntityActors.Actors.Client;

/// <summary>Calls that may be under way at once. Thread-safe.</summary>
internal sealed class CallCredits(ClientLimits limits)
{
    private int _taken;
    private volatile bool _isClosed;

    public int TakenCount => Volatile.Read(ref _taken);

    /// <summary>The node is stopping: no call begins, and none that is under way is tried again.</summary>
    public bool IsClosed => _isClosed;

    public void Close() => _isClosed = true;

    /// <exception cref="StoreBusyException">All are taken.</exception>
    /// <exception cref="StoreUnavailableException">The node is stopping.</exception>
    public Lease Take()
    {
        if (_isClosed) throw new StoreUnavailableException(null, "the node is stopping", isStorageFull: false, limits.RetryDelayMax);
        if (Interlocked.Increment(ref _taken) <= limits.CallCountMax) return new Lease(this);
        Interlocked.Decrement(ref _taken);
        throw new StoreBusyException($"{limits.CallCountMax} calls are under way", limits.RetryDelayMin);
    }

    /// <summary>One call's place, given back by disposing it once.</summary>
    public readonly struct Lease(CallCredits credits) : IDisposable
    {
        public void Dispose() => Interlocked.Decrement(ref credits._taken);
    }
}
