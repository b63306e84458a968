namespace EntityActors.Actors.Client;

/// <summary>Tells callers that what they sent may have been lost on its way to a node that is gone. Thread-safe.</summary>
public sealed class RouteChanges
{
    private CancellationTokenSource _next = new();

    /// <summary>Cancelled at the next change.</summary>
    internal CancellationToken Next => Volatile.Read(ref _next).Token;

    /// <summary>Calls under way are sent again, each with its command id.</summary>
    public void Raise()
    {
        // Not disposed: a caller may just have read it. It holds nothing but memory.
        Interlocked.Exchange(ref _next, new CancellationTokenSource()).Cancel();
    }
}
