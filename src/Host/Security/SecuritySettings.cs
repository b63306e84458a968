using Akka.Configuration;

namespace EntityActors.Host.Security;

/// <summary><c>entityactors.security</c> of the settings, checked. The reasons stand in <c>hocon/security.hocon</c>.</summary>
internal sealed record SecuritySettings
{
    private const string Path = "entityactors.security";

    /// <summary>False: every request may do everything.</summary>
    public required bool IsEnabled { get; init; }

    /// <summary>How long a session that was found valid is believed, from the moment at which the question was asked.</summary>
    public required TimeSpan SessionCache { get; init; }

    /// <summary>How long a running request may go on without its session being confirmed.</summary>
    public required TimeSpan SessionUnconfirmedMax { get; init; }

    public required TimeSpan SessionReadTimeout { get; init; }

    public required int SessionCacheSize { get; init; }

    public required TimeSpan SessionTtl { get; init; }

    public required TimeSpan SessionLifetimeMax { get; init; }

    public required TimeSpan SessionSweepInterval { get; init; }

    public required int PasswordIterations { get; init; }

    public required int PasswordCharsMin { get; init; }

    public required int PasswordConcurrency { get; init; }

    public required int PasswordQueue { get; init; }

    public required int LockoutFailures { get; init; }

    public required TimeSpan LockoutTime { get; init; }

    public required int LockoutNames { get; init; }

    public required int AuditFileBytes { get; init; }

    public required int AuditFiles { get; init; }

    public required int AuditDenialsPerSecond { get; init; }

    /// <exception cref="ConfigurationException">A value is out of its range.</exception>
    public static SecuritySettings From(Config config)
    {
        var settings = config.GetConfig(Path);
        var concurrency = Number(settings, "password-concurrency", 0, 1024);
        return new SecuritySettings
        {
            IsEnabled = settings.GetBoolean("authentication"),
            SessionCache = Time(settings, "session-cache"),
            SessionUnconfirmedMax = Time(settings, "session-unconfirmed-max"),
            SessionReadTimeout = Time(settings, "session-read-timeout"),
            SessionCacheSize = Number(settings, "session-cache-size", 1, 10_000_000),
            SessionTtl = Time(settings, "session-ttl"),
            SessionLifetimeMax = Time(settings, "session-lifetime-max"),
            SessionSweepInterval = Time(settings, "session-sweep-interval"),
            PasswordIterations = Number(settings, "password-iterations", 1_000, 100_000_000),
            PasswordCharsMin = Number(settings, "password-chars-min", 1, PasswordWork.PasswordCharsMax),
            PasswordConcurrency = concurrency > 0 ? concurrency : Math.Max(1, Environment.ProcessorCount / 2),
            PasswordQueue = Number(settings, "password-queue", 0, 1_000_000),
            LockoutFailures = Number(settings, "lockout-failures", 1, 1_000_000),
            LockoutTime = Time(settings, "lockout-time"),
            LockoutNames = Number(settings, "lockout-names", 1, 10_000_000),
            AuditFileBytes = (int)(settings.GetByteSize("audit-file-bytes") is >= 64 * 1024 and <= int.MaxValue and { } bytes
                ? bytes : throw new ConfigurationException($"{Path}.audit-file-bytes is a size of at least 64KiB")),
            AuditFiles = Number(settings, "audit-files", 2, 1_000_000),
            AuditDenialsPerSecond = Number(settings, "audit-denials-per-second", 1, 1_000_000),
        };
    }

    private static TimeSpan Time(Config settings, string key)
    {
        var time = settings.GetTimeSpan(key, allowInfinite: false);
        return time > TimeSpan.Zero ? time : throw new ConfigurationException($"{Path}.{key} is a time like 500ms");
    }

    private static int Number(Config settings, string key, int min, int max)
    {
        var number = settings.GetInt(key);
        return number >= min && number <= max ? number : throw new ConfigurationException($"{Path}.{key} is {min} to {max}");
    }
}
