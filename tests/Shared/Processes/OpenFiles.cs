namespace EntityActors.Tests.Shared.Processes;

/// <summary>What this process holds open.</summary>
public static class OpenFiles
{
    /// <summary>Paths of open files below a directory, deleted ones included.</summary>
    public static IReadOnlyList<string> Below(string directory)
    {
        var paths = new List<string>();
        foreach (var descriptor in Directory.GetFiles("/proc/self/fd"))
        {
            var target = new FileInfo(descriptor).LinkTarget;
            if (target?.StartsWith(directory, StringComparison.Ordinal) == true) paths.Add(target);
        }

        return paths;
    }
}
