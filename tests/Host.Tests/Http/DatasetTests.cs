using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>Datasets, implicit and declared.</summary>
public sealed class DatasetTests(StoreFixture store) : IClassFixture<StoreFixture>
{
    [Fact]
    public async Task A_dataset_is_listed_while_it_holds_active_entities_and_its_count_follows_them()
    {
        for (var i = 0; i < 9; i++) await store.Store.PutAsync("listed.b", $"e{i}", ["a:1"], null);
        await store.Store.PutAsync("listed.a", "x", [], null);
        Assert.Equal(["listed.a 1 False", "listed.b 9 False"], await ListAsync("listed."));
        await CheckpointAsync();
        await store.Store.DeleteAsync("listed.b", "e0");
        await store.Store.DeleteAsync("listed.b", "e1");
        await store.Store.DeleteAsync("listed.a", "x");
        Assert.Equal(["listed.b 7 False"], await ListAsync("listed."));
        await store.Store.RestoreAsync("listed.b", "e1");
        await CheckpointAsync();
        Assert.Equal(["listed.b 8 False"], await ListAsync("listed."));
        Assert.Equal("""{"name":"listed.b","activeCount":8,"declared":false}""", (await store.Http.GetAsync("/v1/datasets/listed.b")).Body);
        Assert.Equal((404, "not_found"), Outcome(await store.Http.GetAsync("/v1/datasets/listed.a")));
    }

    [Fact]
    public async Task A_declared_dataset_is_there_while_it_is_empty_and_goes_only_then()
    {
        var made = await store.Http.SendAsync("POST", "/v1/datasets", """{"name":"declared","description":"for \"tests\""}""");
        Assert.Equal((201, "for \"tests\""), (made.Status, made.Json.GetProperty("description").GetString()));
        Assert.Equal((409, "exists"), Outcome(await store.Http.SendAsync("POST", "/v1/datasets", """{"name":"declared"}""")));
        Assert.Equal(["declared 0 True"], await ListAsync("declared"));
        await store.Store.PutAsync("declared", "x", [], null);
        var refused = await store.Http.SendAsync("DELETE", "/v1/datasets/declared", (string?)null);
        Assert.Equal((409, "not_empty", 1), (refused.Status, refused.Code, refused.Json.GetProperty("activeCount").GetInt64()));
        await store.Store.DeleteAsync("declared", "x");
        Assert.Equal(204, (await store.Http.SendAsync("DELETE", "/v1/datasets/declared", (string?)null)).Status);
        Assert.Equal((404, "not_found"), Outcome(await store.Http.SendAsync("DELETE", "/v1/datasets/declared", (string?)null)));
        Assert.Equal((404, "not_found"), Outcome(await store.Http.GetAsync("/v1/datasets/declared")));
        Assert.Equal(201, (await store.Http.SendAsync("POST", "/v1/datasets", """{"name":"declared"}""")).Status);
    }

    [Fact]
    public async Task The_same_key_declares_once()
    {
        const string body = """{"name":"once-declared"}""";
        Assert.Equal(201, (await store.Http.SendAsync("POST", "/v1/datasets", body, "Idempotency-Key: d1")).Status);
        Assert.Equal(201, (await store.Http.SendAsync("POST", "/v1/datasets", body, "Idempotency-Key: d1")).Status);
        Assert.Equal((422, "command_id_reused"), Outcome(await store.Http.SendAsync("POST", "/v1/datasets",
            """{"name":"once-declared","description":"x"}""", "Idempotency-Key: d1")));
    }

    [Fact]
    public async Task Pages_hold_every_dataset_once_in_order_and_none_of_the_stores_own()
    {
        for (var i = 0; i < 7; i++) await store.Store.PutAsync($"page{i * 2}", "x", [], null);
        for (var i = 0; i < 7; i++) await store.Http.SendAsync("POST", "/v1/datasets", $$"""{"name":"page{{i}}"}""");
        foreach (var limit in (int[])[1, 2, 3, 100])
        {
            var (names, cursor) = (new List<string>(), (string?)null);
            do
            {
                var page = (await store.Http.GetAsync($"/v1/datasets?limit={limit}" + (cursor is null ? "" : "&cursor=" + cursor))).Json;
                Assert.True(page.GetProperty("items").GetArrayLength() <= limit);
                names.AddRange(page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("name").GetString()!));
                cursor = page.TryGetProperty("cursor", out var next) ? next.GetString() : null;
            }
            while (cursor is not null);
            Assert.Equal(names.Distinct().Order(StringComparer.Ordinal), names);
            Assert.Equal(["page0", "page1", "page10", "page12", "page2", "page3", "page4", "page5", "page6", "page8"],
                names.Where(name => name.StartsWith("page", StringComparison.Ordinal)));
            Assert.DoesNotContain(names, name => name.StartsWith('_'));
        }
    }

    [Theory]
    [InlineData("""{}""", 400)]
    [InlineData("""{"name":""}""", 400)]
    [InlineData("""{"name":"a/b"}""", 400)]
    [InlineData("""{"name":7}""", 400)]
    [InlineData("""{"name":"_datasets"}""", 403)]
    [InlineData("""{"name":"ok","description":7}""", 400)]
    [InlineData("""{"name":"ok","colour":"red"}""", 400)]
    public async Task What_is_no_dataset_is_not_declared(string body, int status) =>
        Assert.Equal(status, (await store.Http.SendAsync("POST", "/v1/datasets", body)).Status);

    private async Task<string[]> ListAsync(string prefix) =>
    [
        .. (await store.Http.GetAsync("/v1/datasets?limit=1000")).Json.GetProperty("items").EnumerateArray()
            .Where(item => item.GetProperty("name").GetString()!.StartsWith(prefix, StringComparison.Ordinal))
            .Select(item => $"{item.GetProperty("name").GetString()} {item.GetProperty("activeCount")} {item.GetProperty("declared")}"),
    ];

    private async Task CheckpointAsync()
    {
        for (var shard = 0; shard < StoreFixture.ShardCount; shard++)
            Assert.Equal(200, (await store.Http.SendAsync("POST", $"/v1/shards/{shard}/checkpoint", (string?)null)).Status);
    }

    private static (int Status, string? Code) Outcome(HttpAnswer answer) => (answer.Status, answer.Code);
}
