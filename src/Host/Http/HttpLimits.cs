using System.Collections.Immutable;
using System.Threading.RateLimiting;
using Akka.Configuration;
using EntityActors.Host.Security;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace EntityActors.Host.Http;

/// <summary><c>entityactors.http</c> of the settings, checked. The reasons stand in <c>hocon/http.hocon</c>.</summary>
internal sealed record HttpLimits
{
    /// <summary>Policy of the route that takes passwords.</summary>
    public const string LoginPolicy = "logins";

    private const string Path = "entityactors.http";
    private const int StepsPerSecond = 10;
    private static readonly TimeSpan BodyGrace = TimeSpan.FromSeconds(5);

    public required bool AllowsPlainTextOffLoopback { get; init; }

    public required ImmutableArray<string> CorsOrigins { get; init; }

    public required int ConnectionsMax { get; init; }

    public required TimeSpan HeadersTimeout { get; init; }

    public required TimeSpan KeepAliveTimeout { get; init; }

    public required long BodyBytesPerSecondMin { get; init; }

    public required int RequestsPerSecond { get; init; }

    public required int RequestsBurst { get; init; }

    public required int LoginsPerSecond { get; init; }

    public required int LoginsBurst { get; init; }

    /// <exception cref="ConfigurationException">A value is out of its range.</exception>
    public static HttpLimits From(Config config)
    {
        var settings = config.GetConfig(Path);
        return new HttpLimits
        {
            AllowsPlainTextOffLoopback = settings.GetBoolean("plain-text-off-loopback"),
            CorsOrigins = [.. settings.GetStringList("cors-origins").Select(Origin)],
            ConnectionsMax = Number(settings, "connections-max"),
            HeadersTimeout = Time(settings, "headers-timeout"),
            KeepAliveTimeout = Time(settings, "keep-alive-timeout"),
            BodyBytesPerSecondMin = settings.GetByteSize("body-bytes-per-second-min") is > 0 and { } bytes
                ? bytes
                : throw new ConfigurationException($"{Path}.body-bytes-per-second-min is a size"),
            RequestsPerSecond = Number(settings, "requests-per-second"),
            RequestsBurst = Number(settings, "requests-burst"),
            LoginsPerSecond = Number(settings, "logins-per-second"),
            LoginsBurst = Number(settings, "logins-burst"),
        };
    }

    public void Apply(KestrelServerLimits limits)
    {
        limits.MaxConcurrentConnections = ConnectionsMax;
        limits.RequestHeadersTimeout = HeadersTimeout;
        limits.KeepAliveTimeout = KeepAliveTimeout;
        limits.MinRequestBodyDataRate = new MinDataRate(BodyBytesPerSecondMin, BodyGrace);
    }

    public void Apply(RateLimiterOptions limiter)
    {
        limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(
            context => Bucket(ClientAddress.ClientOf(context), RequestsPerSecond, RequestsBurst));
        limiter.AddPolicy(LoginPolicy, context => Bucket(ClientAddress.ClientOf(context), LoginsPerSecond, LoginsBurst));
        limiter.OnRejected = (context, _) => throw new ApiProblem(429, "busy", "too many requests of this client", isRetryable: true)
        {
            RetryAfter = context.Lease.TryGetMetadata(MetadataName.RetryAfter, out var delay) ? delay : TimeSpan.FromSeconds(1),
        };
    }

    private static RateLimitPartition<string> Bucket(string client, int perSecond, int burst)
    {
        // Small steps rather than one large one: who is over the limit waits a tenth of a second for the next request, not a whole one.
        var steps = perSecond >= StepsPerSecond ? StepsPerSecond : 1;
        return RateLimitPartition.GetTokenBucketLimiter(client, _ => new TokenBucketRateLimiterOptions
        {
            ReplenishmentPeriod = TimeSpan.FromSeconds(1) / steps, TokensPerPeriod = perSecond / steps, TokenLimit = burst, QueueLimit = 0,
        });
    }

    private static string Origin(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var origin) && origin.Scheme is "http" or "https" && text == origin.GetLeftPart(UriPartial.Authority)
            ? text
            : throw new ConfigurationException($"{Path}.cors-origins holds origins like https://app.example.org, not '{text}'");

    private static TimeSpan Time(Config settings, string key)
    {
        var time = settings.GetTimeSpan(key, allowInfinite: false);
        return time > TimeSpan.Zero ? time : throw new ConfigurationException($"{Path}.{key} is a time like 15s");
    }

    private static int Number(Config settings, string key)
    {
        var number = settings.GetInt(key);
        return number > 0 ? number : throw new ConfigurationException($"{Path}.{key} is a number above 0");
    }
}
