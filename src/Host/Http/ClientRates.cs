using System.Threading.RateLimiting;
using EntityActors.Host.Security;
using Microsoft.Extensions.Caching.Memory;

namespace EntityActors.Host.Http;

/// <summary>How often each client may ask, and how often it may try a password. Thread-safe.</summary>
/// <remarks>
/// Buckets are filled when they are asked, where the limiter of ASP.NET Core fills them by a timer for each policy, ten times a second: half of
/// all timers of an idle node.
/// </remarks>
internal sealed class ClientRates(HttpLimits limits) : IMiddleware, IDisposable
{
    private readonly Buckets _requests = new(limits.RequestsPerSecond, limits.RequestsBurst);
    private readonly Buckets _logins = new(limits.LoginsPerSecond, limits.LoginsBurst);

    /// <exception cref="ApiProblem">429: it asked too often, and the problem says when to come again.</exception>
    public Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var client = ClientAddress.ClientOf(context);
        _requests.Take(client);
        if (context.GetEndpoint()?.Metadata.GetMetadata<LoginRate>() is not null) _logins.Take(client);
        return next(context);
    }

    public void Dispose()
    {
        _requests.Dispose();
        _logins.Dispose();
    }

    private sealed class Buckets(int perSecond, int burst) : IDisposable
    {
        private const int StepsPerSecond = 10;

        // Small steps rather than one large one: who is over the limit waits a tenth of a second for the next request, not a whole one.
        private readonly int _steps = perSecond >= StepsPerSecond ? StepsPerSecond : 1;

        // A bucket that nobody asked for is forgotten once it is full again.
        private readonly TimeSpan _fullAfter = TimeSpan.FromSeconds(1 + ((double)burst / perSecond));
        private readonly MemoryCache _ofClients = new(new MemoryCacheOptions());

        public void Take(string client)
        {
            var bucket = _ofClients.GetOrCreate(client, entry =>
            {
                entry.SlidingExpiration = _fullAfter;
                return new TokenBucketRateLimiter(new TokenBucketRateLimiterOptions
                {
                    AutoReplenishment = false, QueueLimit = 0, TokenLimit = burst,
                    ReplenishmentPeriod = TimeSpan.FromSeconds(1) / _steps, TokensPerPeriod = perSecond / _steps,
                });
            })!;
            _ = bucket.TryReplenish();
            using var lease = bucket.AttemptAcquire();
            if (lease.IsAcquired) return;
            throw new ApiProblem(429, "busy", "too many requests of this client", isRetryable: true)
            {
                RetryAfter = lease.TryGetMetadata(MetadataName.RetryAfter, out var delay) ? delay : TimeSpan.FromSeconds(1),
            };
        }

        public void Dispose() => _ofClients.Dispose();
    }
}

/// <summary>Marks routes that take a password.</summary>
internal sealed record LoginRate
{
    public static LoginRate Instance { get; } = new();
}
