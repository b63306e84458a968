using System.Text;
using System.Text.Json.Nodes;
using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>What is exported and imported again gives the same answers.</summary>
public sealed class ExportTests(StoreFixture store) : IClassFixture<StoreFixture>
{
    private static readonly string[] Ids = ["json", "spaces", "bytes", "not-json", "twice", "plain", "ü/ 1", "deleted", "back", "emptied", "large", "aside"];

    [Fact]
    public async Task A_history_is_the_same_after_a_round_trip()
    {
        await FillAsync("export-1");
        var export = await store.Http.GetAsync("/v1/datasets/export-1/export?history=true");
        Assert.Equal((200, "application/x-ndjson"), (export.Status, export.ContentType));
        await ImportAsync("import-1", export);
        foreach (var id in Ids)
        {
            var history = await HistoryAsync("export-1", id);
            Assert.True(history.Count > 0, id);
            Assert.Equal(history, await HistoryAsync("import-1", id));
            await AssertSameAsync("export-1", "import-1", id, "");
        }

        // The past gives the same answers as well.
        foreach (var moment in await MomentsAsync("export-1"))
        {
            foreach (var id in Ids) await AssertSameAsync("export-1", "import-1", id, $"?asOf={Uri.EscapeDataString(moment)}");
        }

        var again = await store.Http.GetAsync("/v1/datasets/import-1/export?history=true");
        Assert.Equal(Lines(export), Lines(again));
    }

    [Fact]
    public async Task Expiries_to_come_are_the_same_after_a_round_trip()
    {
        const string later = "2199-01-01T00:00:00.000000000Z";
        var path = "/v1/datasets/export-expiry/entities/";
        Assert.Equal(201, (await store.Http.SendAsync("PUT", path + "put", $$"""{"tags":["a:1"],"expiresAt":"{{later}}"}""")).Status);
        foreach (var id in new[] { "tags", "never" }) Assert.Equal(201, (await store.Http.SendAsync("PUT", path + id, """{"tags":["a:1"]}""")).Status);
        foreach (var id in new[] { "tags", "never" })
            Assert.Equal(200, (await store.Http.SendAsync("PATCH", path + id + "/tags", $$"""{"add":["b:1"],"expiresAt":"{{later}}"}""")).Status);
        Assert.Equal(200, (await store.Http.SendAsync("PATCH", path + "never/tags", """{"add":["c:1"],"expiresAt":null}""")).Status);
        foreach (var history in new[] { "true", "false" })
        {
            var target = "import-expiry-" + history;
            await ImportAsync(target, await store.Http.GetAsync("/v1/datasets/export-expiry/export?history=" + history));
            foreach (var (id, expected) in new[] { ("put", later), ("tags", later), ("never", null) })
            {
                var entity = (await store.Http.GetAsync($"/v1/datasets/{target}/entities/{id}")).Json;
                Assert.Equal(expected, entity.TryGetProperty("expiresAt", out var at) ? at.GetString() : null);
            }
        }
    }

    [Fact]
    public async Task A_state_is_the_same_after_a_round_trip()
    {
        await FillAsync("export-2");
        var export = await store.Http.GetAsync("/v1/datasets/export-2/export");
        await ImportAsync("import-2", export);
        foreach (var id in Ids) await AssertSameAsync("export-2", "import-2", id, "", "revision", "createdAt");
        Assert.Equal(Ids.Length - 1, await store.Store.CountAsync("import-2", []));
    }

    [Fact]
    public async Task An_export_can_be_of_any_moment()
    {
        await FillAsync("export-3");
        foreach (var moment in (await MomentsAsync("export-3")).Take(4))
        {
            var asOf = $"?asOf={Uri.EscapeDataString(moment)}";
            var state = Lines(await store.Http.GetAsync("/v1/datasets/export-3/export" + asOf));
            var query = (await store.Http.GetAsync($"/v1/datasets/export-3/entities{asOf}&fields=id")).Json.GetProperty("items");
            Assert.Equal(query.GetArrayLength(), state.Length);
            var history = Lines(await store.Http.GetAsync("/v1/datasets/export-3/export" + asOf + "&history=true"));
            Assert.All(history, line => Assert.True(string.CompareOrdinal((string)JsonNode.Parse(line)!["at"]!, moment) <= 0, line));
        }
    }

    private async Task FillAsync(string dataset)
    {
        await store.Store.PutAsync(dataset, "json", ["a:1"], """{"n":[1,2.50,1e3],"t":"é"}""");
        await store.Store.PatchTagsAsync(dataset, "json", ["b:2"], ["a:1"]);
        await store.Store.PatchTagsAsync(dataset, "json", [], []);
        await store.Store.PutAsync(dataset, "spaces", [], null);
        await store.Store.PutContentAsync(dataset, "spaces", " {\n  \"a\" :\r\n 1 }\n"u8.ToArray(), "application/json");
        await store.Store.PutAsync(dataset, "bytes", ["z:1"], null);
        await store.Store.PutContentAsync(dataset, "bytes", new byte[100_000], "application/octet-stream");
        await store.Store.PutContentAsync(dataset, "bytes", [], "image/png");
        await store.Store.PutAsync(dataset, "not-json", [], null);
        await store.Store.PutContentAsync(dataset, "not-json", "{broken"u8.ToArray(), "application/json");
        await store.Store.PutAsync(dataset, "twice", [], null);
        await store.Store.PutContentAsync(dataset, "twice", """{"a":1,"a":2}"""u8.ToArray(), "application/json; charset=utf-8");
        await store.Store.PutAsync(dataset, "plain", [], null);
        await store.Store.PutAsync(dataset, "ü/ 1", ["path:a b", "path:c"], "null");
        await store.Store.PutAsync(dataset, "deleted", ["a:1"], "7");
        await store.Store.DeleteAsync(dataset, "deleted");
        await store.Store.PutAsync(dataset, "back", ["a:1"], "7");
        await store.Store.DeleteAsync(dataset, "back");
        await store.Store.RestoreAsync(dataset, "back");
        await store.Store.DeleteAsync(dataset, "back");
        await store.Store.PutAsync(dataset, "back", ["a:2"], "8");
        var large = new byte[3 * 1024 * 1024];
        new Random(7).NextBytes(large);
        await store.Store.PutAsync(dataset, "large", ["a:1"], null);
        await store.Store.PutContentAsync(dataset, "large", large, "image/png");
        await store.Store.PutAsync(dataset, "aside", ["a:1"], null);
        Assert.Equal(200, (await store.Http.SendAsync("POST", $"/v1/datasets/{dataset}/entities/aside/archive", (string?)null)).Status);
        await store.Store.RestoreAsync(dataset, "aside");
        await store.Store.PutAsync(dataset, "emptied", ["a:1"], "7");
        await store.Store.PutAsync(dataset, "emptied", ["a:1"], null);
    }

    private async Task ImportAsync(string dataset, HttpAnswer export)
    {
        var answer = await store.Http.SendAsync("POST", $"/v1/datasets/{dataset}/import", export.Bytes, ["Content-Type: application/x-ndjson"]);
        Assert.Equal(0, answer.Json.GetProperty("rejectedCount").GetInt64());
        Assert.Equal(Lines(export).Length, answer.Json.GetProperty("applied").GetInt64());
    }

    private async Task AssertSameAsync(string left, string right, string id, string query, params string[] except)
    {
        var path = $"/entities/{Uri.EscapeDataString(id)}";
        var (one, other) = (await store.Http.GetAsync($"/v1/datasets/{left}{path}{query}"), await store.Http.GetAsync($"/v1/datasets/{right}{path}{query}"));
        Assert.Equal(one.Status, other.Status);
        if (one.Status != 200) return;
        // Where large content stands is the store's matter; its bytes are compared below.
        string[] omitted = ["dataset", "content", "contentBase64", "contentLink", .. except];
        Assert.Equal(Without(one.Json.GetRawText(), omitted), Without(other.Json.GetRawText(), omitted));
        var (bytes, same) = (await store.Http.GetAsync($"/v1/datasets/{left}{path}/content{query}"), await store.Http.GetAsync($"/v1/datasets/{right}{path}/content{query}"));
        Assert.Equal((bytes.Status, bytes.ContentType), (same.Status, same.ContentType));
        if (bytes.Status == 200) Assert.Equal(bytes.Bytes, same.Bytes);
    }

    private async Task<List<string>> HistoryAsync(string dataset, string id)
    {
        var items = (await store.Http.GetAsync($"/v1/datasets/{dataset}/entities/{Uri.EscapeDataString(id)}/history?limit=1000")).Json.GetProperty("items");
        return [.. items.EnumerateArray().Select(change => Without(change.GetRawText(), ["dataset", "recordedAt", "content", "contentBase64", "contentLink", "contentLength"]))];
    }

    private async Task<List<string>> MomentsAsync(string dataset)
    {
        var moments = new List<string>();
        foreach (var id in Ids) moments.AddRange((await HistoryAsync(dataset, id)).Select(change => (string)JsonNode.Parse(change)!["at"]!));
        return moments;
    }

    private static string[] Lines(HttpAnswer export) =>
        [.. Encoding.UTF8.GetString(export.Bytes).Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)];

    private static string Without(string json, string[] members)
    {
        var node = JsonNode.Parse(json)!.AsObject();
        foreach (var member in members) node.Remove(member);
        return node.ToJsonString();
    }
}
