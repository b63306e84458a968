using Akka.Configuration;

namespace EntityActors.Actors.Retention;

/// <summary>How much the background worker does at once, for each policy.</summary>
public sealed record RetentionLimits
{
    private const string Path = "entityactors.retention";

    /// <summary>Rest between two passes.</summary>
    public TimeSpan Interval { get; init; }

    /// <summary>Pages of 500 entities that a pass looks at.</summary>
    public int PagesPerPass { get; init; }

    /// <summary>Entities from which a pass ends.</summary>
    public int EntitiesPerPass { get; init; }

    /// <summary>Least step of a horizon of trimmed histories; a longer one where that is 1/16 of the policy's age.</summary>
    public TimeSpan TrimStepMin { get; init; }

    /// <exception cref="ConfigurationException">A value is out of its range.</exception>
    public static RetentionLimits From(Config config)
    {
        var settings = config.GetConfig(Path);
        var limits = new RetentionLimits
        {
            Interval = settings.GetTimeSpan("interval"),
            PagesPerPass = settings.GetInt("pages-per-pass"),
            EntitiesPerPass = settings.GetInt("entities-per-pass"),
            TrimStepMin = settings.GetTimeSpan("trim-step-min"),
        };
        if (limits.Interval <= TimeSpan.Zero || limits.Interval > TimeSpan.FromDays(1))
            throw new ConfigurationException($"{Path}.interval is a time of at most a day");
        if (limits.TrimStepMin <= TimeSpan.Zero) throw new ConfigurationException($"{Path}.trim-step-min is positive");
        if (limits.PagesPerPass < 1) throw new ConfigurationException($"{Path}.pages-per-pass is positive");
        if (limits.EntitiesPerPass < 1) throw new ConfigurationException($"{Path}.entities-per-pass is positive");
        return limits;
    }
}
