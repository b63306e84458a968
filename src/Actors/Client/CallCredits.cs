namespace EntityActors.Actors.Client;

/// <summary>Calls, or feeds, that may be under way at once. Thread-safe.</summary>
/// <param name="what">What is counted, in the plural.</param>
internal sealed class CallCredits(int countMax, string what, ClientLimits limits)
{
    private readonly CancellationTokenSource _closing = new();
    private int _taken;
    private volatile bool _isClosed;

    public int TakenCount => Volatile.Read(ref _taken);

    /// <summary>The node is stopping: no call begins, and none that is under way is tried again.</summary>
    public bool IsClosed => _isClosed;

    /// <summary>Cancelled when the node stops.</summary>
    public CancellationToken Closing => _closing.Token;

    public void Close()
    {
        _isClosed = true;
        _closing.Cancel();
    }

    public StoreUnavailableException Stopping() => new(null, "the node is stopping", isStorageFull: false, limits.RetryDelayMax);

    /// <exception cref="StoreBusyException">All are taken.</exception>
    /// <exception cref="StoreUnavailableException">The node is stopping.</exception>
    public Lease Take()
    {
        if (_isClosed) throw Stopping();
        if (Interlocked.Increment(ref _taken) <= countMax) return new Lease(this);
        Interlocked.Decrement(ref _taken);
        throw new StoreBusyException($"{countMax} {what} are under way", limits.RetryDelayMin);
    }

    /// <summary>One place, given back by disposing it once.</summary>
    public readonly struct Lease(CallCredits credits) : IDisposable
    {
        public void Dispose() => Interlocked.Decrement(ref credits._taken);
    }
}
