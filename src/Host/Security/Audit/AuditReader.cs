using EntityActors.Storage.Io;

namespace EntityActors.Host.Security.Audit;

/// <summary>Reads and checks audit logs of a data directory, of running nodes too.</summary>
internal sealed class AuditReader(IFileSystem files, string dataDirectory)
{
    public IReadOnlyList<string> Nodes() => AuditFiles.Nodes(files, dataDirectory);

    /// <summary>Entries behind a sequence number, oldest first.</summary>
    /// <param name="node">One of <see cref="Nodes"/>.</param>
    public List<AuditEntry> Read(string node, long after, int limit)
    {
        var log = new AuditFiles(files, dataDirectory, node);
        var entries = new List<AuditEntry>();
        var starts = log.Starts();
        for (var i = 0; i < starts.Count && entries.Count < limit; i++)
        {
            if (i + 1 < starts.Count && starts[i + 1] <= after + 1) continue;
            foreach (var line in AuditFiles.Lines(log.Read(starts[i])))
            {
                if (entries.Count == limit) break;
                if (AuditLine.TryRead(line.Span, out var entry, out _) && entry.Sequence > after) entries.Add(entry);
            }
        }

        return entries;
    }

    /// <summary>Checks the chain of one node.</summary>
    /// <returns>Number of entries, and a sentence for each fault. What was cut off at either end of a log cannot be seen.</returns>
    public (long Count, List<string> Findings) Verify(string node)
    {
        var log = new AuditFiles(files, dataDirectory, node);
        var findings = new List<string>();
        var (count, expected, previous) = (0L, 0L, "");
        foreach (var start in log.Starts())
        {
            var name = Path.GetFileName(log.PathOf(start));
            if (expected != 0 && expected != start) findings.Add($"{name}: the file before it ends at entry {expected - 1}");
            expected = start;
            var isFirst = previous.Length == 0;
            foreach (var line in AuditFiles.Lines(log.Read(start)))
            {
                if (!AuditLine.TryRead(line.Span, out var entry, out var hash)) findings.Add($"{name}: entry {expected} was changed");
                else if (entry.Sequence != expected) findings.Add($"{name}: entry {entry.Sequence} stands where {expected} belongs");
                else if (!isFirst && entry.Previous != previous) findings.Add($"{name}: entry {expected} does not follow the one before it");
                previous = hash;
                isFirst = false;
                count++;
                expected++;
            }
        }

        return (count, findings);
    }
}
