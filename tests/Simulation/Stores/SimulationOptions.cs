namespace EntityActors.Simulation.Tests.Stores;

/// <summary>What all simulated stores have in common.</summary>
internal static class SimulationOptions
{
    public const string DataDirectory = "/data";

    public const int ShardCount = 3;

    public static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
}
