using System.Collections.Immutable;
using Akka.Configuration;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace EntityActors.Host.Http;

/// <summary><c>entityactors.http</c> of the settings, checked. The reasons stand in <c>hocon/http.hocon</c>.</summary>
internal sealed record HttpLimits
{
    private const string Path = "entityactors.http";
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
