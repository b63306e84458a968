using System.Collections.Concurrent;
using EntityActors.Host.Http;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Security;

/// <summary>Requests that go on longer than a session is believed: they are broken off when their session ends or cannot be confirmed.</summary>
internal sealed class RunningRequests(SessionCache sessions, SecuritySettings settings, TimeProvider time) : BackgroundService
{
    private readonly ConcurrentDictionary<RunningRequest, bool> _running = new();

    // A timer that went on without requests would be a quarter of all that wakes an idle node.
    private readonly SemaphoreSlim _wake = new(0);
    private int _isAwake;

    private static ApiProblem Ended => new(401, "unauthenticated", "the session ended, or allows less, while the request was under way");

    private static ApiProblem Unconfirmed => new(503, "unavailable", "it could not be told any longer whether the session is valid", isRetryable: true)
    {
        RetryAfter = TimeSpan.FromSeconds(1),
    };

    /// <summary>Counts a request in until it is disposed.</summary>
    /// <param name="confirmedAt">Timestamp of the moment at which its session was good.</param>
    public RunningRequest Add(HttpContext context, Principal principal, long confirmedAt)
    {
        var request = new RunningRequest(context, principal, confirmedAt, over => _running.TryRemove(over, out _));
        _running.TryAdd(request, true);
        Wake();
        return request;
    }

    /// <summary>Looks at all requests once.</summary>
    internal void Look()
    {
        foreach (var (request, _) in _running)
        {
            if (request.Broken is not null) CutIfLate(request);
            else if (time.GetElapsedTime(request.ConfirmedAt) >= settings.SessionUnconfirmedMax) request.Break(Unconfirmed, time.GetTimestamp());
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

    /// <summary>A route that goes on after it was broken off does not wait for what it was told to end by.</summary>
    private void CutIfLate(RunningRequest request)
    {
        if (time.GetElapsedTime(request.BrokenAt) >= settings.SessionUnconfirmedMax / 2) request.Abort();
    }

    private async Task ConfirmAsync(RunningRequest request)
    {
        request.IsAsked = true;
        try
        {
            var (principal, askedAt) = await sessions.FindAsync(request.SessionId, CancellationToken.None);
            if (principal is null || !request.Allows(principal)) request.Break(Ended, time.GetTimestamp());
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
}
