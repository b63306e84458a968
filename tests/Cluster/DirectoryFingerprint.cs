using System.Security.Cryptography;

namespace EntityActors.Cluster.Tests;

/// <summary>Every file of a directory with its length and hash, so that a changed byte shows by name.</summary>
internal static class DirectoryFingerprint
{
    /// <param name="except">File names to leave out.</param>
    public static SortedDictionary<string, string> Of(string directory, params string[] except)
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories))
        {
            if (except.Contains(Path.GetFileName(path)) || path.EndsWith(".lock", StringComparison.Ordinal)) continue;
            using var content = File.Open(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            files[Path.GetRelativePath(directory, path)] = $"{content.Length} {Convert.ToHexString(SHA256.HashData(content))}";
        }

        return files;
    }

    /// <summary>Names of files that differ, came or went.</summary>
    public static List<string> Differences(SortedDictionary<string, string> before, SortedDictionary<string, string> after) =>
        [.. before.Keys.Union(after.Keys).Where(name => before.GetValueOrDefault(name) != after.GetValueOrDefault(name))];
}
