using System.Globalization;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>Names and sizes of a commit log's files; layouts in docs/FORMAT.md, "Commit log, claims, clock".</summary>
internal static class LogLayout
{
    /// <summary>The largest sector we support. Groups start and end at multiples of it, so that no synced sector is written again.</summary>
    public const int SectorBytes = 4096;

    public const int RecordAlignment = 8;

    /// <summary>No log grows to this position; one that is read from a file and lies above is damage, and sums of two never overflow.</summary>
    public const long PositionMax = 1L << 60;

    public const string LockFile = "lock";
    public const string ClockFile = "clock";
    public const string SpareFile = "spare";
    private const string FileSuffix = ".wal";

    public static long AlignUp(long value, int alignment) => (value + alignment - 1) / alignment * alignment;

    public static long RecordBytes(long bodyBytes) => AlignUp(RecordHeader.SizeBytes + bodyBytes, RecordAlignment);

    public static long GroupBytes(long recordBytes) => AlignUp(recordBytes, SectorBytes);

    public static string NodesDirectory(string dataDirectory) => Path.Combine(dataDirectory, "nodes");

    public static string LogDirectory(string dataDirectory, string node, LogId log) =>
        Path.Combine(NodesDirectory(dataDirectory), node, log.ToString());

    public static string ShardsDirectory(string dataDirectory) => Path.Combine(dataDirectory, "shards");

    public static string EpochDirectory(string dataDirectory, ShardId shard) =>
        Path.Combine(ShardsDirectory(dataDirectory), shard.ToString(), "epoch");

    /// <summary>A file is named by the position of its first byte, which makes its identity checkable record by record.</summary>
    public static string FileName(long start) => start.ToString("x16", CultureInfo.InvariantCulture) + FileSuffix;

    public static bool TryParseFileName(string name, out long start)
    {
        start = 0;
        return name.Length == 16 + FileSuffix.Length && name.EndsWith(FileSuffix, StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(0, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out start)
            && start is >= 0 and <= PositionMax && FileName(start) == name;
    }
}
