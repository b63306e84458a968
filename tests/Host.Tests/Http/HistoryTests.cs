using EntityActors.Tests.Shared.Http;
using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>History and diff of one entity.</summary>
public sealed class HistoryTests(StoreFixture store) : IClassFixture<StoreFixture>
{
    private const string Dataset = "histories";

    [Fact]
    public async Task A_Change_has_the_members_of_the_contract()
    {
        await store.Store.PutAsync(Dataset, "shape", ["a:1"], "{\"n\":1}");
        await store.Store.PatchTagsAsync(Dataset, "shape", ["b:2"], ["a:1"]);
        await store.Store.PutAsync(Dataset, "shape", ["b:2"], null);
        var items = (await store.Http.GetAsync(Path("shape") + "/history")).Json.GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(
            ["dataset", "id", "revision", "at", "recordedAt", "author", "added", "removed", "lifecycle", "contentType", "content", "cursor"],
            items[0].EnumerateObject().Select(member => member.Name));
        Assert.Equal("{\"n\":1}", items[0].GetProperty("content").GetRawText());
        Assert.Equal(("b:2", "a:1"), (items[1].GetProperty("added")[0].GetString(), items[1].GetProperty("removed")[0].GetString()));
        Assert.False(items[1].TryGetProperty("content", out _));
        Assert.Equal("null", items[2].GetProperty("content").GetRawText());
        Assert.Equal(items[0].GetProperty("at").GetString(), items[0].GetProperty("recordedAt").GetString());
    }

    [Fact]
    public async Task Pages_follow_each_other_oldest_first_and_the_last_has_no_cursor()
    {
        for (var i = 0; i < 5; i++) await store.Store.PutAsync(Dataset, "pages", [$"v:{i}"], null);
        var first = (await store.Http.GetAsync(Path("pages") + "/history?limit=2")).Json;
        Assert.Equal([1L, 2L], first.GetProperty("items").EnumerateArray().Select(change => change.GetProperty("revision").GetInt64()));
        Assert.Equal([1L, 2L, 3L, 4L, 5L], (await store.Store.HistoryAsync(Dataset, "pages", pageLimit: 2)).Select(change => change.Revision));
        Assert.False((await store.Http.GetAsync(Path("pages") + "/history?limit=5")).Json.TryGetProperty("cursor", out _));
        var from = first.GetProperty("items")[1].GetProperty("cursor").GetString();
        var behind = await store.Http.GetAsync($"{Path("pages")}/history?cursor={long.MaxValue}");
        Assert.True(behind.Status == 200 && behind.Json.GetProperty("items").GetArrayLength() == 0, behind.Body);
        Assert.Equal(3, (await store.Http.GetAsync($"{Path("pages")}/history?cursor={from}")).Json.GetProperty("items")[0].GetProperty("revision").GetInt64());
    }

    [Fact]
    public async Task From_and_to_include_their_moments()
    {
        var times = new List<long>();
        for (var i = 0; i < 4; i++) times.Add((await store.Store.PutAsync(Dataset, "between", [$"v:{i}"], null)).Commit!.At);
        Assert.Equal("2 3", await RevisionsAsync($"?from={times[1]}&to={times[2]}"));
        Assert.Equal("3", await RevisionsAsync($"?from={times[1] + 1}&to={times[3] - 1}"));
        Assert.Equal("", await RevisionsAsync($"?from={times[3] + 1}"));

        async Task<string> RevisionsAsync(string query) =>
            string.Join(' ', (await store.Http.GetAsync(Path("between") + "/history" + query)).Json.GetProperty("items").EnumerateArray()
                .Select(change => change.GetProperty("revision").GetInt64()));
    }

    [Fact]
    public async Task The_history_of_a_deleted_entity_stays_and_there_is_none_of_one_that_never_was()
    {
        await store.Store.PutAsync(Dataset, "deleted", ["a:1"], null);
        await store.Store.DeleteAsync(Dataset, "deleted");
        Assert.Equal(["active", "deleted"], (await store.Store.HistoryAsync(Dataset, "deleted")).Select(change => change.Lifecycle));
        var never = await store.Http.GetAsync(Path("never") + "/history");
        Assert.Equal((404, "not_found"), (never.Status, never.Code));
    }

    [Fact]
    public async Task A_page_of_large_contents_ends_early_and_the_next_one_goes_on()
    {
        await store.Store.PutAsync(Dataset, "large", [], null);
        for (var i = 0; i < 9; i++) await store.Store.PutContentAsync(Dataset, "large", new byte[1024 * 1024], "application/x-zero");
        var first = await store.Http.GetAsync(Path("large") + "/history");
        Assert.InRange(first.Json.GetProperty("items").GetArrayLength(), 2, 6);
        Assert.Equal(10, (await store.Store.HistoryAsync(Dataset, "large")).Count);
    }

    [Fact]
    public async Task A_diff_tells_what_came_what_went_and_both_states()
    {
        var first = (await store.Store.PutAsync(Dataset, "diff", ["a:1", "b:2"], "1")).Commit!.At;
        var second = (await store.Store.PutAsync(Dataset, "diff", ["b:2", "c:3"], "1")).Commit!.At;
        var third = (await store.Store.PutAsync(Dataset, "diff", ["b:2", "c:3"], "2")).Commit!.At;
        var tags = await store.Store.DiffAsync(Dataset, "diff", first, second);
        Assert.Equal(("c:3", "a:1", false), (Assert.Single(tags.Added), Assert.Single(tags.Removed), tags.ContentChanged));
        Assert.Equal((1L, 2L), (tags.RevisionBefore, tags.RevisionAfter));
        var content = await store.Store.DiffAsync(Dataset, "diff", second, third);
        Assert.True(content.ContentChanged && content.Added.IsEmpty && content.Removed.IsEmpty);
        var back = await store.Store.DiffAsync(Dataset, "diff", third, first);
        Assert.Equal(("a:1", "c:3"), (Assert.Single(back.Added), Assert.Single(back.Removed)));
        Assert.Equal(3, (await store.Http.GetAsync($"{Path("diff")}/diff?from={first}")).Json.GetProperty("after").GetProperty("revision").GetInt64());
    }

    [Fact]
    public async Task Where_the_entity_is_absent_a_diff_has_null_and_absent_at_both_is_404()
    {
        var created = (await store.Store.PutAsync(Dataset, "absent", ["a:1"], "1")).Commit!.At;
        var deleted = (await store.Store.DeleteAsync(Dataset, "absent")).Commit!.At;
        var birth = await store.Store.DiffAsync(Dataset, "absent", created - 1, created);
        Assert.Equal((null, 1L, true, "a:1"), (birth.RevisionBefore, birth.RevisionAfter, birth.ContentChanged, Assert.Single(birth.Added)));
        var death = await store.Store.DiffAsync(Dataset, "absent", created, deleted);
        Assert.Equal((1L, null, true, "a:1"), (death.RevisionBefore, death.RevisionAfter, death.ContentChanged, Assert.Single(death.Removed)));
        var neither = await store.Http.GetAsync($"{Path("absent")}/diff?from={created - 1}&to={deleted}");
        Assert.Equal((404, "not_found"), (neither.Status, neither.Code));
        Assert.Equal("invalid", (await store.Http.GetAsync(Path("absent") + "/diff")).Code);
    }

    private static string Path(string id) => StoreHttp.EntityPath(Dataset, id);
}
