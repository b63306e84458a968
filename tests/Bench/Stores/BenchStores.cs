namespace EntityActors.Bench.Stores;

/// <summary>How each measured store is opened in an empty directory.</summary>
internal static class BenchStores
{
    /// <summary>Most writers that a peer commits together.</summary>
    public const int GroupMax = 1_024;

    public const string BareLogName = "bare log";

    private static readonly Dictionary<string, Func<string, Task<IBenchStore>>> Openers = Make();

    /// <summary>Every store of this build, ours first.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Openers.Keys];

    /// <summary>Stores that can be read, too.</summary>
    public static IReadOnlyList<string> Readable { get; } = [.. Openers.Keys.Where(name => name != BareLogName)];

    public static Task<IBenchStore> OpenAsync(string name, string directory)
    {
        Directory.CreateDirectory(directory);
        return Openers[name](directory);
    }

    private static Dictionary<string, Func<string, Task<IBenchStore>>> Make()
    {
        var openers = new Dictionary<string, Func<string, Task<IBenchStore>>>(StringComparer.OrdinalIgnoreCase);
        openers[EntityActorsStore.StoreName] = EntityActorsStore.OpenAsync;
        openers["RocksDB"] = directory => Task.FromResult<IBenchStore>(new RocksStore(directory, GroupMax));
        openers["SQLite"] = directory => Task.FromResult<IBenchStore>(new SqliteStore(directory, GroupMax));
        openers[BareLogName] = directory => Task.FromResult<IBenchStore>(new BareLog(directory, GroupMax));
        return openers;
    }
}
