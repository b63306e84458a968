using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>Transactions over entities of one shard.</summary>
public sealed class TransactionTests(StoreFixture store) : IClassFixture<StoreFixture>
{
    private const string Dataset = "transactions";
    private static readonly string Path = $"/v1/datasets/{Dataset}/transactions";

    [Fact]
    public async Task All_operations_take_effect_in_one_event_at_one_moment()
    {
        await store.Store.PutAsync(Dataset, "{k}old", ["a:1"], "1");
        await store.Store.PutAsync(Dataset, "{k}gone", [], null);
        await store.Store.PutAsync(Dataset, "{k}back", ["b:1"], null);
        await store.Store.DeleteAsync(Dataset, "{k}back");
        var answer = await SendAsync("""
            {"op":"put","id":"{k}new","tags":["a:2"],"content":{"n":1},"ifAbsent":true},
            {"op":"tags","id":"{k}old","add":["a:3"],"remove":["a:1"],"ifRevision":1},
            {"op":"delete","id":"{k}gone","exists":true},
            {"op":"restore","id":"{k}back","ifRevision":2}
            """);
        Assert.True(answer.Status == 200, answer.ToString());
        var commits = answer.Json.GetProperty("commits").EnumerateArray().ToArray();
        Assert.Equal(["{k}new 1", "{k}old 2", "{k}gone 2", "{k}back 3"],
            commits.Select(commit => $"{commit.GetProperty("id").GetString()} {commit.GetProperty("revision")}"));
        Assert.Single(commits.Select(commit => $"{commit.GetProperty("sequence")} {commit.GetProperty("at")} {commit.GetProperty("shard")}").Distinct());
        Assert.Equal<string>(["a:2"], (await store.Store.GetAsync(Dataset, "{k}new"))!.Tags);
        Assert.Equal<string>(["a:3"], (await store.Store.GetAsync(Dataset, "{k}old"))!.Tags);
        Assert.Null(await store.Store.GetAsync(Dataset, "{k}gone"));
        Assert.Equal<string>(["b:1"], (await store.Store.GetAsync(Dataset, "{k}back"))!.Tags);
    }

    [Theory]
    [InlineData("""{"op":"tags","id":"{r}a","add":["x:1"]},{"op":"put","id":"{r}b","tags":[],"ifAbsent":true}""", 412, "precondition_failed", 1, 1)]
    [InlineData("""{"op":"tags","id":"{r}a","add":["x:1"],"ifRevision":7}""", 412, "precondition_failed", 0, 1)]
    [InlineData("""{"op":"put","id":"{r}n","tags":[]},{"op":"delete","id":"{r}none"}""", 404, "not_found", 1, 0)]
    [InlineData("""{"op":"put","id":"{r}n","tags":[]},{"op":"put","id":"{r}m","exists":true}""", 412, "precondition_failed", 1, 0)]
    [InlineData("""{"op":"put","id":"{r}n"},{"op":"restore","id":"{r}a"}""", 409, "not_deleted", 1, 1)]
    [InlineData("""{"op":"put","id":"{r}n"},{"op":"delete","id":"{r}n"}""", 400, "invalid", 1, 0)]
    public async Task A_refusal_names_the_operation_and_nothing_is_applied(string operations, int status, string code, int operation, long actual)
    {
        await store.Store.PutAsync(Dataset, "{r}a", ["a:1"], null, new() { IfAbsent = true });
        await store.Store.PutAsync(Dataset, "{r}b", ["a:1"], null, new() { IfAbsent = true });
        var before = await store.SequenceSumAsync();
        var answer = await SendAsync(operations);
        Assert.Equal((status, code), (answer.Status, answer.Code));
        Assert.Equal((operation, actual), (answer.Json.GetProperty("operation").GetInt32(), answer.Json.GetProperty("actualRevision").GetInt64()));
        Assert.Equal(before, await store.SequenceSumAsync());
    }

    [Theory]
    [InlineData("""{"operations":[]}""", 400, "invalid")]
    [InlineData("""{"operations":{}}""", 400, "invalid")]
    [InlineData("""{}""", 400, "invalid")]
    [InlineData("""{"operations":[{"op":"put","id":"a"}],"at":"tomorrow"}""", 400, "invalid")]
    [InlineData("""{"operations":[{"op":"put"}]}""", 400, "invalid")]
    [InlineData("""{"operations":[{"op":"purge","id":"a"}]}""", 400, "invalid")]
    [InlineData("""{"operations":[7]}""", 400, "invalid")]
    [InlineData("""{"operations":[{"op":"delete","id":"a","tags":[]}]}""", 400, "invalid")]
    [InlineData("""{"operations":[{"op":"put","id":"a","ifAbsent":false}]}""", 400, "invalid")]
    [InlineData("""{"operations":[{"op":"put","id":"a","ifAbsent":true,"ifRevision":1}]}""", 400, "invalid")]
    [InlineData("""{"operations":[{"op":"put","id":"a","ifRevision":0}]}""", 400, "invalid")]
    [InlineData("""{"operations":[{"op":"put","id":"a","tags":["x"]}]}""", 400, "invalid")]
    public async Task What_is_not_understood_is_refused(string body, int status, string code)
    {
        var answer = await store.Http.SendAsync("POST", Path, body);
        Assert.Equal((status, code), (answer.Status, answer.Code));
    }

    [Fact]
    public async Task Entities_of_different_shards_are_refused_with_the_operation_that_shows_it()
    {
        var operations = Enumerable.Range(0, 20).Select(i => $$"""{"op":"put","id":"apart-{{i}}"}""");
        var answer = await SendAsync(string.Join(',', operations));
        Assert.Equal((422, "different_shards"), (answer.Status, answer.Code));
        Assert.InRange(answer.Json.GetProperty("operation").GetInt32(), 1, 19);
        Assert.Null(await store.Store.GetAsync(Dataset, "apart-0"));
    }

    [Fact]
    public async Task A_hundred_operations_are_taken_and_one_more_is_refused()
    {
        Assert.Equal(200, (await SendAsync(Puts(100))).Status);
        Assert.Equal((400, "invalid"), ((await SendAsync(Puts(101))).Status, (await SendAsync(Puts(101))).Code));

        static string Puts(int count) => string.Join(',', Enumerable.Range(0, count).Select(i => $$"""{"op":"put","id":"{many}{{i}}"}"""));
    }

    [Fact]
    public async Task More_than_8_MiB_of_contents_are_refused()
    {
        var half = new string('x', (4 * 1024 * 1024) + 10);
        var answer = await SendAsync($$"""{"op":"put","id":"{big}a","content":"{{half}}"},{"op":"put","id":"{big}b","content":"{{half}}"}""");
        Assert.Equal((413, "content_too_large", 1), (answer.Status, answer.Code, answer.Json.GetProperty("operation").GetInt32()));
    }

    [Fact]
    public async Task The_same_key_again_gets_the_first_answer_and_another_body_is_refused()
    {
        const string operations = """{"op":"put","id":"{i}a","tags":["a:1"],"ifAbsent":true},{"op":"put","id":"{i}b","ifAbsent":true}""";
        var first = await SendAsync(operations, "Idempotency-Key: once");
        await store.Store.PatchTagsAsync(Dataset, "{i}a", ["later:1"], []);
        var again = await SendAsync(operations, "Idempotency-Key: once");
        Assert.Equal((200, 200), (first.Status, again.Status));
        Assert.Equal(first.Body.Replace("\"duplicate\":false", "\"duplicate\":true", StringComparison.Ordinal), again.Body);
        foreach (var other in (string[])[operations.Replace("a:1", "a:2", StringComparison.Ordinal), """{"op":"put","id":"{i}b","ifAbsent":true}""",
            operations + ""","op":"put"},{"op":"put","id":"{i}c"}"""[12..]])
        {
            var refused = await SendAsync(other, "Idempotency-Key: once");
            Assert.Equal((422, "command_id_reused"), (refused.Status, refused.Code));
        }

        Assert.Null(await store.Store.GetAsync(Dataset, "{i}c"));
    }

    /// <summary>A writer moves one unit between accounts; every query, as of every moment it was at, sees the same sum.</summary>
    [Fact]
    public async Task Queries_see_all_of_a_transaction_or_nothing()
    {
        for (var i = 0; i < 8; i++) await store.Store.PutAsync("accounts", $"{{sum}}{i}", ["account:1"], "100");
        var balances = Enumerable.Repeat(100, 8).ToArray();
        var moments = new List<string>();
        using var stop = new CancellationTokenSource();
        var reader = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested) Assert.Equal(800, await SumAsync(""));
        });
        var random = new Random(5);
        for (var round = 0; round < 60; round++)
        {
            var (from, to) = (random.Next(8), random.Next(8));
            if (from == to) continue;
            (balances[from], balances[to]) = (balances[from] - 1, balances[to] + 1);
            var answer = await store.Http.SendAsync("POST", "/v1/datasets/accounts/transactions",
                $$$"""{"operations":[{"op":"put","id":"{sum}{{{from}}}","tags":["account:1"],"content":{{{balances[from]}}}},{"op":"put","id":"{sum}{{{to}}}","tags":["account:1"],"content":{{{balances[to]}}}}]}""");
            Assert.True(answer.Status == 200, answer.ToString());
            moments.Add(answer.Json.GetProperty("commits")[0].GetProperty("at").GetString()!);
        }

        await stop.CancelAsync();
        await reader;
        foreach (var moment in moments) Assert.Equal(800, await SumAsync("&asOf=" + Uri.EscapeDataString(moment)));

        async Task<long> SumAsync(string asOf) =>
            (await store.Http.GetAsync("/v1/datasets/accounts/entities?tag=account:1&fields=content" + asOf)).Json
                .GetProperty("items").EnumerateArray().Sum(item => item.GetProperty("content").GetInt64());
    }

    private Task<HttpAnswer> SendAsync(string operations, params string[] headers) =>
        store.Http.SendAsync("POST", Path, $$"""{"operations":[{{operations}}]}""", headers);
}
