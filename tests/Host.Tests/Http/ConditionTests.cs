using EntityActors.Tests.Shared.Http;
using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>Conditions on the revision, and commands sent twice.</summary>
public sealed class ConditionTests(StoreFixture store) : IClassFixture<StoreFixture>
{
    private const string Dataset = "conditions";

    [Fact]
    public async Task A_write_with_another_revision_is_412_with_the_actual_one_and_changes_nothing()
    {
        await store.Store.PutAsync(Dataset, "match", [], null);
        await store.Store.PutAsync(Dataset, "match", ["v:2"], null);
        var before = await store.SequenceSumAsync();
        var path = Path("match");
        foreach (var (method, route, body) in new[]
        {
            ("PUT", "", """{"tags":[]}"""), ("PATCH", "/tags", """{"add":["x:y"]}"""), ("PUT", "/content", "1"), ("DELETE", "", null),
        })
        {
            foreach (var wrong in (string[])["\"1\"", "\"3\""])
            {
                var answer = await store.Http.SendAsync(method, path + route, body, $"If-Match: {wrong}");
                Assert.True((answer.Status, answer.Code) == (412, "precondition_failed"), $"{method} {route}: {answer}");
                Assert.Equal(2, answer.Json.GetProperty("actualRevision").GetInt64());
            }
        }

        Assert.Equal(before, await store.SequenceSumAsync());
        Assert.Equal(200, (await store.Http.SendAsync("PATCH", path + "/tags", """{"add":["x:y"]}""", "If-Match: \"2\"")).Status);
        Assert.Equal(200, (await store.Http.SendAsync("DELETE", path, (string?)null, "If-Match: *")).Status);
    }

    [Fact]
    public async Task If_None_Match_star_creates_once_and_again_after_a_delete()
    {
        var path = Path("none");
        Assert.Equal(201, (await store.Http.SendAsync("PUT", path, """{"tags":[]}""", "If-None-Match: *")).Status);
        var second = await store.Http.SendAsync("PUT", path, """{"tags":[]}""", "If-None-Match: *");
        Assert.Equal((412, 1L), (second.Status, second.Json.GetProperty("actualRevision").GetInt64()));
        await store.Store.DeleteAsync(Dataset, "none");
        Assert.Equal(200, (await store.Http.SendAsync("PUT", path, """{"tags":[]}""", "If-None-Match: *")).Status);
    }

    [Fact]
    public async Task If_Match_star_on_an_absent_entity_is_412_for_PUT()
    {
        var answer = await store.Http.SendAsync("PUT", Path("absent"), """{"tags":[]}""", "If-Match: *");
        Assert.Equal((412, 0L), (answer.Status, answer.Json.GetProperty("actualRevision").GetInt64()));
        Assert.Null(await store.Store.GetAsync(Dataset, "absent"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/content")]
    public async Task GET_answers_304_to_who_has_the_revision_already(string route)
    {
        await store.Store.PutAsync(Dataset, "cached", [], """{"a":1}""");
        var tag = (await store.Http.GetAsync(Path("cached") + route)).Headers["ETag"];
        foreach (var same in (string[])[tag, "W/" + tag, $"\"77\", {tag}", "*"])
        {
            var answer = await store.Http.GetAsync(Path("cached") + route, $"If-None-Match: {same}");
            Assert.True(answer.Status == 304 && answer.Bytes.Length == 0 && answer.Headers["ETag"] == tag, $"{same}: {answer}");
        }

        foreach (var other in (string[])["\"77\"", "nonsense"])
            Assert.Equal(200, (await store.Http.GetAsync(Path("cached") + route, $"If-None-Match: {other}")).Status);
    }

    [Theory]
    [InlineData("11111111-2222-3333-4444-555555555555")]
    [InlineData("any text of mine, up to 256 characters")]
    public async Task The_same_Idempotency_Key_takes_effect_once_and_gets_the_first_answer(string key)
    {
        var path = Path("once-" + key.Length);
        var first = await store.Http.SendAsync("PUT", path, """{"tags":["v:1"]}""", $"Idempotency-Key: {key}");
        await store.Http.SendAsync("PATCH", path + "/tags", """{"add":["v:2"]}""");
        var second = await store.Http.SendAsync("PUT", path, """{"tags":["v:1"]}""", $"Idempotency-Key: {key}");
        Assert.Equal((201, 201), (first.Status, second.Status));
        Assert.Equal(first.Body.Replace("\"duplicate\":false", "\"duplicate\":true", StringComparison.Ordinal), second.Body);
        Assert.Equal(2, (await store.Store.HistoryAsync(Dataset, "once-" + key.Length)).Count);

        var other = await store.Http.SendAsync("PUT", path, """{"tags":["v:3"]}""", $"Idempotency-Key: {key}");
        Assert.Equal((422, "command_id_reused"), (other.Status, other.Code));
        var otherRoute = await store.Http.SendAsync("DELETE", path, (string?)null, $"Idempotency-Key: {key}");
        Assert.Equal((422, "command_id_reused"), (otherRoute.Status, otherRoute.Code));
        Assert.Equal(2, (await store.Store.HistoryAsync(Dataset, "once-" + key.Length)).Count);
    }

    [Fact]
    public async Task A_conditional_write_sent_twice_is_a_duplicate_and_no_conflict()
    {
        await store.Store.PutAsync(Dataset, "retry", [], null);
        var conditions = new WriteConditions(IfMatch: 1, CommandId: Guid.NewGuid());
        Assert.False((await store.Store.PutAsync(Dataset, "retry", ["a:1"], null, conditions)).Commit!.Duplicate);
        Assert.True((await store.Store.PutAsync(Dataset, "retry", ["a:1"], null, conditions)).Commit!.Duplicate);
    }

    private static string Path(string id) => StoreHttp.EntityPath(Dataset, id);
}
