using EntityActors.Host.Http;

namespace EntityActors.Host.Security;

/// <summary>A request that was let in, until it is over. Thread-safe.</summary>
internal sealed class RunningRequest : IDisposable
{
    private readonly HttpContext _context;
    private readonly Principal _principal;
    private readonly Action<RunningRequest> _over;
    private readonly CancellationToken _client;
    private readonly CancellationTokenSource _end;
    private readonly Lock _gate = new();
    private ApiProblem? _broken;
    private bool _isOver;

    /// <param name="confirmedAt">Timestamp of the moment at which its session was good.</param>
    /// <param name="over">Called once it is over.</param>
    public RunningRequest(HttpContext context, Principal principal, long confirmedAt, Action<RunningRequest> over)
    {
        (_context, _principal, ConfirmedAt, _over) = (context, principal, confirmedAt, over);
        _client = context.RequestAborted;
        _end = CancellationTokenSource.CreateLinkedTokenSource(_client);
        // What a route waits for ends with the session as it ends with the client.
        context.RequestAborted = _end.Token;
        context.Features.Set(this);
    }

    public string SessionId => _principal.SessionId!;

    /// <summary>A moment at which the session was still good.</summary>
    public long ConfirmedAt { get; set; }

    public bool IsAsked { get; set; }

    /// <summary>What is answered to a request that was broken off before an answer began; null while it goes on.</summary>
    public ApiProblem? Broken => Volatile.Read(ref _broken);

    public long BrokenAt { get; private set; }

    /// <summary>Whether who the session stands for may still do all that it could when the request began.</summary>
    public bool Allows(Principal now)
    {
        foreach (var permission in _principal.Permissions)
        {
            if (!now.Has(permission)) return false;
        }

        return true;
    }

    /// <summary>Has the route end, and the request answered with a problem.</summary>
    /// <param name="reason">For a request that only reads. What another one did until now is not known.</param>
    /// <param name="now">Timestamp.</param>
    public void Break(ApiProblem reason, long now)
    {
        lock (_gate)
        {
            if (_isOver || Broken is not null) return;
            // The time first: who sees that it is broken looks at when.
            BrokenAt = now;
            Volatile.Write(ref _broken, RequestReader.Reads.Contains(_context.Request.Method) ? reason : Unknown(reason));
            // Not here: what waits for it would go on in this thread.
            _ = _end.CancelAsync();
        }
    }

    /// <summary>Cuts the connection.</summary>
    public void Abort()
    {
        // The context belongs to another request once this one is over.
        lock (_gate)
        {
            if (!_isOver) _context.Abort();
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_isOver) return;
            _isOver = true;
        }

        _over(this);
        // When it was broken off its token is still asked for.
        if (Broken is not null) return;
        _context.RequestAborted = _client;
        _end.Dispose();
    }

    private static ApiProblem Unknown(ApiProblem reason) =>
        new(504, "outcome_unknown", $"{reason.Message}: whether it took effect is not known", isRetryable: true) { RetryAfter = TimeSpan.FromSeconds(1) };
}
