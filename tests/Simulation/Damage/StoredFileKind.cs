namespace EntityActors.Simulation.Tests.Damage;

/// <summary>What a file of a store is.</summary>
internal enum StoredFileKind
{
    Descriptor = 1,
    Segment = 2,
    Header = 3,
    Claim = 4,
    Log = 5,
    Clock = 6,

    /// <summary>Locks, spare log files, temporary files: nothing in them is ever read.</summary>
    Other = 7,
}

internal static class StoredFileKinds
{
    public static StoredFileKind Of(string path)
    {
        var name = Path.GetFileName(path);
        if (name.EndsWith(".tmp", StringComparison.Ordinal)) return StoredFileKind.Other;
        if (name == "store.json") return StoredFileKind.Descriptor;
        if (name == "clock") return StoredFileKind.Clock;
        if (name.EndsWith(".seg", StringComparison.Ordinal)) return StoredFileKind.Segment;
        if (name.StartsWith("header.", StringComparison.Ordinal)) return StoredFileKind.Header;
        if (LogProof.IsLogFile(path)) return StoredFileKind.Log;
        return Path.GetFileName(Path.GetDirectoryName(path)) == "epoch" ? StoredFileKind.Claim : StoredFileKind.Other;
    }
}
