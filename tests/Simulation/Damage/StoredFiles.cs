using EntityActors.Simulation.Tests.Disk;

namespace EntityActors.Simulation.Tests.Damage;

/// <summary>Files of a simulated disk by path.</summary>
internal static class StoredFiles
{
    /// <summary>Every file below the root, in the order of their paths.</summary>
    public static List<string> Paths(DiskState disk)
    {
        var paths = new List<string>();
        Visit(DiskState.Root);
        paths.Sort(StringComparer.Ordinal);
        return paths;

        void Visit(string directory)
        {
            foreach (var (name, entry) in disk.Directories[directory].Visible)
            {
                if (entry.IsDirectory) Visit(Path.Join(directory, name));
                else paths.Add(Path.Join(directory, name));
            }
        }
    }

    public static FileContent Content(DiskState disk, string path) => disk.Files[Number(disk, path)].Visible;

    public static byte[] Bytes(DiskState disk, string path)
    {
        var content = Content(disk, path);
        var bytes = new byte[content.Length];
        _ = content.Read(0, bytes);
        return bytes;
    }

    public static DiskState With(DiskState disk, string path, FileContent content) =>
        disk with { Files = disk.Files.SetItem(Number(disk, path), new FileNode(content, content, null)) };

    public static DiskState Without(DiskState disk, string path)
    {
        var directory = Path.GetDirectoryName(path)!;
        var names = disk.Directories[directory].Visible.Remove(Path.GetFileName(path));
        return disk with { Directories = disk.Directories.SetItem(directory, new DirectoryNode(names, names, null)) };
    }

    private static long Number(DiskState disk, string path) =>
        disk.Directories[Path.GetDirectoryName(path)!].Visible[Path.GetFileName(path)].File;
}
