using EntityActors.Tests.Shared.Http;
using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>One entity: put, get, tags, delete, restore, and the past.</summary>
public sealed class EntityTests(StoreFixture store) : IClassFixture<StoreFixture>
{
    private const string Dataset = "entities";

    [Fact]
    public async Task A_first_PUT_answers_201_with_ETag_and_Commit_and_a_second_one_200()
    {
        var first = await store.Store.PutAsync(Dataset, "put", ["type:doc"], """{"a":1}""");
        Assert.Equal((201, "\"1\""), (first.Status, first.ETag));
        Assert.Equal((Dataset, "put", 1L, false), (first.Commit!.Dataset, first.Commit.Id, first.Commit.Revision, first.Commit.Duplicate));
        Assert.InRange(first.Commit.Shard, 0, StoreFixture.ShardCount - 1);
        var second = await store.Store.PutAsync(Dataset, "put", ["type:note"], null);
        Assert.Equal((200, "\"2\""), (second.Status, second.ETag));
        Assert.True(second.Commit!.Sequence > first.Commit.Sequence && second.Commit.At > first.Commit.At);
    }

    [Fact]
    public async Task An_Entity_has_the_members_of_the_contract()
    {
        var path = $"/v1/datasets/{Dataset}/entities/shape";
        var commit = (await store.Http.SendAsync("PUT", path, """{"tags":["b:2","a:1","b:2"],"content": {"x": [1, null]}}""")).Json;
        var json = (await store.Http.GetAsync(path)).Json;
        Assert.Equal(
            ["dataset", "id", "revision", "lifecycle", "createdAt", "updatedAt", "tags", "contentType", "contentLength", "content"],
            json.EnumerateObject().Select(member => member.Name));
        Assert.Equal("active", json.GetProperty("lifecycle").GetString());
        Assert.Equal(["a:1", "b:2"], json.GetProperty("tags").EnumerateArray().Select(tag => tag.GetString()));
        Assert.Equal("application/json", json.GetProperty("contentType").GetString());
        Assert.Equal("""{"x": [1, null]}""", json.GetProperty("content").GetRawText());
        Assert.Equal(commit.GetProperty("at").GetString(), json.GetProperty("createdAt").GetString());
        Assert.Equal(json.GetProperty("createdAt").GetString(), Rfc3339.Format(Rfc3339.Parse(json.GetProperty("updatedAt").GetString()!)));
    }

    [Fact]
    public async Task PUT_is_the_whole_new_state()
    {
        await store.Store.PutAsync(Dataset, "whole", ["a:1", "b:2"], "1");
        await store.Store.PutAsync(Dataset, "whole", ["c:3"], null);
        var entity = (await store.Store.GetAsync(Dataset, "whole"))!;
        Assert.Equal("c:3", Assert.Single(entity.Tags));
        Assert.Null(entity.ContentType);
    }

    [Fact]
    public async Task Content_may_come_as_base64_with_its_type()
    {
        var put = await store.Http.SendAsync("PUT", $"/v1/datasets/{Dataset}/entities/base64",
            """{"tags":[],"contentBase64":"AAEC/w==","contentType":"image/x-thing"}""");
        Assert.Equal(201, put.Status);
        var entity = (await store.Store.GetAsync(Dataset, "base64"))!;
        Assert.Equal(("image/x-thing", 4L, "\"AAEC/w==\""), (entity.ContentType, entity.ContentLength, entity.ContentText));
        var raw = await store.Http.GetAsync($"/v1/datasets/{Dataset}/entities/base64/content");
        Assert.Equal([0, 1, 2, 255], raw.Bytes);
    }

    [Theory]
    [InlineData("a/b/c")]
    [InlineData("/")]
    [InlineData("%2F")]
    [InlineData("a b+c?d#e&f=g")]
    [InlineData("tags")]
    [InlineData("...")]
    [InlineData("\u0001\n\t\"\\")]
    [InlineData("日本語 🜁 é")]
    [InlineData("{group}/x")]
    public async Task An_id_may_hold_any_character(string id)
    {
        Assert.Equal(201, (await store.Store.PutAsync(Dataset, id, ["any:id"], "1")).Status);
        Assert.Equal(id, (await store.Store.GetAsync(Dataset, id))!.Id);
        Assert.Equal(200, (await store.Store.PatchTagsAsync(Dataset, id, ["more:yes"], [])).Status);
        Assert.Equal(2, (await store.Store.HistoryAsync(Dataset, id)).Count);
        Assert.Contains(await store.Store.QueryAsync(Dataset, ["any:id", "more:yes"]), entity => entity.Id == id);
    }

    [Fact]
    public async Task An_id_of_256_bytes_is_the_longest()
    {
        foreach (var id in (string[])[new string('x', 256), new string('é', 128)])
        {
            Assert.Equal(201, (await store.Store.PutAsync(Dataset, id, [], null)).Status);
            Assert.Equal(id, (await store.Store.GetAsync(Dataset, id))!.Id);
        }
    }

    [Fact]
    public async Task PATCH_tags_adds_and_removes_and_a_tag_in_both_lists_is_added()
    {
        await store.Store.PutAsync(Dataset, "patch", ["a:1", "b:2"], "7");
        var answer = await store.Store.PatchTagsAsync(Dataset, "patch", ["c:3", "d:4"], ["a:1", "d:4", "z:0"]);
        Assert.Equal((200, 2L), (answer.Status, answer.Commit!.Revision));
        var entity = (await store.Store.GetAsync(Dataset, "patch"))!;
        Assert.Equal(["b:2", "c:3", "d:4"], entity.Tags.ToArray());
        Assert.Equal("7", entity.ContentText);
    }

    [Fact]
    public async Task A_tag_may_hold_any_character_behind_its_name()
    {
        string[] tags = ["k:", "k: a b ", "k:a:b", "k:\u0000", "ключ:значение", "k:" + new string('x', 510)];
        Assert.Equal(201, (await store.Store.PutAsync(Dataset, "tagged", tags, null)).Status);
        Assert.Equal(tags.Order(StringComparer.Ordinal), (await store.Store.GetAsync(Dataset, "tagged"))!.Tags.ToArray());
        foreach (var tag in tags) Assert.Single(await store.Store.QueryAsync(Dataset, [tag]));
    }

    [Fact]
    public async Task DELETE_hides_the_entity_and_keeps_its_past()
    {
        var put = (await store.Store.PutAsync(Dataset, "gone", ["a:1"], "1")).Commit!;
        var deleted = await store.Store.DeleteAsync(Dataset, "gone");
        Assert.Equal((200, 2L), (deleted.Status, deleted.Commit!.Revision));
        var now = await store.Http.GetAsync($"/v1/datasets/{Dataset}/entities/gone");
        Assert.Equal((404, "not_found"), (now.Status, now.Code));
        Assert.Equal(404, (await store.Http.GetAsync($"/v1/datasets/{Dataset}/entities/gone/content")).Status);
        Assert.Equal(1, (await store.Store.GetAsync(Dataset, "gone", put.At))!.Revision);
        Assert.Null(await store.Store.GetAsync(Dataset, "gone", put.At - 1));
        Assert.Null(await store.Store.GetAsync(Dataset, "gone", deleted.Commit.At));
    }

    [Fact]
    public async Task What_is_not_there_cannot_be_deleted_patched_or_given_content()
    {
        var before = await store.SequenceSumAsync();
        foreach (var id in (string[])["never", "twice"])
        {
            if (id == "twice")
            {
                await store.Store.PutAsync(Dataset, id, [], null);
                await store.Store.DeleteAsync(Dataset, id);
                before = await store.SequenceSumAsync();
            }

            Assert.Equal((404, "not_found"), Told(await store.Store.DeleteAsync(Dataset, id)));
            Assert.Equal((404, "not_found"), Told(await store.Store.PatchTagsAsync(Dataset, id, ["a:1"], [])));
            Assert.Equal((404, "not_found"), Told(await store.Store.PutContentAsync(Dataset, id, [1], "text/plain")));
            Assert.Equal(before, await store.SequenceSumAsync());
        }
    }

    [Fact]
    public async Task PUT_over_a_deleted_entity_makes_it_active_and_its_history_goes_on()
    {
        await store.Store.PutAsync(Dataset, "again", ["a:1"], "1");
        await store.Store.DeleteAsync(Dataset, "again");
        var put = await store.Store.PutAsync(Dataset, "again", ["b:2"], null);
        Assert.Equal((200, 3L), (put.Status, put.Commit!.Revision));
        Assert.Equal("active", (await store.Store.GetAsync(Dataset, "again"))!.Lifecycle);
        Assert.Equal(["active", "deleted", "active"], (await store.Store.HistoryAsync(Dataset, "again")).Select(change => change.Lifecycle));
    }

    [Fact]
    public async Task Restore_brings_tags_and_content_back_and_refuses_what_is_not_deleted()
    {
        Assert.Equal((404, "not_found"), Told(await store.Store.RestoreAsync(Dataset, "back")));
        await store.Store.PutAsync(Dataset, "back", ["a:1"], "[1]");
        Assert.Equal((409, "not_deleted"), Told(await store.Store.RestoreAsync(Dataset, "back")));
        await store.Store.DeleteAsync(Dataset, "back");
        Assert.Equal(3, (await store.Store.RestoreAsync(Dataset, "back")).Commit!.Revision);
        var entity = (await store.Store.GetAsync(Dataset, "back"))!;
        Assert.Equal(("[1]", "a:1"), (entity.ContentText, Assert.Single(entity.Tags)));
    }

    [Fact]
    public async Task A_time_is_sent_with_nine_digits_and_taken_as_ns_too()
    {
        const long At = 1_709_210_096_123_456_789;
        var path = $"/v1/datasets/{Dataset}/entities/times";
        Assert.Equal(201, (await store.Http.SendAsync("PUT", path, $$"""{"tags":["v:1"],"at":{{At}}}""")).Status);
        Assert.Equal(200, (await store.Http.SendAsync("PUT", path, """{"tags":["v:2"],"at":"2024-02-29T12:34:56.12345679+00:00"}""")).Status);
        var history = await store.Store.HistoryAsync(Dataset, "times");
        Assert.Equal([At, At + 1], history.Select(change => change.At));
        foreach (var (moment, revision) in new[] { ($"{At}", 1), ("2024-02-29T12:34:56.123456789Z", 1), ($"{At + 1}", 2), ("2024-02-29T13:34:57%2B01:00", 2) })
            Assert.Equal(revision, (await store.Http.GetAsync($"{path}?asOf={moment}")).Json.GetProperty("revision").GetInt32());
        Assert.Equal(404, (await store.Http.GetAsync($"{path}?asOf={At - 1}")).Status);
    }

    [Fact]
    public async Task A_backfill_must_be_later_than_the_last_change_and_not_in_the_future()
    {
        var path = $"/v1/datasets/{Dataset}/entities/backfill";
        await store.Http.SendAsync("PUT", path, """{"tags":[],"at":2000000000000000}""");
        var before = await store.SequenceSumAsync();
        Assert.Equal("at_not_later", (await store.Http.SendAsync("PUT", path, """{"tags":[],"at":2000000000000000}""")).Code);
        Assert.Equal("at_in_future", (await store.Http.SendAsync("PUT", path, """{"tags":[],"at":"2200-01-01T00:00:00Z"}""")).Code);
        Assert.Equal("invalid", (await store.Http.SendAsync("PATCH", path + "/tags", """{"add":["a:1"],"at":0}""")).Code);
        Assert.Equal(before, await store.SequenceSumAsync());
    }

    [Fact]
    public async Task HEAD_answers_like_GET_without_a_body()
    {
        await store.Store.PutAsync(Dataset, "head", [], "1");
        var head = await store.Http.SendAsync("HEAD", $"/v1/datasets/{Dataset}/entities/head", (string?)null);
        Assert.Equal((200, "\"1\"", 0), (head.Status, head.Headers["ETag"], head.Bytes.Length));
        Assert.Equal(404, (await store.Http.SendAsync("HEAD", $"/v1/datasets/{Dataset}/entities/nobody", (string?)null)).Status);
    }

    private static (int, string?) Told(WriteAnswer answer) => (answer.Status, answer.Problem?.Code);
}
