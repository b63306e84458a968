using Xunit;

namespace EntityActors.Tidy.Tests;

/// <summary>The style guide as tests. Each failure lists files and lines.</summary>
public sealed class TidyTests
{
    private static readonly string[] ReadmeCommands = ["dotnet run -c Release --project src/Host", "dotnet test"];

    [Fact]
    public void Project_references_point_from_Host_to_Actors_to_Storage() =>
        AssertNone(SourceTree.Files("src", ".csproj").SelectMany(DependencyRules.ProjectFindings));

    [Fact]
    public void Usings_point_from_Host_to_Actors_to_Storage_and_down_its_folders() =>
        AssertNone(SourceTree.Files("src", ".cs").SelectMany(DependencyRules.UsingFindings));

    [Fact]
    public void Source_files_and_lines_keep_their_size() =>
        AssertNone(SourceTree.Files("src", ".cs").SelectMany(TextRules.LineSizeFindings)
            .Concat(SourceTree.Files("src", ".cs").Concat(SourceTree.Files("tests", ".cs")).SelectMany(TextRules.FileSizeFindings)));

    [Fact]
    public void Nothing_is_left_unwritten_or_skipped() =>
        AssertNone(SourceTree.Files("src", ".cs").Concat(SourceTree.Files("tests", ".cs"))
            .Where(source => source.Name != $"{nameof(TidyRuleTests)}.cs").SelectMany(TextRules.WordFindings));

    [Fact]
    public void Every_setting_has_its_reason_above_it() =>
        AssertNone(SourceTree.Files("hocon", ".hocon", ".conf").SelectMany(TextRules.HoconFindings));

    [Fact]
    public void Documents_name_only_tests_that_exist()
    {
        var tests = TextRules.TestsIn(SourceTree.Files("tests", ".cs"));
        Assert.Contains($"{nameof(TidyTests)}.{nameof(Documents_name_only_tests_that_exist)}", tests);
        AssertNone(SourceTree.Files("docs", ".md").SelectMany(document => TextRules.TestReferenceFindings(document, tests)));
    }

    [Fact]
    public void Source_code_in_documents_is_copied_from_files_that_are_compiled() =>
        AssertNone(SourceTree.Files("docs", ".md").SelectMany(document => TextRules.SnippetFindings(document, SourceTree.Read)));

    [Fact]
    public void The_readme_tells_both_commands()
    {
        var readme = File.ReadAllText(Path.Combine(SourceTree.Root, "README.md"));
        AssertNone(ReadmeCommands.Where(command => !readme.Contains(command, StringComparison.Ordinal)).Select(command => $"README.md: no {command}"));
    }

    [Fact]
    public void The_script_of_continuous_integration_runs_the_command_of_the_readme()
    {
        var script = File.ReadAllText(Path.Combine(SourceTree.Root, ".ci", "run"));
        Assert.Matches(@"(?m)^\s*(\w+=\S+ )*dotnet test( |$)", script);
    }

    private static void AssertNone(IEnumerable<string> findings)
    {
        var list = findings.ToList();
        Assert.True(list.Count == 0, $"{list.Count} findings\n{string.Join('\n', list)}");
    }
}
