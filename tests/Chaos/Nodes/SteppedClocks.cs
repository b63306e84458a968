using System.Globalization;

namespace EntityActors.Chaos.Nodes;

/// <summary>
/// Wall clocks of nodes: each process is started with <see cref="StartupHook"/>, which gives the store a clock that is off by what stands in a file
/// of the node. Elapsed time stays true, as it does when a machine's clock is set.
/// </summary>
internal sealed class SteppedClocks : IClockSteps
{
    private readonly string _directory;

    public SteppedClocks(string directory, int nodeCount)
    {
        _directory = directory;
        for (var node = 0; node < nodeCount; node++) Set(node, TimeSpan.Zero);
    }

    public IReadOnlyDictionary<string, string> EnvironmentOf(int node) => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["DOTNET_STARTUP_HOOKS"] = typeof(StartupHook).Assembly.Location, [StartupHook.FileVariable] = FileOf(node),
    };

    public void Set(int node, TimeSpan offset)
    {
        // Renamed into place, so that no reader meets half of it.
        var path = FileOf(node);
        File.WriteAllText(path + ".new", offset.Ticks.ToString(CultureInfo.InvariantCulture));
        File.Move(path + ".new", path, overwrite: true);
    }

    private string FileOf(int node) => Path.Combine(_directory, string.Create(CultureInfo.InvariantCulture, $"clock{node}"));
}
