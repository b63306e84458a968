using System.Security.Cryptography;
using System.Text;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>Archiving, restoring and purging over HTTP.</summary>
public sealed class LifecycleTests(StoreFixture store) : IClassFixture<StoreFixture>
{
    private const string Dataset = "lifecycle";

    [Fact]
    public async Task An_archived_entity_is_read_and_queried_as_such_and_changed_only_after_a_restore()
    {
        var path = await PutAsync("shelf", "a:1");
        Assert.Equal((404, "not_found"), Told(await store.Http.SendAsync("POST", Path("nothing") + "/archive", (string?)null)));
        var archived = await store.Http.SendAsync("POST", path + "/archive", (string?)null, "If-Match: \"1\"");
        Assert.Equal((200, 2L), (archived.Status, archived.Json.GetProperty("revision").GetInt64()));
        Assert.Equal("archived", (await store.Store.GetAsync(Dataset, "shelf"))!.Lifecycle);
        Assert.Equal(["shelf"], await IdsAsync("lifecycle=archived&tag=a:1"));
        Assert.Empty(await IdsAsync("tag=a:1"));
        foreach (var (method, route, body) in new[]
        {
            ("PUT", "", """{"tags":[]}"""), ("PATCH", "/tags", """{"add":["b:2"]}"""), ("PUT", "/content", "1"), ("POST", "/archive", null),
        })
        {
            Assert.Equal((409, "archived"), Told(await store.Http.SendAsync(method, path + route, body)));
        }

        Assert.Equal((412, "precondition_failed"), Told(await store.Http.SendAsync("PUT", path, """{"tags":[]}""", "If-Match: \"1\"")));
        Assert.Equal(200, (await store.Http.SendAsync("POST", path + "/restore", (string?)null, "If-Match: \"2\"")).Status);
        Assert.Equal((409, "not_deleted"), Told(await store.Http.SendAsync("POST", path + "/restore", (string?)null)));
        Assert.Equal(["shelf"], await IdsAsync("tag=a:1"));
        Assert.Equal(200, (await store.Http.SendAsync("POST", path + "/archive", (string?)null)).Status);
        Assert.Equal(200, (await store.Http.SendAsync("DELETE", path, (string?)null)).Status);
        Assert.Equal(["active", "archived", "active", "archived", "deleted"],
            (await store.Store.HistoryAsync(Dataset, "shelf")).Select(change => change.Lifecycle));
    }

    [Fact]
    public async Task A_purged_entity_is_410_on_its_routes_at_every_moment_and_absent_elsewhere()
    {
        var path = await PutAsync("gone", "secret:1");
        var before = (await store.Store.GetAsync(Dataset, "gone"))!.UpdatedAt;
        Assert.Equal((412, "precondition_failed"), Told(await store.Http.SendAsync("DELETE", path + "?purge=true", (string?)null, "If-Match: \"7\"")));
        var purge = await store.Http.SendAsync("DELETE", path + "?purge=true", (string?)null, "If-Match: \"1\"", "Idempotency-Key: purge-gone");
        Assert.Equal((200, 2L), (purge.Status, purge.Json.GetProperty("revision").GetInt64()));
        var again = await store.Http.SendAsync("DELETE", path + "?purge=true", (string?)null, "If-Match: \"1\"", "Idempotency-Key: purge-gone");
        Assert.Equal((200, true), (again.Status, again.Json.GetProperty("duplicate").GetBoolean()));
        var moment = Rfc3339.Format(before);
        foreach (var (method, route, body) in new[]
        {
            ("GET", "", null), ("GET", "?asOf=" + moment, null), ("GET", "?asOf=1", null), ("GET", "/content?asOf=" + moment, null), ("GET", "/history", null),
            ("GET", "/history?to=" + moment, null), ("GET", $"/diff?from={moment}&to={moment}", null), ("PUT", "", """{"tags":[]}"""),
            ("PATCH", "/tags", """{"add":["b:2"]}"""), ("PUT", "/content", "1"), ("DELETE", "", null), ("DELETE", "?purge=true", null),
            ("POST", "/restore", null), ("POST", "/archive", null),
        })
        {
            Assert.Equal((method, route, (410, "purged")), (method, route, Told(await store.Http.SendAsync(method, path + route, body))));
        }

        foreach (var query in new[] { "", "lifecycle=any", $"asOf={moment}", $"lifecycle=any&asOf={moment}", "tag=secret:*&lifecycle=any" })
            Assert.DoesNotContain("gone", await IdsAsync(query));
        Assert.DoesNotContain("secret", (await store.Http.GetAsync($"/v1/datasets/{Dataset}/tags?asOf={moment}")).Body, StringComparison.Ordinal);
        var feed = (await store.Http.GetAsync($"/v1/datasets/{Dataset}/changes?follow=false")).Body.Split('\n').Where(line => line.Contains("\"gone\"", StringComparison.Ordinal));
        Assert.Contains("\"lifecycle\":\"purged\"", Assert.Single(feed), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_deleted_or_archived_entity_can_be_purged_and_what_never_was_cannot()
    {
        var (deleted, archived) = (await PutAsync("deleted", "x:1"), await PutAsync("archived", "x:1"));
        await store.Http.SendAsync("DELETE", deleted, (string?)null);
        await store.Http.SendAsync("POST", archived + "/archive", (string?)null);
        Assert.Equal(200, (await store.Http.SendAsync("DELETE", deleted + "?purge=true", (string?)null, "If-Match: \"2\"")).Status);
        Assert.Equal(200, (await store.Http.SendAsync("DELETE", archived + "?purge=true", (string?)null)).Status);
        Assert.Equal((404, "not_found"), Told(await store.Http.SendAsync("DELETE", Path("never") + "?purge=true", (string?)null)));
    }

    [Fact]
    public async Task After_checkpoints_no_file_of_the_running_node_holds_a_byte_of_what_was_purged()
    {
        var secrets = Enumerable.Range(0, 4).Select(_ => Encoding.ASCII.GetBytes(Convert.ToHexString(RandomNumberGenerator.GetBytes(16)))).ToList();
        var texts = secrets.Select(Encoding.ASCII.GetString).ToList();
        var path = await PutAsync("erased", "t:" + texts[0]);
        await CheckpointsAsync();
        await store.Http.SendAsync("PUT", path, $$"""{"tags":["t:{{texts[1]}}"],"content":"{{texts[2]}}" }""");
        await store.Http.SendAsync("PUT", path + "/content", Encoding.ASCII.GetBytes(texts[3]), ["Content-Type: text/plain"]);
        Assert.NotEmpty(StoredBytes.FilesHolding(store.DataDirectory, secrets));
        Assert.Equal(200, (await store.Http.SendAsync("DELETE", path + "?purge=true", (string?)null)).Status);
        var deadline = DateTime.UtcNow + TimeSpan.FromMinutes(3);
        while (StoredBytes.FilesHolding(store.DataDirectory, secrets) is { Count: > 0 } held)
        {
            Assert.True(DateTime.UtcNow < deadline, $"purged bytes stay in {string.Join(' ', held)}");
            await CheckpointsAsync();
        }

        Assert.Equal((410, "purged"), Told(await store.Http.GetAsync(path)));
    }

    private static string Path(string id) => StoreHttp.EntityPath(Dataset, id);

    private static (int, string?) Told(HttpAnswer answer) => (answer.Status, answer.Code);

    private async Task<string> PutAsync(string id, string tag)
    {
        Assert.Equal(201, (await store.Http.SendAsync("PUT", Path(id), $$"""{"tags":["{{tag}}"],"content":{"of":"{{id}}" } }""")).Status);
        return Path(id);
    }

    private async Task<List<string>> IdsAsync(string query) =>
        [.. (await store.Http.GetAsync($"/v1/datasets/{Dataset}/entities?{query}")).Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetString()!)];

    private async Task CheckpointsAsync()
    {
        for (var shard = 0; shard < StoreFixture.ShardCount; shard++)
            Assert.Equal(200, (await store.Http.SendAsync("POST", $"/v1/shards/{shard}/checkpoint", (string?)null)).Status);
    }
}
