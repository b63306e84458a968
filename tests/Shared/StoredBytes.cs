using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Tests.Shared;

/// <summary>Looks for bytes in all files of a directory, those of a running store included.</summary>
public static class StoredBytes
{
    /// <summary>Names of the files that hold any of these texts or bytes.</summary>
    public static IReadOnlyList<string> FilesHolding(string directory, IReadOnlyCollection<byte[]> secrets) =>
        FilesHolding(PosixFileSystem.Instance, Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories), secrets);

    public static IReadOnlyList<string> FilesHolding(IFileSystem files, IEnumerable<string> paths, IReadOnlyCollection<byte[]> secrets)
    {
        var found = new List<string>();
        foreach (var path in paths)
        {
            if (Read(files, path) is { } bytes && secrets.Any(secret => bytes.AsSpan().IndexOf(secret) >= 0)) found.Add(path);
        }

        return found;
    }

    /// <returns>Null when the file has gone since it was listed.</returns>
    private static byte[]? Read(IFileSystem files, string path)
    {
        try
        {
            // Not through System.IO.File, which asks for a lock of its own and may not read what another process holds.
            using var file = files.OpenRead(path);
            var bytes = new byte[file.Length];
            return bytes[..file.Read(0, bytes)];
        }
        catch (StoreIoException failure) when (failure.IsMissing)
        {
            return null;
        }
    }
}
