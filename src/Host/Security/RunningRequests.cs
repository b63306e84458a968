using System.Collections.Concurrent;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Security;

/// <summary>Requests that go on longer than a session is believed: they are broken off when their session ends or cannot be confirmed.</summary>
internal sealed class RunningRequests(SessionCache sessions, SecuritySettings settings, TimeProvider time) : BackgroundService
{
    private readonly ConcurrentDictionary<Running, bool> _running = new();

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

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(settings.SessionUnconfirmedMax / 8, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) Look();
        }
        catch (OperationCanceledException)
        {
            // The host stops, and ends the requests itself.
        }
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
