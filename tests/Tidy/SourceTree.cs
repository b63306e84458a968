namespace EntityActors.Tidy.Tests;

/// <summary>One text file of the repository, with its path relative to the root and forward slashes.</summary>
internal sealed record SourceFile(string Path, string Text)
{
    public string[] Lines => Text.Split('\n');

    public string Name => Path[(Path.LastIndexOf('/') + 1)..];
}

/// <summary>The repository as the tests see it, found from the test assembly upwards.</summary>
internal static class SourceTree
{
    private static readonly string[] Skipped = ["bin", "obj", "TestResults", ".git"];

    public static string Root { get; } = FindRoot();

    /// <summary>Files below a folder with one of the endings, in path order.</summary>
    public static List<SourceFile> Files(string folder, params string[] endings)
    {
        var start = Path.Combine(Root, folder);
        return !Directory.Exists(start) ? [] :
        [
            .. Directory.EnumerateFiles(start, "*", SearchOption.AllDirectories)
                .Where(path => endings.Any(ending => path.EndsWith(ending, StringComparison.Ordinal)))
                .Select(path => (Full: path, Relative: Path.GetRelativePath(Root, path).Replace('\\', '/')))
                .Where(file => !file.Relative.Split('/').Any(part => Skipped.Contains(part)))
                .OrderBy(file => file.Relative, StringComparer.Ordinal)
                .Select(file => new SourceFile(file.Relative, File.ReadAllText(file.Full))),
        ];
    }

    /// <summary>Text of one file; null when there is none.</summary>
    public static string? Read(string path)
    {
        var full = Path.Combine(Root, path);
        return File.Exists(full) ? File.ReadAllText(full) : null;
    }

    private static string FindRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "EntityActors.sln"))) return directory.FullName;
        }

        throw new DirectoryNotFoundException($"no EntityActors.sln above {AppContext.BaseDirectory}");
    }
}
