namespace EntityActors.Simulation.Tests.Damage;

/// <summary>What a file of a store is.</summary>
internal enum FileKind
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

internal static class FileKinds
{
    public static FileKind Of(string path)
    {
        var name = Path.GetFileName(path);
        if (name.EndsWith(".tmp", StringComparison.Ordinal)) return FileKind.Other;
        if (name == "store.json") return FileKind.Descriptor;
        if (name == "clock") return FileKind.Clock;
        if (name.EndsWith(".seg", StringComparison.Ordinal)) return FileKind.Segment;
        if (name.StartsWith("header.", StringComparison.Ordinal)) return FileKind.Header;
        if (LogProof.IsLogFile(path)) return FileKind.Log;
        return Path.GetFileName(Path.GetDirectoryName(path)) == "epoch" ? FileKind.Claim : FileKind.Other;
    }
}
