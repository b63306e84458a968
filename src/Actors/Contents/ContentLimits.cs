using Akka.Configuration;

namespace EntityActors.Actors.Contents;

/// <summary>Bounds of contents that are streamed. The values are in <c>hocon/contents.hocon</c>.</summary>
public sealed record ContentLimits
{
    private const string Path = "entityactors.contents";

    /// <summary>Bytes of content up to which it stands in its change; larger content stands in a blob.</summary>
    public int InlineBytesMax { get; init; } = 1024 * 1024;

    /// <summary>Uploads under way at once in this node; one more is answered "busy".</summary>
    public int UploadCountMax { get; init; } = 32;

    /// <summary>Blobs being read at once in this node; one more is answered "busy".</summary>
    public int DownloadCountMax { get; init; } = 128;

    /// <summary>How long an upload waits for its next bytes.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often the node looks for blobs that no change names.</summary>
    public TimeSpan SweepInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a blob is known to the shard's owner before it looks whether a change names it.</summary>
    public TimeSpan UnnamedAge { get; init; } = TimeSpan.FromHours(1);

    /// <exception cref="ConfigurationException">A value is out of its range.</exception>
    public static ContentLimits From(Config config)
    {
        var settings = config.GetConfig(Path);
        var limits = new ContentLimits
        {
            InlineBytesMax = (int)Math.Min(settings.GetByteSize("inline-bytes-max") ?? -1, int.MaxValue),
            UploadCountMax = settings.GetInt("upload-count-max"),
            DownloadCountMax = settings.GetInt("download-count-max"),
            StallTimeout = settings.GetTimeSpan("stall-timeout"),
            SweepInterval = settings.GetTimeSpan("sweep-interval"),
            UnnamedAge = settings.GetTimeSpan("unnamed-age"),
        };
        if (limits.InlineBytesMax < 0) throw new ConfigurationException($"{Path}.inline-bytes-max is a size");
        if (limits.UploadCountMax < 1) throw new ConfigurationException($"{Path}.upload-count-max is at least 1");
        if (limits.DownloadCountMax < 1) throw new ConfigurationException($"{Path}.download-count-max is at least 1");
        if (limits.StallTimeout <= TimeSpan.Zero) throw new ConfigurationException($"{Path}.stall-timeout is a time");
        if (limits.SweepInterval <= TimeSpan.Zero) throw new ConfigurationException($"{Path}.sweep-interval is a time");
        if (limits.UnnamedAge < TimeSpan.Zero) throw new ConfigurationException($"{Path}.unnamed-age is a time");
        return limits;
    }
}
