using System.Collections.Concurrent;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Security;

/// <summary>Requests that go on longer than a session is believed: they are broken off when their session ends or cannot be confirmed.</summary>
internal sealed class RunningRequests(SessionCache sessions, SecuritySettings settings, TimeProvider time) : BackgroundService
{
    private readonly ConcurrentDictionary<Running, bool> _running = new();

    // A timer that went on without requests would be a quarter of all that wakes an idle node.
    private readonly SemaphoreSlim _wake = new(0);
    private int _isAwake;

    /// <summary>Counts a request in until it is disposed.</summary>
    /// <param name="confirmedAt">Timestamp of the moment at which its session was good.</param>
    public IDisposable Add(HttpContext context, Principal principal, long confirmedAt) => new Running(this, context, principal, confirmedAt);

    /// <summary>Looks at all requests once.</summary>
    internal void Look()
    {
        foreach (var (request, _) in _running)
        {
            if (time.GetElapsedTime(request.ConfirmedAt) >= settings.SessionUnconfirmedMax) request.Abort();
            else if (time.GetElapsedTime(request.ConfirmedAt) >= settings.SessionCache && !request.IsAsked) _ = ConfirmAsync(request);
        }
    }

    public override void Dispose()
    {
        _wake.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                await _wake.WaitAsync(stoppingToken);
                do
                {
                    await Task.Delay(settings.SessionUnconfirmedMax / 8, time, stoppingToken);
                    Look();
                }
                while (!TrySleep());
            }
        }
        catch (OperationCanceledException)
        {
            // The host stops, and ends the requests itself.
        }
    }

    private void Wake()
    {
        if (Interlocked.Exchange(ref _isAwake, 1) == 0) _wake.Release();
    }

    /// <returns>Whether there is nothing to look at until <see cref="_wake"/> says so.</returns>
    private bool TrySleep()
    {
        if (!_running.IsEmpty) return false;
        Interlocked.Exchange(ref _isAwake, 0);
        // A request that came in between saw it awake and woke nobody.
        return _running.IsEmpty || Interlocked.Exchange(ref _isAwake, 1) == 1;
    }

    private async Task ConfirmAsync(Running request)
    {
        request.IsAsked = true;
        try
        {
            var (principal, askedAt) = await sessions.FindAsync(request.SessionId, CancellationToken.None);
            if (principal is null || !request.Allows(principal)) request.Abort();
            else request.ConfirmedAt = askedAt;
        }
        catch (Exception cause) when (cause is StoreException or TimeoutException)
        {
            // Not confirmed: asked again, until it is over.
        }
        finally
        {
            request.IsAsked = false;
        }
    }

    private sealed class Running : IDisposable
    {
        private readonly RunningRequests _owner;
        private readonly HttpContext _context;
        private readonly Principal _principal;
        private readonly Lock _gate = new();
        private bool _isOver;

        public Running(RunningRequests owner, HttpContext context, Principal principal, long confirmedAt)
        {
            (_owner, _context, _principal, ConfirmedAt) = (owner, context, principal, confirmedAt);
            owner._running.TryAdd(this, true);
            owner.Wake();
        }

        public string SessionId => _principal.SessionId!;

        /// <summary>A moment at which the session was still good.</summary>
        public long ConfirmedAt { get; set; }

        public bool IsAsked { get; set; }

        /// <summary>Whether who the session stands for may still do all that it could when the request began.</summary>
        public bool Allows(Principal now)
        {
            foreach (var permission in _principal.Permissions)
            {
                if (!now.Has(permission)) return false;
            }

            return true;
        }

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
            lock (_gate) _isOver = true;
            _owner._running.TryRemove(this, out _);
        }
    }
}
