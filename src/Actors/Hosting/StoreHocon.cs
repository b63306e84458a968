using Akka.Configuration;

namespace EntityActors.Actors.Hosting;

/// <summary>Settings of the actor system: the files of <c>hocon/</c>, built into this assembly, under what the caller gives.</summary>
public static class StoreHocon
{
    private const string ResourcePrefix = "hocon/";
    private const string Member = "entityactors.cluster.member";

    /// <summary>The built-in settings: every changed default with its reason stands in the files they were made from.</summary>
    public static Config BuiltIn()
    {
        var assembly = typeof(StoreHocon).Assembly;
        var config = Config.Empty;
        foreach (var name in assembly.GetManifestResourceNames().Order(StringComparer.Ordinal))
        {
            if (!name.StartsWith(ResourcePrefix, StringComparison.Ordinal)) continue;
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            config = config.WithFallback(ConfigurationFactory.ParseString(reader.ReadToEnd()));
        }

        return config;
    }

    /// <exception cref="IOException">A file cannot be read.</exception>
    public static Config For(EntityActorsOptions options) => For(options.HoconFiles, options.HoconTexts, options.Cluster is not null);

    /// <param name="isMember">Whether the system is one of several in its cluster.</param>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static Config For(IEnumerable<string> files, IEnumerable<string> texts, bool isMember)
    {
        var config = BuiltIn();
        if (isMember) config = config.GetConfig(Member).WithFallback(config);
        foreach (var file in files) config = Over(File.ReadAllText(file), config);
        foreach (var text in texts) config = Over(text, config);
        return config;
    }

    private static Config Over(string text, Config below) =>
        string.IsNullOrWhiteSpace(text) ? below : ConfigurationFactory.ParseString(text).WithFallback(below);
}
