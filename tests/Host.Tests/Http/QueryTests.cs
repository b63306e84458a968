using System.Text.Json;
using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>Tag queries and tag lists.</summary>
public sealed class QueryTests(StoreFixture store) : IClassFixture<StoreFixture>, IAsyncLifetime
{
    private const string Dataset = "queries";
    private static readonly string Entities = $"/v1/datasets/{Dataset}/entities";

    public async Task InitializeAsync()
    {
        if (await store.Store.CountAsync(Dataset, []) > 0) return;
        await store.Store.PutAsync(Dataset, "red-1", ["color:red", "size:1"], "1");
        await store.Store.PutAsync(Dataset, "red-2", ["color:red", "size:2"], "2");
        await store.Store.PutAsync(Dataset, "blue-1", ["color:blue", "size:1"], "3");
        await store.Store.PutAsync(Dataset, "plain", [], null);
        await store.Store.PutAsync(Dataset, "gone", ["color:red", "size:1"], null);
        await store.Store.DeleteAsync(Dataset, "gone");
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Theory]
    [InlineData("", "blue-1 plain red-1 red-2")]
    [InlineData("tag=color:red", "red-1 red-2")]
    [InlineData("tag=color:red&tag=size:1", "red-1")]
    [InlineData("tag=color:red&tag=size:1&match=all", "red-1")]
    [InlineData("tag=color:red&tag=size:1&match=any", "blue-1 red-1 red-2")]
    [InlineData("tag=size:1&not=color:red", "blue-1")]
    [InlineData("not=color:red&not=color:blue", "plain")]
    [InlineData("tag=color:*", "blue-1 red-1 red-2")]
    [InlineData("tag=color:r*&tag=size:*", "red-1 red-2")]
    [InlineData("not=color:*", "plain")]
    [InlineData("tag=co*", "blue-1 red-1 red-2")]
    [InlineData("tag=*", "blue-1 red-1 red-2")]
    [InlineData("tag=act*", "")]
    [InlineData("tag=color:green", "")]
    [InlineData("lifecycle=active&tag=color:red", "red-1 red-2")]
    [InlineData("lifecycle=deleted", "gone")]
    [InlineData("lifecycle=archived", "")]
    [InlineData("lifecycle=any&tag=color:red", "gone red-1 red-2")]
    public async Task Tags_select_entities(string query, string ids)
    {
        var answer = await store.Http.GetAsync($"{Entities}?{query}&count=true");
        Assert.True(answer.Status == 200, answer.ToString());
        Assert.Equal(ids, string.Join(' ', Ids(answer.Json)));
        Assert.Equal(ids.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length, answer.Json.GetProperty("total").GetInt64());
    }

    [Fact]
    public async Task Only_a_page_that_was_asked_to_count_has_a_total_and_only_one_with_more_behind_it_a_cursor()
    {
        Assert.Equal(["items"], (await store.Http.GetAsync(Entities)).Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal(["items", "cursor", "total"],
            (await store.Http.GetAsync(Entities + "?limit=1&count=true")).Json.EnumerateObject().Select(member => member.Name));
    }

    [Fact]
    public async Task Pages_share_one_moment_and_give_every_match_once()
    {
        var first = (await store.Http.GetAsync("/v1/datasets/moving/entities?limit=1")).Json;
        Assert.Empty(Ids(first));
        for (var i = 0; i < 7; i++) await store.Store.PutAsync("moving", $"e{i}", ["a:1"], null);
        var page = await store.Store.QueryPageAsync("moving", ["a:1"], null, 3, null, count: true);
        await store.Store.PutAsync("moving", "late", ["a:1"], null);
        await store.Store.DeleteAsync("moving", "e6");
        var seen = page.Items.Select(item => item.Id).ToList();
        while (page.Cursor is not null)
        {
            page = await store.Store.QueryPageAsync("moving", ["a:1"], null, 3, page.Cursor, count: true);
            seen.AddRange(page.Items.Select(item => item.Id));
            Assert.Equal(7, page.Total);
        }

        Assert.Equal(Enumerable.Range(0, 7).Select(i => $"e{i}"), seen.Order(StringComparer.Ordinal));
        Assert.Equal(7, await store.Store.CountAsync("moving", ["a:1"]));
    }

    [Fact]
    public async Task A_query_can_be_asked_as_of_any_moment()
    {
        var put = (await store.Store.PutAsync("past", "x", ["a:1"], null)).Commit!;
        var patch = (await store.Store.PatchTagsAsync("past", "x", ["b:2"], ["a:1"])).Commit!;
        Assert.Equal((0L, 1L, 0L), (await store.Store.CountAsync("past", ["a:1"], put.At - 1), await store.Store.CountAsync("past", ["a:1"], put.At),
            await store.Store.CountAsync("past", ["a:1"], patch.At)));
        Assert.Equal([KeyValuePair.Create("a:1", 1L)], await store.Store.TagsAsync("past", "", put.At));
        Assert.Equal([KeyValuePair.Create("b:2", 1L)], await store.Store.TagsAsync("past", ""));
    }

    [Fact]
    public async Task Fields_picks_members_of_each_entity()
    {
        var items = (await store.Http.GetAsync($"{Entities}?tag=color:blue&fields=id,tags")).Json.GetProperty("items");
        Assert.Equal(["id", "tags"], items[0].EnumerateObject().Select(member => member.Name));
        var content = (await store.Http.GetAsync($"{Entities}?tag=color:blue&fields=content")).Json.GetProperty("items");
        Assert.Equal("""{"content":3}""", content[0].GetRawText());
    }

    [Fact]
    public async Task A_stream_of_ndjson_holds_every_match_one_a_line()
    {
        var answer = await store.Http.GetAsync($"{Entities}?fields=id", "Accept: application/x-ndjson");
        Assert.Equal((200, "application/x-ndjson"), (answer.Status, answer.ContentType));
        var ids = answer.Body.TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString());
        Assert.Equal(["blue-1", "plain", "red-1", "red-2"], ids.Order(StringComparer.Ordinal));
        var limited = await store.Http.GetAsync($"{Entities}?limit=1", "Accept: application/x-ndjson");
        Assert.Equal((400, "invalid"), (limited.Status, limited.Code));
    }

    [Fact]
    public async Task Tags_are_counted_over_active_entities_in_order_and_in_pages()
    {
        KeyValuePair<string, long>[] all =
            [KeyValuePair.Create("color:blue", 1L), KeyValuePair.Create("color:red", 2L), KeyValuePair.Create("size:1", 2L), KeyValuePair.Create("size:2", 1L)];
        Assert.Equal(all, await store.Store.TagsAsync(Dataset, ""));
        Assert.Equal(all[..2], await store.Store.TagsAsync(Dataset, "color:"));
        var page = (await store.Http.GetAsync($"/v1/datasets/{Dataset}/tags?limit=3")).Json;
        Assert.Equal("size:1", page.GetProperty("cursor").GetString());
        var last = (await store.Http.GetAsync($"/v1/datasets/{Dataset}/tags?limit=3&cursor=size:1")).Json;
        Assert.Equal("""{"items":[{"tag":"size:2","count":1}]}""", last.GetRawText());
    }

    private static IEnumerable<string> Ids(JsonElement page) =>
        page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetString()!).Order(StringComparer.Ordinal);
}
