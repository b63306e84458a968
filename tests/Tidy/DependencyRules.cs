using System.Text.RegularExpressions;

namespace EntityActors.Tidy.Tests;

/// <summary>Which way the arrows point: Host → Actors → Storage, and inside Storage from right to left.</summary>
internal static partial class DependencyRules
{
    private static readonly string[] Products = ["Storage", "Actors", "Host"];

    /// <summary>Folders of one level may not use each other; a folder may use those of lower levels.</summary>
    private static readonly Dictionary<string, int> StorageLevels = new(StringComparer.Ordinal)
    {
        ["Model"] = 0, ["Format"] = 1, ["Io"] = 2, ["Blobs"] = 3, ["CommitLog"] = 3, ["Segments"] = 3, ["Indexes"] = 3, ["Shards"] = 4, ["Integrity"] = 5,
    };

    /// <summary>Segments hold tag postings, so these two know each other; everything else on one level stays apart.</summary>
    private static readonly HashSet<(string, string)> Neighbours = [("Segments", "Indexes"), ("Indexes", "Segments")];

    /// <summary>What Storage must do without.</summary>
    private static readonly string[] ForeignToStorage = ["Akka", "Microsoft.AspNetCore", "Microsoft.Extensions.Logging"];

    [GeneratedRegex("""ProjectReference Include="(?<path>[^"]+)""", RegexOptions.CultureInvariant)]
    private static partial Regex ProjectReference { get; }

    [GeneratedRegex(@"^(global )?using (static )?(\w+ = )?(?<name>[A-Za-z0-9_.]+);", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex Using { get; }

    public static IEnumerable<string> ProjectFindings(SourceFile project)
    {
        var own = ProductOf(project.Path);
        foreach (Match match in ProjectReference.Matches(project.Text))
        {
            var target = match.Groups["path"].Value;
            var product = Products.FirstOrDefault(name => target.Contains($"/{name}/", StringComparison.Ordinal));
            var isReversed = own is not null && (product is null || Array.IndexOf(Products, product) >= Array.IndexOf(Products, own));
            if (isReversed) yield return $"{project.Path}: references {target}";
        }
    }

    public static IEnumerable<string> UsingFindings(SourceFile source)
    {
        var own = ProductOf(source.Path);
        if (own is null) yield break;
        foreach (Match match in Using.Matches(source.Text))
        {
            var name = match.Groups["name"].Value;
            if (own == "Storage" && ForeignToStorage.Any(foreign => name == foreign || name.StartsWith(foreign + ".", StringComparison.Ordinal)))
                yield return $"{source.Path}: uses {name}";
            var parts = name.Split('.');
            if (parts.Length < 2 || parts[0] != "EntityActors" || !Products.Contains(parts[1])) continue;
            if (Array.IndexOf(Products, parts[1]) > Array.IndexOf(Products, own)) yield return $"{source.Path}: uses {name}";
            if (own == "Storage" && parts.Length > 2 && !StorageMayUse(FolderOf(source.Path), parts[2])) yield return $"{source.Path}: uses {name}";
        }
    }

    private static bool StorageMayUse(string folder, string used)
    {
        if (folder == used || Neighbours.Contains((folder, used))) return true;
        return StorageLevels.TryGetValue(used, out var level) && StorageLevels.GetValueOrDefault(folder, int.MaxValue) > level;
    }

    private static string? ProductOf(string path) =>
        Products.FirstOrDefault(name => path.StartsWith($"src/{name}/", StringComparison.Ordinal));

    private static string FolderOf(string path) => path.Split('/')[2];
}
