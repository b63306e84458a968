using System.Globalization;

namespace EntityActors.Chaos.Nodes;

/// <summary>Wall clocks by libfaketime: each node's process reads its offset from a file of its own. Monotonic clocks stay true.</summary>
internal sealed class FakeClocks : IClockSteps
{
    private static readonly string[] Places =
    [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib64/faketime/libfaketimeMT.so.1", "/usr/local/lib/faketime/libfaketimeMT.so.1",
    ];

    private readonly string _directory;

    public FakeClocks(string directory, int nodeCount)
    {
        _directory = directory;
        for (var node = 0; node < nodeCount; node++) Set(node, TimeSpan.Zero);
    }

    private static string? Library => Places.FirstOrDefault(File.Exists);

    public static string? Unavailable => Library is null ? "libfaketime is not installed" : null;

    public IReadOnlyDictionary<string, string> EnvironmentOf(int node) => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["LD_PRELOAD"] = Library!, ["FAKETIME_TIMESTAMP_FILE"] = FileOf(node), ["FAKETIME_CACHE_DURATION"] = "1",
        ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1", ["FAKETIME_DONT_RESET"] = "1", ["DONT_FAKE_MONOTONIC"] = "1",
    };

    public void Set(int node, TimeSpan offset)
    {
        // Renamed into place, so that no reader meets half of it.
        var path = FileOf(node);
        File.WriteAllText(path + ".new", offset.TotalSeconds.ToString("+0.000;-0.000;+0.000", CultureInfo.InvariantCulture) + "\n");
        File.Move(path + ".new", path, overwrite: true);
    }

    private string FileOf(int node) => Path.Combine(_directory, string.Create(CultureInfo.InvariantCulture, $"clock{node}"));
}
