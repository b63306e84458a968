using Akka.Configuration;

namespace EntityActors.Actors.Scrubbing;

/// <summary>How much of disk and processor the scrubber may take.</summary>
public sealed record ScrubberLimits
{
    private const string Path = "entityactors.scrubber";

    public bool IsEnabled { get; init; } = true;

    /// <summary>Bytes read in a second, on average over a few steps.</summary>
    public long BytesPerSecond { get; init; } = 1024 * 1024;

    /// <summary>Largest share of one core: after a step the scrubber rests so long that what it took is no more.</summary>
    public double CoreShareMax { get; init; } = 0.02;

    /// <summary>Bytes from which a step ends.</summary>
    public int StepBytes { get; init; } = 64 * 1024;

    /// <summary>Rest before the first pass, and from the end of one to the next.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromMinutes(10);

    /// <exception cref="ConfigurationException">A value is out of its range.</exception>
    public static ScrubberLimits From(Config config)
    {
        var settings = config.GetConfig(Path);
        var limits = new ScrubberLimits
        {
            IsEnabled = settings.GetBoolean("enabled"),
            BytesPerSecond = settings.GetByteSize("bytes-per-second") ?? 0,
            CoreShareMax = settings.GetDouble("core-share"),
            Interval = settings.GetTimeSpan("interval"),
        };
        if (limits.BytesPerSecond < 1024) throw new ConfigurationException($"{Path}.bytes-per-second is a size of at least 1KiB");
        if (limits.CoreShareMax is not (> 0 and <= 1)) throw new ConfigurationException($"{Path}.core-share is more than 0 and at most 1");
        if (limits.Interval <= TimeSpan.Zero) throw new ConfigurationException($"{Path}.interval is a time");
        return limits;
    }

    /// <summary>Rest after a step that moved so many bytes and took so long.</summary>
    public TimeSpan RestAfter(long bytes, TimeSpan taken)
    {
        var forBytes = TimeSpan.FromSeconds((double)bytes / BytesPerSecond) - taken;
        var forCore = taken * ((1 / CoreShareMax) - 1);
        return forBytes > forCore ? forBytes : forCore;
    }
}
