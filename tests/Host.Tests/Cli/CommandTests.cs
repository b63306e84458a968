using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using EntityActors.Host.Tests.Http;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Processes;
using Xunit;

namespace EntityActors.Host.Tests.Cli;

/// <summary>The commands as processes: exit codes, standard output and standard error.</summary>
public sealed class CommandTests(StoreFixture store) : IClassFixture<StoreFixture>
{
    private const string Dataset = "cli";
    private static readonly TimeSpan EndsWithin = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task An_entity_is_put_shown_changed_deleted_and_restored()
    {
        Said(await EaAsync("entity", "put", "a/b", "--tag", "type:doc", "--tag", "k:v w", "--content", """{"title":"hello"}"""), 0, "cli/a/b: revision 1 at ");
        var shown = await EaAsync("entity", "get", "a/b");
        Said(shown, 0, "entity    cli/a/b\n", "revision  1 (active)\n", "tag       k:v w\n", "tag       type:doc\n", "content   application/json, 17 bytes\n{\"title\":\"hello\"}");
        Said(await EaAsync("entity", "tags", "a/b", "--add", "x:1", "--remove", "k:v w", "--if-match", "1"), 0, "revision 2");
        Assert.Equal("type:doc\nx:1\n", (await EaAsync("entity", "tags", "a/b")).Output);
        Assert.Equal("{\"title\":\"hello\"}", (await EaAsync("entity", "content", "a/b")).Output);
        Said(await EaAsync("entity", "delete", "a/b"), 0, "revision 3");
        Failed(await EaAsync("entity", "get", "a/b"), 2, "not_found");
        Failed(await EaAsync("entity", "delete", "a/b"), 2, "not_found");
        Said(await EaAsync("entity", "restore", "a/b"), 0, "revision 4");
        Failed(await EaAsync("entity", "restore", "a/b"), 3, "not_deleted");
        Said(await EaAsync("entity", "tags", "a/b", "--ttl", "100000"), 0, "revision 5");
        Assert.True((await store.Http.GetAsync("/v1/datasets/cli/entities/a%2Fb")).Json.TryGetProperty("expiresAt", out _));
        Said(await EaAsync("entity", "tags", "a/b", "--expires-at", "never"), 0, "revision 6");
        Said(await EaAsync("entity", "archive", "a/b"), 0, "revision 7");
        Failed(await EaAsync("entity", "tags", "a/b", "--add", "x:2"), 3, "archived");
        Said(await EaAsync("entity", "restore", "a/b"), 0, "revision 8");
        var history = (await EaAsync("history", "a/b")).Output.TrimEnd().Split('\n').Select(line => line.Split('\t')).ToList();
        Assert.Equal(["r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8"], history.Select(line => line[0]));
        Assert.Equal(["active", "active", "deleted", "active", "active", "active", "archived", "active"], history.Select(line => line[2]));
        Assert.Equal("+x:1 -k:v w", history[1][3]);
        Said(await EaAsync("entity", "purge", "a/b", "--if-match", "8"), 0, "revision 9");
        Failed(await EaAsync("history", "a/b"), 2, "purged");
    }

    [Fact]
    public async Task A_retention_policy_is_set_listed_tried_applied_and_removed()
    {
        Failed(await EaInAsync("cli-kept", "retention", "apply"), 2, "not_found");
        Said(await EaInAsync("cli-kept", "retention", "set", "--purge-deleted-after", "0"), 0,
            "cli-kept\tpurge deleted after 0 s\tdelete archived after never\ttrim history after never\n");
        Said(await EaCommand.RunAsync(EndsWithin, Info("retention", "list"), default), 0, "cli-kept\tpurge");
        Said(await EaInAsync("cli-kept", "entity", "put", "old", "--tag", "a:1"), 0);
        Said(await EaInAsync("cli-kept", "entity", "put", "live", "--tag", "a:1"), 0);
        Said(await EaInAsync("cli-kept", "entity", "delete", "old"), 0);
        var tried = await EaInAsync("cli-kept", "retention", "apply", "--dry-run");
        Said(tried, 0, "purge\told\tsince ");
        Assert.DoesNotContain("live", tried.Output, StringComparison.Ordinal);
        Said(await EaInAsync("cli-kept", "history", "old"), 0, "r2");
        Said(await EaInAsync("cli-kept", "retention", "apply"), 0, "purge\told\tsince ");
        Failed(await EaInAsync("cli-kept", "history", "old"), 2, "purged");
        Said(await EaInAsync("cli-kept", "entity", "get", "live"), 0, "a:1");
        Said(await EaInAsync("cli-kept", "entity", "put", "live", "--tag", "a:2"), 0);
        Said(await EaInAsync("cli-kept", "retention", "set", "--trim-history-after", "0", "--keep-changes", "1"), 0, "trim history after 0 s\tkeep 1 changes\n");
        Said(await EaInAsync("cli-kept", "retention", "apply", "--dry-run"), 0, "trim\t1 changes of 1 entities");
        Said(await EaInAsync("cli-kept", "history", "live"), 0, "r1");
        Said(await EaInAsync("cli-kept", "retention", "apply"), 0, "trim\t1 changes of 1 entities");
        Assert.DoesNotContain("r1", (await EaInAsync("cli-kept", "history", "live")).Output, StringComparison.Ordinal);
        Said(await EaInAsync("cli-kept", "retention", "remove"), 0);
        Failed(await EaInAsync("cli-kept", "retention", "apply"), 2, "not_found");
    }

    [Fact]
    public async Task Json_is_what_the_API_sends()
    {
        await store.Store.PutAsync(Dataset, "json", ["j:1"], """{"a":[1,"é"]}""");
        await store.Store.PutAsync(Dataset, "json", ["j:1", "j:2"], "2");
        const string Path = "/v1/datasets/cli/entities/json";
        foreach (var (arguments, path) in new (string[], string)[]
        {
            (["entity", "get", "json"], Path), (["history", "json", "--limit", "1"], Path + "/history?limit=1"),
            (["query", "--tag", "j:1", "--tag", "j:*", "--not", "n:1", "--count"], "/v1/datasets/cli/entities?limit=100&tag=j:1&tag=j:*&not=n:1&count=true"),
            (["query", "--tag", "j:1", "--fields", "id,tags"], "/v1/datasets/cli/entities?limit=100&tag=j:1&fields=id,tags"),
        })
        {
            var outcome = await EaAsync([.. arguments, "--json"]);
            Assert.Equal((0, (await store.Http.GetAsync(path)).Body + "\n", ""), (outcome.ExitCode, outcome.Output, outcome.Error));
        }

        var put = await EaAsync("entity", "put", "json-put", "--json");
        Assert.StartsWith("""{"dataset":"cli","id":"json-put","revision":1,"at":""", put.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Conditions_that_do_not_hold_are_exit_code_3_and_change_nothing()
    {
        await store.Store.PutAsync(Dataset, "condition", [], null);
        var before = await store.SequenceSumAsync();
        Failed(await EaAsync("entity", "put", "condition", "--if-absent"), 3, "revision is 1");
        Failed(await EaAsync("entity", "delete", "condition", "--if-match", "7"), 3, "revision is 1");
        Failed(await EaAsync("entity", "put", "nobody", "--if-match", "*"), 3, "precondition_failed");
        Assert.Equal(before, await store.SequenceSumAsync());
        Said(await EaAsync("entity", "put", "condition", "--tag", "a:1", "--command-id", "mine"), 0, "revision 2");
        Said(await EaAsync("entity", "put", "condition", "--tag", "a:1", "--command-id", "mine"), 0, "revision 2", "made before");
        Failed(await EaAsync("entity", "put", "condition", "--tag", "b:1", "--command-id", "mine"), 3, "command_id_reused");
    }

    [Fact]
    public async Task A_transaction_is_sent_from_a_file_and_relations_and_sorted_entities_are_listed()
    {
        using var directory = new TempDirectory();
        await File.WriteAllTextAsync(directory.File("tx.json"),
            """{"operations":[{"op":"put","id":"{t}a","tags":["to:{t}b","rank:2"]},{"op":"put","id":"{t}b","tags":["rank:1"],"ifAbsent":true}]}""");
        Said(await EaAsync("tx", directory.File("tx.json"), "--command-id", "t1"), 0, "cli/{t}a: revision 1 at ", "cli/{t}b: revision 1 at ");
        Said(await EaAsync("tx", directory.File("tx.json"), "--command-id", "t1"), 0, "made before by the same command");
        Failed(await EaAsync("tx", directory.File("tx.json")), 3, "operation 1");
        Failed(await EaAsync("tx", directory.File("none.json")), 1, "there is no file");
        Assert.Equal("{t}a\tto\t{t}b\n", (await EaAsync("relations", "{t}b", "--direction", "both", "--depth", "2")).Output);
        var sorted = (await EaAsync("query", "--tag", "rank:*", "--sort=-tag:rank")).Output.TrimEnd().Split('\n').Select(line => line.Split('\t')[0]);
        Assert.Equal(["{t}a", "{t}b"], sorted);
    }

    [Fact]
    public async Task An_export_is_a_file_that_an_import_takes()
    {
        using var directory = new TempDirectory();
        await store.Store.PutAsync("cli-export", "a", ["x:1"], "1");
        await store.Store.PatchTagsAsync("cli-export", "a", ["x:2"], []);
        await store.Store.PutAsync("cli-export", "b", [], null);
        foreach (var (name, option, lines) in ((string, string, int)[])[("all.ndjson.gz", "--history=true", 3), ("now.ndjson", "--history=false", 2)])
        {
            var export = await EaInAsync("cli-export", "export", directory.File(name), option);
            Assert.True(export.ExitCode == 0 && export.Error.Contains($"{lines} lines", StringComparison.Ordinal), export.ToString());
            Said(await EaInAsync("cli-" + name.Split('.')[0], "import", directory.File(name)), 0, $"{lines} applied");
        }

        Assert.Equal(["x:1", "x:2"], (await store.Store.GetAsync("cli-all", "a"))!.Tags.ToArray());
        Assert.Equal(2, (await store.Store.HistoryAsync("cli-all", "a")).Count);
        Assert.Single(await store.Store.HistoryAsync("cli-now", "a"));
        Assert.Equal(["all.ndjson.gz", "now.ndjson"], Directory.GetFiles(directory.Path).Select(Path.GetFileName).Order());
        var datasets = await EaCommand.RunAsync(EndsWithin, Info("datasets", "--limit", "1000"), default);
        Assert.Contains("cli-export\t2\n", datasets.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_past_is_shown_and_a_change_may_have_its_own_time()
    {
        Said(await EaAsync("entity", "put", "past", "--tag", "v:1", "--at", "2001-01-01T00:00:00Z"), 0, "at 2001-01-01T00:00:00.000000000Z");
        Said(await EaAsync("entity", "put", "past", "--tag", "v:2", "--at", "1000000000000000000"), 0, "at 2001-09-09T01:46:40.000000000Z");
        Said(await EaAsync("entity", "tags", "past", "--as-of", "2001-02-01T00:00:00Z"), 0, "v:1");
        Failed(await EaAsync("entity", "get", "past", "--as-of", "2000-12-31T23:59:59Z"), 2, "not_found");
        Assert.Equal("1\n", (await EaAsync("query", "--tag", "v:1", "--as-of", "2001-02-01T00:00:00Z", "--count")).Output);
        Assert.Equal("0\n", (await EaAsync("query", "--tag", "v:1", "--count")).Output);
        Failed(await EaAsync("entity", "put", "past", "--at", "2001-01-01T00:00:00Z"), 3, "at_not_later");
        Failed(await EaAsync("entity", "get", "past", "--as-of", "soon"), 1, "RFC 3339");
    }

    [Fact]
    public async Task Content_comes_from_a_text_a_file_or_standard_input_and_goes_to_standard_output_or_a_file()
    {
        using var directory = new TempDirectory();
        byte[] bytes = [0, 255, 10, 13, 128];
        await File.WriteAllBytesAsync(directory.File("in.bin"), bytes);
        await File.WriteAllTextAsync(directory.File("in.json"), "[1]");
        Said(await EaAsync("entity", "put", "file", "--content-file", directory.File("in.json")), 0, "revision 1");
        Assert.Equal("application/json", (await store.Store.GetAsync(Dataset, "file"))!.ContentType);
        Said(await EaAsync("entity", "content", "file", "--content-file", directory.File("in.bin")), 0, "revision 2");
        Said(await EaAsync("entity", "content", "file", "--output", directory.File("out.bin")), 0);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(directory.File("out.bin")));
        Said(await EaAsync("entity", "content", "file", "--content", "Grüße", "--content-type", "text/plain; charset=utf-8"), 0, "revision 3");
        Assert.Equal("Grüße", (await EaAsync("entity", "content", "file")).Output);
        var piped = await EaCommand.RunAsync(EndsWithin, Info("entity", "put", "file", "--content-file", "-", "--content-type", "image/x-thing"), bytes);
        Said(piped, 0, "revision 4");
        Assert.Equal(bytes, (await store.Http.GetAsync("/v1/datasets/cli/entities/file/content")).Bytes);
        var json = await EaCommand.RunAsync(EndsWithin, Info("entity", "content", "file", "--content", "-"), "{\"x\":1}"u8.ToArray());
        Said(json, 0, "revision 5");
        Assert.Equal("{\"x\":1}", (await store.Store.GetAsync(Dataset, "file"))!.ContentText);
    }

    [Fact]
    public async Task Large_content_comes_from_a_file_or_standard_input_and_goes_to_a_file()
    {
        using var directory = new TempDirectory();
        var bytes = new byte[9_000_000];
        new Random(1).NextBytes(bytes);
        await File.WriteAllBytesAsync(directory.File("in.bin"), bytes);
        Said(await EaAsync("entity", "put", "large-file"), 0, "revision 1");
        Said(await EaAsync("entity", "content", "large-file", "--content-file", directory.File("in.bin")), 0, "revision 2");
        Said(await EaAsync("entity", "content", "large-file", "--output", directory.File("out.bin")), 0);
        Assert.True((await File.ReadAllBytesAsync(directory.File("out.bin"))).AsSpan().SequenceEqual(bytes));
        bytes[0]++;
        Said(await EaCommand.RunAsync(EndsWithin, Info("entity", "content", "large-file", "--content-file", "-"), bytes), 0, "revision 3");
        Assert.True((await store.Http.GetAsync("/v1/datasets/cli/entities/large-file/content")).Bytes.AsSpan().SequenceEqual(bytes));
        Assert.Equal(3, (await EaAsync("entity", "content", "large-file", "--content-file", directory.File("in.bin"), "--if-match", "9")).ExitCode);
        Assert.Equal(2, (await EaAsync("entity", "content", "nobody", "--output", directory.File("none.bin"))).ExitCode);
        Assert.Equal(["in.bin", "out.bin"], Directory.GetFiles(directory.Path).Select(path => Path.GetFileName(path)!).Order());
    }

    [Fact]
    public async Task A_list_of_many_pages_is_followed_with_all_and_tells_of_more_without()
    {
        for (var i = 0; i < 7; i++) await store.Store.PutAsync("pages", $"e{i}", ["p:1", i % 2 == 0 ? "even:1" : "odd:1"], null);
        var all = await EaInAsync("pages", "query", "--tag", "p:1", "--limit", "2", "--all");
        Assert.Equal(Enumerable.Range(0, 7).Select(i => $"e{i}"), all.Output.TrimEnd().Split('\n').Select(line => line.Split('\t')[0]).Order(StringComparer.Ordinal));
        var json = await EaInAsync("pages", "query", "--limit", "3", "--all", "--json", "--fields", "id");
        Assert.Equal(Enumerable.Range(0, 7).Select(i => $$"""{"id":"e{{i}}"}"""), json.Output.TrimEnd().Split('\n').Order(StringComparer.Ordinal));
        var first = await EaInAsync("pages", "query", "--limit", "2");
        Assert.Equal(2, first.Output.TrimEnd().Split('\n').Length);
        var cursor = first.Error.Split("--cursor ")[1].Split(',')[0];
        Assert.Equal(5, (await EaInAsync("pages", "query", "--cursor", cursor)).Output.TrimEnd().Split('\n').Length);
        Assert.Equal("7\n", (await EaInAsync("pages", "query", "--any", "--tag", "even:1", "--tag", "odd:1", "--count")).Output);
        Assert.Equal("3\n", (await EaInAsync("pages", "query", "--not", "even:1", "--count")).Output);
        await store.Store.DeleteAsync("pages", "e0");
        Assert.StartsWith("e0\tr2\t", (await EaInAsync("pages", "query", "--lifecycle", "deleted")).Output, StringComparison.Ordinal);
        Failed(await EaInAsync("pages", "query", "--cursor", "nonsense"), 1, "cursor");
        Failed(await EaInAsync("pages", "history", "never"), 2, "not_found");
    }

    [Fact]
    public async Task Control_characters_of_names_and_contents_do_not_reach_the_terminal()
    {
        await store.Store.PutAsync("escape", "\u001b[2J", ["t:\u0007\n"], "\"\u009b\"");
        foreach (var outcome in (CommandOutcome[])[
            await EaInAsync("escape", "entity", "get", "\u001b[2J"), await EaInAsync("escape", "query"), await EaInAsync("escape", "history", "\u001b[2J")])
        {
            Assert.Equal(0, outcome.ExitCode);
            Assert.DoesNotContain(outcome.Output, character => char.IsControl(character) && character is not ('\n' or '\t'));
        }
    }

    [Fact]
    public async Task An_import_reads_plain_packed_and_piped_lines_and_names_what_it_refused()
    {
        using var directory = new TempDirectory();
        const string Lines = """
            {"at":1000,"op":"put","id":"x","tags":["a:1"]}
            {"at":1001,"op":"put","id":"y","tags":["é:1"]}

            """;
        await File.WriteAllTextAsync(directory.File("plain.ndjson"), Lines);
        await using (var packed = new GZipStream(File.Create(directory.File("packed.gz")), CompressionLevel.Fastest)) await packed.WriteAsync(Encoding.UTF8.GetBytes(Lines));
        Assert.Equal("2 applied, 0 duplicate, 0 rejected\n", (await EaInAsync("import", "import", directory.File("plain.ndjson"))).Output);
        var again = await EaInAsync("import", "import", directory.File("packed.gz"), "--json");
        Assert.Equal("""{"applied":0,"duplicate":2,"rejected":[],"rejectedCount":0}""" + "\n", again.Output);
        var piped = await EaCommand.RunAsync(EndsWithin, Info("import", "-", "--dataset", "import"), Encoding.UTF8.GetBytes(Lines + "nonsense\n{\"at\":1,\"op\":\"delete\",\"id\":\"z\"}\n"));
        Assert.Equal((3, "0 applied, 2 duplicate, 2 rejected\n"), (piped.ExitCode, piped.Output));
        Assert.Contains("line 3: invalid: ", piped.Error, StringComparison.Ordinal);
        Assert.Contains("line 4: not_found: ", piped.Error, StringComparison.Ordinal);
        var many = await EaCommand.RunAsync(EndsWithin, Info("import", "-", "--dataset", "import"), Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{}\n", 5_500))));
        Assert.Equal((3, "0 applied, 0 duplicate, 5500 rejected\n"), (many.ExitCode, many.Output));
        Assert.Equal(["line 10", "and more"], many.ErrorLines.TakeLast(2).Select(line => line.Split(':')[0]));
        await File.WriteAllBytesAsync(directory.File("broken.gz"), [1, 2, 3]);
        Assert.Equal(1, (await EaInAsync("import", "import", directory.File("broken.gz"))).ExitCode);
        Failed(await EaInAsync("import", "import", directory.File("nowhere")), 1, "no file");
    }

    [Theory]
    [InlineData("entity")]
    [InlineData("entity", "get")]
    [InlineData("entity", "get", "x", "y")]
    [InlineData("entity", "get", "x", "--no-such-option")]
    [InlineData("entity", "get", "")]
    [InlineData("entity", "get", "..")]
    [InlineData("entity", "get", "x", "--dataset", "no name")]
    [InlineData("entity", "get", "x", "--server", "nonsense")]
    [InlineData("entity", "put", "x", "--tag", "nocolon")]
    [InlineData("entity", "put", "x", "--tag")]
    [InlineData("entity", "put", "x", "--content", "not json")]
    [InlineData("entity", "put", "x", "--content", "1", "--content-file", "y")]
    [InlineData("entity", "put", "x", "--content-type", "text/plain")]
    [InlineData("entity", "put", "x", "--content-file", "/no/such/file")]
    [InlineData("entity", "put", "x", "--content", "1", "--content-type", "nonsense")]
    [InlineData("entity", "put", "x", "--if-match", "one")]
    [InlineData("entity", "put", "x", "--if-match", "1", "--if-absent")]
    [InlineData("entity", "put", "x", "--at", "2999-01-01T00:00:00Z")]
    [InlineData("entity", "tags", "x", "--if-match", "1")]
    [InlineData("entity", "tags", "x", "--add", "a:1", "--as-of", "5")]
    [InlineData("entity", "content", "x", "--content", "1", "--as-of", "5")]
    [InlineData("entity", "content", "x", "--command-id", "k")]
    [InlineData("entity", "burn", "x")]
    [InlineData("query", "--tag", "nocolon")]
    [InlineData("query", "--limit", "0")]
    [InlineData("query", "--limit", "many")]
    [InlineData("query", "--lifecycle", "happy")]
    [InlineData("query", "--fields", "id")]
    [InlineData("query", "--count", "--all")]
    [InlineData("query", "extra")]
    [InlineData("history")]
    [InlineData("history", "x", "--from", "soon")]
    [InlineData("import")]
    [InlineData("frobnicate")]
    public async Task What_cannot_be_asked_is_one_clear_line_and_exit_code_1(params string[] arguments)
    {
        var before = await store.SequenceSumAsync();
        var outcome = await EaCommand.RunAsync(EndsWithin, Info(arguments), default);
        Failed(outcome, 1, "ea: ");
        Assert.Equal(before, await store.SequenceSumAsync());
    }

    [Theory]
    [InlineData]
    [InlineData("serve")]
    [InlineData("entity")]
    [InlineData("entity", "get")]
    [InlineData("entity", "put")]
    [InlineData("entity", "tags")]
    [InlineData("entity", "content")]
    [InlineData("entity", "delete")]
    [InlineData("entity", "restore")]
    [InlineData("query")]
    [InlineData("history")]
    [InlineData("import")]
    [InlineData("verify")]
    [InlineData("inspect")]
    public async Task Every_command_explains_itself(params string[] command)
    {
        var outcome = await EaCommand.RunAsync(EndsWithin, EaCommand.StartInfo([.. command, "--help"]), default);
        Said(outcome, 0, "Description:", "Usage:", "ea " + string.Join(' ', command));
        var options = outcome.Output.Split('\n').Where(line => line.StartsWith("  --", StringComparison.Ordinal)).ToList();
        Assert.All(options, line => Assert.True(line.TrimEnd().Contains("  ", StringComparison.Ordinal) && line.Trim().Split("  ").Length > 1, $"no description: {line}"));
    }

    [Fact]
    public async Task Nobody_there_is_exit_code_5_and_says_where_it_asked()
    {
        Failed(await EaCommand.RunAsync(EndsWithin, "entity", "get", "x", "--server", "http://127.0.0.1:1"), 5, "http://127.0.0.1:1");
        Failed(await EaCommand.RunAsync(EndsWithin, "query", "--server", "http://127.0.0.1:1"), 5, "http://127.0.0.1:1");
        Failed(await EaCommand.RunAsync(EndsWithin, "verify", "--server", "http://127.0.0.1:1"), 5, "http://127.0.0.1:1");
    }

    [Theory]
    [InlineData(403, "denied", 4)]
    [InlineData(410, "purged", 2)]
    [InlineData(500, "corrupted", 6)]
    [InlineData(500, "internal", 5)]
    [InlineData(507, "storage_full", 5)]
    public async Task A_problem_tells_the_exit_code(int status, string code, int exitCode)
    {
        await using var fake = await FakeStore.StartAsync((status, FakeStore.Problem(code)));
        Failed(await EaCommand.RunAsync(EndsWithin, "entity", "get", "x", "--server", fake.Address), exitCode, $"prepared ({code})");
        Assert.Single(fake.Requests);
    }

    [Fact]
    public async Task While_the_store_is_busy_the_same_command_is_sent_again_and_at_last_given_up()
    {
        const string Commit = """{"dataset":"default","id":"x","revision":1,"at":"2024-01-01T00:00:00.000000000Z","shard":0,"sequence":1,"duplicate":false}""";
        await using var fake = await FakeStore.StartAsync((429, FakeStore.Problem("busy")), (503, FakeStore.Problem("unavailable")), (201, Commit));
        Said(await EaCommand.RunAsync(EndsWithin, "entity", "put", "x", "--tag", "a:1", "--server", fake.Address), 0, "default/x: revision 1");
        Assert.Equal(3, fake.Requests.Count);
        Assert.Single(fake.Requests.Distinct());

        await using var always = await FakeStore.StartAsync((503, FakeStore.Problem("unavailable")));
        Failed(await EaCommand.RunAsync(EndsWithin, "entity", "delete", "x", "--server", always.Address), 5, "unavailable");
        Assert.Equal(8, always.Requests.Count);
    }

    [Fact]
    public async Task A_part_of_an_import_that_was_answered_busy_is_sent_again_as_a_whole()
    {
        using var directory = new TempDirectory();
        await File.WriteAllTextAsync(directory.File("lines"), "one\r\ntwo\n");
        await using var fake = await FakeStore.StartAsync((429, FakeStore.Problem("busy")), (200, """{"applied":2,"duplicate":0,"rejected":[],"rejectedCount":0}"""));
        Said(await EaCommand.RunAsync(EndsWithin, "import", directory.File("lines"), "--server", fake.Address), 0, "2 applied");
        Assert.Equal(["one\ntwo\n", "one\ntwo\n"], fake.Requests.Select(request => request.Body));
    }

    [Fact]
    public async Task Ctrl_C_ends_a_command_with_one_line()
    {
        using var process = Process.Start(Info("import", "-"))!;
        var error = process.StandardError.ReadToEndAsync();
        // Far more than a pipe holds: once it is written, the command has begun to read.
        for (var i = 0; i < 200_000; i++) await process.StandardInput.WriteAsync("{}\n");
        await process.StandardInput.FlushAsync();
        Assert.Equal(0, PosixSignals.Kill(process.Id, PosixSignals.Interrupt));
        using var limit = new CancellationTokenSource(EndsWithin);
        await process.WaitForExitAsync(limit.Token);
        Assert.Equal(130, process.ExitCode);
        // Before it stands the progress of the import.
        var lines = (await error).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("ea: interrupted", lines[^1]);
        Assert.All(lines[..^1], line => Assert.StartsWith("import: ", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_running_store_is_verified_through_it()
    {
        var info = Info("verify", "--server", store.BaseAddress.ToString(), "--json");
        var outcome = await EaCommand.RunAsync(EndsWithin, info, default);
        Said(outcome, 0, "\"shards\":4", "\"findings\":[]");
        await using var fake = await FakeStore.StartAsync((200, """{"items":[{}]}"""), (200, """{"shard":0,"findings":["a block is damaged"],"bytesChecked":7}"""));
        var damaged = await EaCommand.RunAsync(EndsWithin, "verify", "--server", fake.Address);
        Assert.Equal((6, "DAMAGE shard 0: a block is damaged\n1 shards, 7 bytes of headers and segments, 1 damaged places\n"), (damaged.ExitCode, damaged.Output));
    }

    private Task<CommandOutcome> EaAsync(params string[] arguments) => EaInAsync(Dataset, arguments);

    private Task<CommandOutcome> EaInAsync(string dataset, params string[] arguments) =>
        EaCommand.RunAsync(EndsWithin, Info([.. arguments, "--dataset", dataset]), default);

    /// <summary>The store of this class as the environment names it.</summary>
    private ProcessStartInfo Info(params string[] arguments)
    {
        string[] dataset = arguments.Contains("--dataset") || arguments is ["verify" or "frobnicate" or "datasets", ..] or ["retention", "list", ..] ? [] : ["--dataset", Dataset];
        var info = EaCommand.StartInfo([.. arguments, .. dataset]);
        info.Environment["ENTITYACTORS_SERVER"] = store.BaseAddress.ToString();
        return info;
    }

    private static void Said(CommandOutcome outcome, int exitCode, params string[] texts)
    {
        Assert.True(outcome.ExitCode == exitCode && outcome.Error.Length == 0, outcome.ToString());
        foreach (var text in texts) Assert.Contains(text, outcome.Output, StringComparison.Ordinal);
    }

    /// <summary>One line on standard error that says this, and nothing on standard output.</summary>
    private static void Failed(CommandOutcome outcome, int exitCode, string text)
    {
        Assert.True(outcome.ExitCode == exitCode && outcome.Output.Length == 0 && outcome.ErrorLines.Count == 1, outcome.ToString());
        Assert.Contains(text, outcome.Error, StringComparison.Ordinal);
    }
}
