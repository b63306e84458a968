namespace EntityActors.Tests.Shared.Processes;

/// <summary>Settings under which checkpoints, merges and log recycling run all the time, so that kills hit them.</summary>
public static class TinyThresholds
{
    public const int ShardCount = 8;

    private const string Hocon = """
        entityactors.checkpoint.bytes = 48KiB
        entityactors.segments.merge-fan-in = 3
        entityactors.log.file-bytes = 1MiB
        """;

    public static string WriteTo(string directory)
    {
        var path = Path.Combine(directory, "tiny.hocon");
        File.WriteAllText(path, Hocon);
        return path;
    }
}
