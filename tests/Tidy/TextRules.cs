using System.Text.RegularExpressions;

namespace EntityActors.Tidy.Tests;

/// <summary>Sizes and words of source files, settings and documents.</summary>
internal static partial class TextRules
{
    public const int LineCharsMax = 160;
    public const int FileLinesMax = 500;

    // Written in two parts, so that this file does not find itself.
    private const string NotImplemented = "NotImplemented" + "Exception";
    private const string SkippedTest = "Skip" + " = ";

    [GeneratedRegex(@"\bTODO\b(?!\s*\(?#\d+)", RegexOptions.CultureInvariant)]
    private static partial Regex TodoWithoutIssue { get; }

    [GeneratedRegex(@"`(?<class>[A-Z]\w*Tests)\.(?<test>[A-Z]\w*_\w+)`", RegexOptions.CultureInvariant)]
    private static partial Regex TestReference { get; }

    [GeneratedRegex(@"^\s*(?<key>[A-Za-z0-9_.""-]+)\s*(=|:|\+=|\{)\s*(?<value>.*)$", RegexOptions.CultureInvariant)]
    private static partial Regex HoconKey { get; }

    [GeneratedRegex("(<!-- source: (?<path>\\S+) -->\n)?```csharp\n(?<text>.*?)```", RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex Snippet { get; }

    [GeneratedRegex(@"\bclass (?<name>\w+)", RegexOptions.CultureInvariant)]
    private static partial Regex ClassName { get; }

    [GeneratedRegex(@"\bpublic (async )?(Task|void|ValueTask) (?<name>\w+)\s*\(", RegexOptions.CultureInvariant)]
    private static partial Regex TestMethod { get; }

    public static IEnumerable<string> FileSizeFindings(SourceFile source)
    {
        var count = source.Lines.Length - 1;
        if (count > FileLinesMax) yield return $"{source.Path}: {count} lines";
    }

    public static IEnumerable<string> LineSizeFindings(SourceFile source)
    {
        var lines = source.Lines;
        for (var i = 0; i < lines.Length; i++)
        {
            if (lines[i].Length > LineCharsMax) yield return $"{source.Path}:{i + 1}: {lines[i].Length} characters";
        }
    }

    public static IEnumerable<string> WordFindings(SourceFile source)
    {
        var lines = source.Lines;
        for (var i = 0; i < lines.Length; i++)
        {
            if (lines[i].Contains(NotImplemented, StringComparison.Ordinal)) yield return $"{source.Path}:{i + 1}: {NotImplemented}";
            if (TodoWithoutIssue.IsMatch(lines[i])) yield return $"{source.Path}:{i + 1}: TO" + "DO without an issue number";
            if (lines[i].Contains(SkippedTest, StringComparison.Ordinal)) yield return $"{source.Path}:{i + 1}: a skipped test";
        }
    }

    /// <summary>Each key that sets a value has a comment directly above it, above the keys set together with it, or above its block.</summary>
    public static IEnumerable<string> HoconFindings(SourceFile settings)
    {
        var lines = settings.Lines;
        var isExplained = false;
        var blocks = new Stack<bool>();
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i].Trim();
            if (line.Length == 0)
            {
                isExplained = false;
            }
            else if (line.StartsWith('#') || line.StartsWith("//", StringComparison.Ordinal))
            {
                isExplained = true;
            }
            else if (line.StartsWith('}'))
            {
                if (blocks.Count > 0) blocks.Pop();
            }
            else if (line.EndsWith('{'))
            {
                // Only a comment at the innermost block explains its keys; an outer one is about the whole.
                blocks.Push(isExplained);
                isExplained = false;
            }
            else if (HoconKey.Match(line) is { Success: true } match && !isExplained && !blocks.Any(block => block))
            {
                yield return $"{settings.Path}:{i + 1}: {match.Groups["key"].Value} has no reason above it";
            }
        }
    }

    /// <summary>Every <c>Class.Test_name</c> in a document must be a test there is.</summary>
    public static IEnumerable<string> TestReferenceFindings(SourceFile document, IReadOnlySet<string> tests) =>
        TestReference.Matches(document.Text)
            .Select(match => $"{match.Groups["class"].Value}.{match.Groups["test"].Value}")
            .Where(name => !tests.Contains(name))
            .Select(name => $"{document.Path}: there is no test {name}");

    /// <summary>C# in a document is copied from a file that is compiled, which a comment above it names; indentation does not count.</summary>
    /// <param name="read">Text of a file of the repository; null when there is none.</param>
    public static IEnumerable<string> SnippetFindings(SourceFile document, Func<string, string?> read)
    {
        foreach (Match snippet in Snippet.Matches(document.Text))
        {
            var path = snippet.Groups["path"].Value;
            if (path.Length == 0) yield return $"{document.Path}: C# without the file that it is copied from";
            else if (read(path) is not { } source) yield return $"{document.Path}: there is no {path}";
            else if (!Unindented(source).Contains(Unindented(snippet.Groups["text"].Value), StringComparison.Ordinal))
                yield return $"{document.Path}: {path} does not hold the C# that is said to be copied from it";
        }
    }

    private static string Unindented(string text) => string.Join('\n', text.Split('\n').Select(line => line.Trim()));

    /// <summary>Public methods of test classes, as <c>Class.Method</c>.</summary>
    public static HashSet<string> TestsIn(IEnumerable<SourceFile> sources)
    {
        var tests = new HashSet<string>(StringComparer.Ordinal);
        foreach (var source in sources)
        {
            var classes = ClassName.Matches(source.Text).Select(match => (match.Index, Name: match.Groups["name"].Value)).ToList();
            foreach (Match method in TestMethod.Matches(source.Text))
            {
                var owner = classes.LastOrDefault(candidate => candidate.Index < method.Index).Name;
                if (owner is not null) tests.Add($"{owner}.{method.Groups["name"].Value}");
            }
        }

        return tests;
    }
}
