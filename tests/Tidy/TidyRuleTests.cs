using Xunit;

namespace EntityActors.Tidy.Tests;

/// <summary>Each rule against a text that breaks it and one that does not.</summary>
public sealed class TidyRuleTests
{
    [Theory]
    [InlineData("src/Storage/Model/A.cs", "using EntityActors.Storage.Format;", true)]
    [InlineData("src/Storage/Format/A.cs", "using EntityActors.Storage.Model;", false)]
    [InlineData("src/Storage/Io/A.cs", "using EntityActors.Actors.Client;", true)]
    [InlineData("src/Storage/Io/A.cs", "using Akka.Actor;", true)]
    [InlineData("src/Storage/CommitLog/A.cs", "using EntityActors.Storage.Segments;", true)]
    [InlineData("src/Storage/Segments/A.cs", "using EntityActors.Storage.Indexes;", false)]
    [InlineData("src/Storage/Shards/A.cs", "using EntityActors.Storage.CommitLog;", false)]
    [InlineData("src/Storage/Shards/A.cs", "using EntityActors.Storage.Integrity;", true)]
    [InlineData("src/Actors/Client/A.cs", "using EntityActors.Host.Http;", true)]
    [InlineData("src/Actors/Client/A.cs", "using EntityActors.Storage.Shards;", false)]
    [InlineData("src/Host/Http/A.cs", "using EntityActors.Actors.Client;", false)]
    public void A_using_against_the_arrow_is_found(string path, string text, bool isFound) =>
        Assert.Equal(isFound, DependencyRules.UsingFindings(new SourceFile(path, text)).Any());

    [Theory]
    [InlineData("src/Storage/S.csproj", "../Actors/A.csproj", true)]
    [InlineData("src/Actors/A.csproj", "../Storage/S.csproj", false)]
    [InlineData("src/Actors/A.csproj", "../../tests/Shared/T.csproj", true)]
    [InlineData("src/Host/H.csproj", "../Actors/A.csproj", false)]
    public void A_project_reference_against_the_arrow_is_found(string path, string target, bool isFound) =>
        Assert.Equal(isFound, DependencyRules.ProjectFindings(new SourceFile(path, $"""<ProjectReference Include="{target}" />""")).Any());

    [Fact]
    public void Long_lines_and_files_are_found()
    {
        Assert.Single(TextRules.LineSizeFindings(new SourceFile("a.cs", new string('x', TextRules.LineCharsMax + 1))));
        Assert.Single(TextRules.FileSizeFindings(new SourceFile("a.cs", new string('\n', TextRules.FileLinesMax + 1))));
        Assert.Empty(TextRules.FileSizeFindings(new SourceFile("a.cs", new string('\n', TextRules.FileLinesMax))));
    }

    [Theory]
    [InlineData("throw new NotImplementedException();", true)]
    [InlineData("// TODO later", true)]
    [InlineData("// TODO #12: later", false)]
    [InlineData("// TODO(#12) later", false)]
    [InlineData("[Fact(Skip = \"flaky\")]", true)]
    [InlineData("Skip.If(reason is not null, reason);", false)]
    public void Unfinished_work_is_found(string line, bool isFound) =>
        Assert.Equal(isFound, TextRules.WordFindings(new SourceFile("a.cs", line)).Any());

    [Theory]
    [InlineData("a = 1", true)]
    [InlineData("# why\na = 1", false)]
    [InlineData("# why\na = 1\nb = 2", false)]
    [InlineData("# why\na = 1\n\nb = 2", true)]
    [InlineData("# why\nx {\n  a = 1\n}", false)]
    [InlineData("x {\n  # why\n  a = 1\n\n  b = 2\n}", true)]
    public void A_setting_without_a_reason_is_found(string text, bool isFound) =>
        Assert.Equal(isFound, TextRules.HoconFindings(new SourceFile("a.hocon", text)).Any());

    [Fact]
    public void A_document_that_names_a_missing_test_is_found()
    {
        var tests = TextRules.TestsIn([new SourceFile("a.cs", "public sealed class LogTests { [Fact] public void A_torn_tail_is_cut() { } }")]);
        Assert.Empty(TextRules.TestReferenceFindings(new SourceFile("g.md", "see `LogTests.A_torn_tail_is_cut`"), tests));
        Assert.Single(TextRules.TestReferenceFindings(new SourceFile("g.md", "see `LogTests.A_torn_tail_is_kept`"), tests));
    }

    [Theory]
    [InlineData("```csharp\na();\n```", true)]
    [InlineData("<!-- source: a.cs -->\n```csharp\na();\nb();\n```", false)]
    [InlineData("<!-- source: a.cs -->\n```csharp\na();\nc();\n```", true)]
    [InlineData("<!-- source: b.cs -->\n```csharp\na();\n```", true)]
    [InlineData("```sh\na\n```", false)]
    public void Source_code_in_a_document_that_is_no_copy_is_found(string text, bool isFound) =>
        Assert.Equal(isFound, TextRules.SnippetFindings(new SourceFile("g.md", text), path => path == "a.cs" ? "{\n    a();\n    b();\n}" : null).Any());
}
