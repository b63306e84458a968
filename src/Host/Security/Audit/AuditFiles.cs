using System.Globalization;
using EntityActors.Storage.Io;

namespace EntityActors.Host.Security.Audit;

/// <summary>The files of one node's audit log: each is named by the sequence number of its first entry.</summary>
internal sealed class AuditFiles(IFileSystem files, string dataDirectory, string node)
{
    private const string Suffix = ".audit";

    public string Node { get; } = node;

    public string Directory { get; } = Path.Combine(RootOf(dataDirectory), node);

    public static IReadOnlyList<string> Nodes(IFileSystem files, string dataDirectory) => files.List(RootOf(dataDirectory));

    public string PathOf(long first) => Path.Combine(Directory, first.ToString("d16", CultureInfo.InvariantCulture) + Suffix);

    /// <summary>Sequence numbers of the first entries, in order.</summary>
    public List<long> Starts()
    {
        var starts = new List<long>();
        foreach (var name in files.List(Directory))
        {
            var isOurs = name.EndsWith(Suffix, StringComparison.Ordinal)
                && long.TryParse(name[..^Suffix.Length], NumberStyles.None, CultureInfo.InvariantCulture, out _);
            if (isOurs) starts.Add(long.Parse(name[..^Suffix.Length], CultureInfo.InvariantCulture));
        }

        starts.Sort();
        return starts;
    }

    public byte[] Read(long start)
    {
        using var file = files.OpenRead(PathOf(start));
        var bytes = new byte[file.Length];
        var count = file.Read(0, bytes);
        return count == bytes.Length ? bytes : bytes[..count];
    }

    /// <summary>Complete lines without their ends; a last one that was never finished is left out.</summary>
    public static IEnumerable<ReadOnlyMemory<byte>> Lines(ReadOnlyMemory<byte> bytes)
    {
        for (var at = 0; ;)
        {
            var length = bytes.Span[at..].IndexOf((byte)'\n');
            if (length < 0) yield break;
            yield return bytes.Slice(at, length);
            at += length + 1;
        }
    }

    private static string RootOf(string dataDirectory) => Path.Combine(Path.GetFullPath(dataDirectory), "audit");
}
