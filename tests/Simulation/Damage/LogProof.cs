using EntityActors.Simulation.Tests.Disk;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Model;

namespace EntityActors.Simulation.Tests.Damage;

/// <summary>Where each event stands in the logs of an undamaged disk, and how much of a damaged one is still proven to have been synced.</summary>
/// <remarks>
/// Found without the store's own scan: every whole record at every place it may have. A record proves that all before its watermark was
/// synced, a clock that all before its position was. What nothing proves may be a torn tail, and only that may vanish without an error.
/// </remarks>
internal sealed class LogProof
{
    private const string Suffix = ".wal";

    private readonly Dictionary<string, List<LogRecord>> _records = new(StringComparer.Ordinal);

    public LogProof(DiskState disk)
    {
        foreach (var path in StoredFiles.Paths(disk))
        {
            if (IsLogFile(path)) _records[path] = Parse(disk, path);
        }
    }

    public static bool IsLogFile(string path) => path.EndsWith(Suffix, StringComparison.Ordinal);

    /// <summary>Whether an event may be missing after this damage: no record of it stood where the log is proven to have been synced.</summary>
    public bool MayVanish(DiskState damaged, string[] damagedPaths, ShardId shard, long sequence)
    {
        var isThere = false;
        foreach (var (path, records) in _records)
        {
            foreach (var record in records)
            {
                if (record.Header.Kind == RecordKind.Watermark || record.Header.Shard != shard.Value || record.Header.Sequence != sequence) continue;
                isThere = true;
                if (record.Header.Position < Proven(Path.GetDirectoryName(path)!, damaged, damagedPaths)) return false;
            }
        }

        return isThere;
    }

    /// <summary>Whether this byte of the undamaged disk belongs to a record that is proven to have been synced without itself.</summary>
    public bool IsProvenRecord(DiskState damaged, string path, long offset)
    {
        if (!_records.TryGetValue(path, out var records)) return false;
        var proven = Proven(Path.GetDirectoryName(path)!, damaged, [path]);
        // Without the padding, which says nothing.
        return records.Any(record => offset >= record.Offset && offset < record.Offset + RecordHeader.SizeBytes + record.Header.BodyBytes
            && record.Header.End <= proven);
    }

    private long Proven(string directory, DiskState damaged, string[] damagedPaths)
    {
        var proven = NodeClock.ReadSynced(new SimulatedFileSystem(damaged), directory);
        foreach (var (path, records) in _records)
        {
            if (Path.GetDirectoryName(path) != directory) continue;
            foreach (var record in damagedPaths.Contains(path) ? Parse(damaged, path) : records) proven = Math.Max(proven, record.Header.Watermark);
        }

        return proven;
    }

    private static List<LogRecord> Parse(DiskState disk, string path)
    {
        var records = new List<LogRecord>();
        if (!StoredFiles.Paths(disk).Contains(path)) return records;
        var bytes = StoredFiles.Bytes(disk, path);
        if (!LogLayout.TryParseFileName(Path.GetFileName(path), out var start)) return records;
        if (!LogId.TryParse(Path.GetFileName(Path.GetDirectoryName(path)!), out var log)) return records;
        for (var at = 0L; at + RecordHeader.SizeBytes <= bytes.Length;)
        {
            var source = bytes.AsSpan((int)at);
            if (RecordHeader.TryRead(source, log, start + at, out var header) && header.End - header.Position <= source.Length
                && RecordHeader.ComputeChecksum(source[..(RecordHeader.SizeBytes + header.BodyBytes)]) == header.Checksum)
            {
                records.Add(new LogRecord(at, header));
                at += header.End - header.Position;
            }
            else
            {
                at += LogLayout.RecordAlignment;
            }
        }

        return records;
    }

    private readonly record struct LogRecord(long Offset, RecordHeader Header);
}
