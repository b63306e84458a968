using System.Text.Json;
using EntityActors.Tests.Shared;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Host.Tests.Http;

/// <summary>Queries in an order, page by page, against a list that is sorted here.</summary>
public sealed class SortTests(StoreFixture store, ITestOutputHelper output) : IClassFixture<StoreFixture>
{
    // What the order is made of.
    private sealed record Item(string Id, string CreatedAt, string UpdatedAt, string[] Tags)
    {
        public string Key(string field) => field switch
        {
            "created" => CreatedAt,
            "updated" => UpdatedAt,
            "id" => Id,
            _ => Tags.Where(tag => tag.StartsWith("rank:", StringComparison.Ordinal)).Select(tag => tag["rank:".Length..]).FirstOrDefault() ?? "",
        };
    }

    [Theory]
    [InlineData("")]
    [InlineData("created")]
    [InlineData("-created")]
    [InlineData("updated")]
    [InlineData("-updated")]
    [InlineData("id")]
    [InlineData("-id")]
    [InlineData("tag:rank")]
    [InlineData("-tag:rank")]
    public async Task Pages_are_one_result_of_one_moment_in_their_order_while_writers_run(string sort)
    {
        var seed = SeedSource.Next();
        output.WriteLine($"{SeedSource.Variable}={seed}");
        var random = SeedSource.For(seed, 0);
        var dataset = "sort" + sort.Replace(':', '.');
        for (var i = 0; i < 60; i++) await ChangeAsync(dataset, random);
        using var stop = new CancellationTokenSource();
        var first = await PageAsync(dataset, sort, 7, null);
        // Nobody has written since the first page; what the writers do from here on belongs to no page.
        var expected = await AllAsync(dataset);
        var writers = Enumerable.Range(1, 2).Select(writer => Task.Run(async () =>
        {
            var own = SeedSource.For(seed, writer);
            while (!stop.IsCancellationRequested) await ChangeAsync(dataset, own);
        })).ToArray();
        var found = new List<Item>(first.Items);
        for (var page = first; page.Cursor is not null;)
        {
            page = await PageAsync(dataset, sort, random.Next(1, 9), page.Cursor);
            Assert.Equal(expected.Count, page.Total);
            found.AddRange(page.Items);
        }

        await stop.CancelAsync();
        await Task.WhenAll(writers);
        Assert.Equal(expected.Select(item => item.Id).Order(StringComparer.Ordinal), found.Select(item => item.Id).Order(StringComparer.Ordinal));
        if (sort.Length == 0) return;
        var (field, isDescending) = (sort.TrimStart('-'), sort.StartsWith('-'));
        var keys = expected.Select(item => item.Key(field)).Order(StringComparer.Ordinal).ToList();
        if (isDescending) keys.Reverse();
        Assert.Equal(keys, found.Select(item => item.Key(field)));
    }

    [Fact]
    public async Task A_stream_of_ndjson_is_sorted_too()
    {
        for (var i = 0; i < 9; i++) await store.Store.PutAsync("sorted-stream", $"e{(i * 4) % 9}", [], null);
        var answer = await store.Http.GetAsync("/v1/datasets/sorted-stream/entities?sort=-id&fields=id", "Accept: application/x-ndjson");
        Assert.Equal(Enumerable.Range(0, 9).Select(i => $$"""{"id":"e{{8 - i}}"}"""), answer.Body.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public async Task Pages_of_contents_end_early_and_leave_nothing_out()
    {
        // In JSON, so that they stand in their changes.
        var body = $$"""{"contentBase64":"{{Convert.ToBase64String(new byte[3 * 1024 * 1024])}}"}""";
        for (var i = 0; i < 6; i++) Assert.Equal(201, (await store.Http.SendAsync("PUT", $"/v1/datasets/sorted-large/entities/l{i}", body)).Status);
        var (ids, cursor, pages) = (new List<string>(), (string?)null, 0);
        do
        {
            var page = (await store.Http.GetAsync("/v1/datasets/sorted-large/entities?sort=id" + (cursor is null ? "" : "&cursor=" + cursor))).Json;
            ids.AddRange(page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetString()!));
            cursor = page.TryGetProperty("cursor", out var next) ? next.GetString() : null;
            pages++;
        }
        while (cursor is not null);
        Assert.Equal(["l0", "l1", "l2", "l3", "l4", "l5"], ids);
        Assert.True(pages > 1, "18 MiB of content in one page");
    }

    [Theory]
    [InlineData("sort=createdAt", "invalid")]
    [InlineData("sort=", "invalid")]
    [InlineData("sort=tag:", "invalid")]
    [InlineData("sort=tag:a:b", "invalid")]
    [InlineData("sort=id&sort=id", "invalid")]
    [InlineData("sort=id&limit=0", "invalid")]
    [InlineData("sort=id&limit=1001", "invalid")]
    [InlineData("sort=id&cursor=AAAA", "invalid_query")]
    [InlineData("sort=id&cursor=%20", "invalid_query")]
    public async Task Wrong_orders_limits_and_cursors_are_refused(string query, string code)
    {
        var answer = await store.Http.GetAsync("/v1/datasets/sort-wrong/entities?" + query);
        Assert.Equal((400, code), (answer.Status, answer.Code));
    }

    [Fact]
    public async Task A_cursor_of_another_query_order_or_kind_is_refused()
    {
        for (var i = 0; i < 5; i++) await store.Store.PutAsync("sort-foreign", $"e{i}", ["a:1"], null);
        var sorted = (await PageAsync("sort-foreign", "id", 2, null)).Cursor;
        var plain = (await store.Http.GetAsync("/v1/datasets/sort-foreign/entities?limit=2")).Json.GetProperty("cursor").GetString();
        foreach (var query in (string[])[$"sort=-id&cursor={sorted}", $"sort=created&cursor={sorted}", $"cursor={sorted}", $"sort=id&tag=a:1&cursor={sorted}",
            $"sort=id&cursor={plain}", $"sort=id&cursor={sorted}AA", $"sort=id&cursor={sorted![..^4]}"])
        {
            var answer = await store.Http.GetAsync("/v1/datasets/sort-foreign/entities?" + query);
            Assert.True((answer.Status, answer.Code) == (400, "invalid_query"), $"{query}: {answer}");
        }
    }

    private async Task ChangeAsync(string dataset, Random random)
    {
        var id = $"e{random.Next(40)}";
        switch (random.Next(8))
        {
            case 0:
                await store.Store.DeleteAsync(dataset, id);
                break;
            case 1 or 2:
                await store.Store.PatchTagsAsync(dataset, id, [$"rank:{random.Next(6)}"], [$"rank:{random.Next(6)}"]);
                break;
            default:
                await store.Store.PutAsync(dataset, id, random.Next(4) == 0 ? ["other:1"] : [$"rank:{random.Next(6)}"], null);
                break;
        }
    }

    private async Task<List<Item>> AllAsync(string dataset)
    {
        var answer = await store.Http.GetAsync($"/v1/datasets/{dataset}/entities?limit=1000");
        return [.. answer.Json.GetProperty("items").EnumerateArray().Select(Read)];
    }

    private async Task<(List<Item> Items, string? Cursor, long Total)> PageAsync(string dataset, string sort, int limit, string? cursor)
    {
        var answer = await store.Http.GetAsync($"/v1/datasets/{dataset}/entities?count=true&limit={limit}" + (sort.Length == 0 ? "" : "&sort=" + sort) + (cursor is null ? "" : $"&cursor={cursor}"));
        Assert.True(answer.Status == 200, answer.ToString());
        return ([.. answer.Json.GetProperty("items").EnumerateArray().Select(Read)],
            answer.Json.TryGetProperty("cursor", out var next) ? next.GetString() : null, answer.Json.GetProperty("total").GetInt64());
    }

    private static Item Read(JsonElement item) => new(item.GetProperty("id").GetString()!, item.GetProperty("createdAt").GetString()!,
        item.GetProperty("updatedAt").GetString()!, [.. item.GetProperty("tags").EnumerateArray().Select(tag => tag.GetString()!)]);
}
