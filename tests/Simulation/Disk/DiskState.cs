using System.Collections.Immutable;
using System.Numerics;

namespace EntityActors.Simulation.Tests.Disk;

/// <summary>A whole disk at one moment, with what is and what is not durable. Immutable, so that keeping it costs nothing.</summary>
internal sealed record DiskState(ImmutableDictionary<long, FileNode> Files, ImmutableDictionary<string, DirectoryNode> Directories,
    long LastFile, long LastNameChange)
{
    public const string Root = "/";

    public static readonly DiskState Empty = new(ImmutableDictionary<long, FileNode>.Empty,
        ImmutableDictionary.Create<string, DirectoryNode>(StringComparer.Ordinal).Add(Root, DirectoryNode.Empty), 0, 0);

    /// <summary>What a power cut leaves: of each unsynced write and name what the choice keeps, and nothing that has no name.</summary>
    public DiskState Cut(CrashChoice choice)
    {
        var files = ImmutableDictionary.CreateBuilder<long, FileNode>();
        var directories = ImmutableDictionary.CreateBuilder<string, DirectoryNode>(StringComparer.Ordinal);
        var numbers = Files.Keys.Order().ToArray();
        choice.ConsiderNames([.. Directories.Values.SelectMany(UnsyncedNames).Order()]);
        Visit(Root);
        return new DiskState(files.ToImmutable(), directories.ToImmutable(), LastFile, LastNameChange);

        void Visit(string path)
        {
            var directory = (Directories.GetValueOrDefault(path) ?? DirectoryNode.Empty).Cut(choice);
            directories[path] = directory;
            foreach (var (name, entry) in directory.Visible)
            {
                if (entry.IsDirectory) Visit(Path.Join(path, name));
                else if (!files.ContainsKey(entry.File)) files[entry.File] = Files[entry.File].Cut(choice, () => StaleSector(numbers, choice));
            }
        }
    }

    /// <summary>Equal for two states after a cut only when they hold the same names and bytes; means nothing in another process.</summary>
    public ulong Fingerprint()
    {
        var hash = 0UL;
        foreach (var (path, directory) in Directories.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            Add((ulong)path.GetHashCode(StringComparison.Ordinal));
            foreach (var (name, entry) in directory.Visible)
            {
                Add((ulong)name.GetHashCode(StringComparison.Ordinal));
                if (!entry.IsDirectory) Add((ulong)Files[entry.File].Visible.Version);
            }
        }

        return hash;

        void Add(ulong value) => hash = BitOperations.RotateLeft((hash ^ value) * 0x9E3779B97F4A7C15, 29);
    }

    private static IEnumerable<long> UnsyncedNames(DirectoryNode directory)
    {
        for (var change = directory.Unsynced; change is not null; change = change.Before) yield return change.Order;
    }

    private byte[] StaleSector(long[] numbers, CrashChoice choice)
    {
        var sector = new byte[FileContent.SectorBytes];
        var content = Files[numbers[choice.Next(numbers.Length)]].Durable;
        var count = (int)(content.Length / FileContent.SectorBytes);
        if (count > 0) _ = content.Read((long)choice.Next(count) * FileContent.SectorBytes, sector);
        return sector;
    }
}
