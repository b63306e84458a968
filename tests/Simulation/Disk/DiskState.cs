using System.Collections.Immutable;
using System.IO.Hashing;
using System.Numerics;
using System.Runtime.InteropServices;

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

    /// <summary>Whether nothing would be lost in a power cut.</summary>
    public bool IsDurable => Directories.Values.All(directory => directory.Unsynced is null) && Files.Values.All(file => file.IsDurable);

    /// <summary>Hash of the names and bytes that programs see: equal for equal disks, however they came about.</summary>
    public ulong Digest()
    {
        var hash = 0UL;
        Visit(Root);
        return hash;

        void Visit(string path)
        {
            foreach (var (name, entry) in Directories[path].Visible)
            {
                Add(XxHash3.HashToUInt64(MemoryMarshal.AsBytes(name.AsSpan())));
                if (entry.IsDirectory) Visit(Path.Join(path, name));
                else Add(Files[entry.File].Visible.Digest);
            }

            Add(1);
        }

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
