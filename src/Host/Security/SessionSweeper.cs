using EntityActors.Storage.Model;

namespace EntityActors.Host.Security;

/// <summary>Deletes sessions that are over. Every node does it; a session that another one has deleted meanwhile is no matter.</summary>
internal sealed class SessionSweeper(AccountStore accounts, SecuritySettings settings, TimeProvider time, ILogger<SessionSweeper> log) : BackgroundService
{
    private const int PageLimit = 1_000;

    /// <summary>Looks at all sessions once.</summary>
    /// <returns>Number of sessions that were over.</returns>
    internal async Task<int> SweepAsync(CancellationToken cancellation)
    {
        var count = 0;
        string? cursor = null;
        do
        {
            var (sessions, next) = await accounts.SessionsAsync(PageLimit, cursor, cancellation);
            foreach (var (id, session) in sessions)
            {
                if (session.ExpiresAt > time.GetUtcNow()) continue;
                await accounts.DeleteSessionAsync(id, "", cancellation);
                count++;
            }

            cursor = next;
        }
        while (cursor is not null);
        return count;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(settings.SessionSweepInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) await TrySweepAsync(stoppingToken);
        }
        catch (OperationCanceledException)
        {
            // The host stops.
        }
    }

    private async Task TrySweepAsync(CancellationToken cancellation)
    {
        try
        {
            await SweepAsync(cancellation);
        }
        catch (StoreException failure)
        {
            log.LogWarning("sessions that are over stay until the next sweep: {Reason}", failure.Message);
        }
    }
}
