using System.Globalization;

namespace EntityActors.Tests.Shared;

/// <summary>Seed of a random test: EA_SEED when it is set, else drawn anew. Always part of the failure message.</summary>
public static class SeedSource
{
    public const string Variable = "EA_SEED";
    public const string RunsVariable = "EA_RUNS";

    public static long Next() => Given() ?? Random.Shared.NextInt64();

    /// <summary>For a short budget of a search that a command of its own runs long, over many seeds.</summary>
    public static long Or(long otherwise) => Given() ?? otherwise;

    private static long? Given()
    {
        var text = Environment.GetEnvironmentVariable(Variable);
        return long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var seed) ? seed : null;
    }

    /// <summary>How many runs a random test makes: EA_RUNS when it is set, else the few that every test run affords.</summary>
    public static int Runs(int few)
    {
        var text = Environment.GetEnvironmentVariable(RunsVariable);
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var runs) ? runs : few;
    }

    /// <summary>A generator for one purpose (a client, a cycle), independent of how much others draw.</summary>
    public static Random For(long seed, int stream)
    {
        var mixed = ((ulong)seed + ((ulong)(uint)stream * 0x9E3779B97F4A7C15)) * 0xBF58476D1CE4E5B9;
        return new Random((int)(mixed >> 33) ^ (int)mixed);
    }
}
