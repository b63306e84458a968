using System.Text.Json;
using EntityActors.Host.Http;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>Policies that trim histories, and what every route that asks about the past answers then.</summary>
public sealed class TrimHttpTests(StoreFixture store) : IClassFixture<StoreFixture>
{
    [Fact]
    public async Task A_policy_takes_an_age_of_history_and_a_number_of_changes()
    {
        const string Path = "/v1/datasets/trim-rules/retention";
        foreach (var body in new[] { """{"keepChanges":0}""", """{"keepChanges":1.5}""", """{"keepChanges":"1"}""", """{"trimHistoryAfter":-1}""" })
            Assert.Equal((400, "invalid"), Told(await store.Http.SendAsync("PUT", Path, body)));
        var policy = (await store.Http.SendAsync("PUT", Path, """{"trimHistoryAfter":60,"keepChanges":3}""")).Body;
        Assert.Equal("""{"dataset":"trim-rules","trimHistoryAfter":60,"keepChanges":3}""", policy);
        Assert.Equal(policy, (await store.Http.GetAsync(Path)).Body);
        Assert.Equal(200, (await store.Http.SendAsync("PUT", Path, """{"keepChanges":1}""")).Status);
    }

    [Fact]
    public async Task What_was_trimmed_is_410_everywhere_and_everything_else_as_it_was()
    {
        const string Dataset = "trimmed";
        var (path, cursor) = (StoreHttp.EntityPath(Dataset, "busy"), "");
        foreach (var i in Enumerable.Range(1, 4))
        {
            await PutAsync(Dataset, "busy", $$"""{"tags":["step:{{i}}","next:still"],"content":{"step":{{i}} } }""");
            if (i == 1) await PutAsync(Dataset, "still", """{"tags":["step:1"]}""");
            if (i == 2) cursor = await CursorAsync(Dataset);
        }

        var caughtUp = await CursorAsync(Dataset);
        var times = (await store.Http.GetAsync(path + "/history")).Json.GetProperty("items").EnumerateArray().Select(At).ToArray();
        var (now, still) = ((await store.Http.GetAsync(path)).Body, (await store.Http.GetAsync(StoreHttp.EntityPath(Dataset, "still"))).Body);
        await store.Http.SendAsync("PUT", $"/v1/datasets/{Dataset}/retention", """{"trimHistoryAfter":0}""");
        var sequence = await store.SequenceSumAsync();
        Assert.Equal((1, 3), Trimmed(await ApplyAsync(Dataset, "?dryRun=true")));
        Assert.Equal(sequence, await store.SequenceSumAsync());
        Assert.Equal(200, (await store.Http.GetAsync($"{path}?asOf={times[1]}")).Status);
        Assert.Equal((1, 3), Trimmed(await ApplyAsync(Dataset, "")));
        Assert.Equal((0, 0), Trimmed(await ApplyAsync(Dataset, "")));
        Assert.Equal((400, "invalid_query"), Told(await store.Http.SendAsync("POST", $"/v1/datasets/{Dataset}/retention/apply?cursor=999.0.", "")));

        var past = times[1];
        foreach (var route in new[]
        {
            $"{path}?asOf={past}", $"{path}/content?asOf={past}", $"{path}/history?from={past}", $"{path}/diff?from={past}", $"{path}/history?to={past}",
            $"/v1/datasets/{Dataset}/entities?asOf={past}", $"/v1/datasets/{Dataset}/entities?asOf={past}&sort=created", $"/v1/datasets/{Dataset}/tags?asOf={past}",
            $"/v1/datasets/{Dataset}/export?asOf={past}", $"{path}/relations?asOf={past}", $"/api/v1/datasets/{Dataset}/entities/as-of?id=busy&as_of={past}",
        })
        {
            var answer = await store.Http.GetAsync(route);
            Assert.True(Told(answer) == (410, "history_trimmed"), $"{route}: {answer}");
        }

        var problem = (await store.Http.GetAsync($"{path}?asOf={past}")).Json;
        Assert.Equal((times[3], false), (problem.GetProperty("earliest").GetString(), problem.GetProperty("retryable").GetBoolean()));
        Assert.Equal((now, still), ((await store.Http.GetAsync(path)).Body, (await store.Http.GetAsync(StoreHttp.EntityPath(Dataset, "still"))).Body));
        Assert.Equal(200, (await store.Http.GetAsync($"{path}?asOf={times[3]}")).Status);
        Assert.Equal(200, (await store.Http.GetAsync($"{StoreHttp.EntityPath(Dataset, "still")}?asOf={past}")).Status);
        var history = (await store.Http.GetAsync(path + "/history")).Json.GetProperty("items").EnumerateArray().ToArray();
        Assert.Equal((4, true), (history[0].GetProperty("revision").GetInt32(), history[0].GetProperty("trimmed").GetBoolean()));
        Assert.Equal(["next:still", "step:4"], history[0].GetProperty("added").EnumerateArray().Select(static tag => tag.GetString()!));
        Assert.Equal(4, history[0].GetProperty("content").GetProperty("step").GetInt32());

        foreach (var since in new[] { cursor, "beginning" })
        {
            var refused = await store.Http.GetAsync($"/v1/datasets/{Dataset}/changes?follow=false&since={since}");
            // Where the first page comes late, or another shard has given a change, the answer has begun.
            if (refused.Status == 200) Assert.Contains("\"cursor_expired\"", refused.Body.TrimEnd().Split('\n')[^1], StringComparison.Ordinal);
            else Assert.Equal((410, "cursor_expired"), Told(refused));
            Assert.DoesNotContain("\"busy\"", refused.Body, StringComparison.Ordinal);
        }

        var again = await CursorAsync(Dataset);
        await PutAsync(Dataset, "busy", """{"tags":["step:5"]}""");
        foreach (var since in new[] { again, caughtUp })
        {
            var line = Assert.Single((await store.Http.GetAsync($"/v1/datasets/{Dataset}/changes?follow=false&since={since}")).Body.TrimEnd().Split('\n'));
            Assert.Contains("step:5", line, StringComparison.Ordinal);
        }

        await PutAsync("untrimmed", "a", "{}");
        Assert.Equal(200, (await store.Http.GetAsync("/v1/datasets/untrimmed/changes?follow=false")).Status);
        Assert.DoesNotContain("_horizons", (await store.Http.GetAsync("/v1/datasets")).Body, StringComparison.Ordinal);
        Assert.Equal(403, (await store.Http.GetAsync("/v1/datasets/_horizons/entities")).Status);
    }

    [Fact]
    public async Task A_trimmed_dataset_is_exported_with_what_is_left_of_its_history()
    {
        const string Dataset = "trim-export";
        foreach (var i in Enumerable.Range(1, 3))
        {
            await PutAsync(Dataset, "busy", $$"""{"tags":["step:{{i}}"]}""");
            await PutAsync(Dataset, "gone", $$"""{"tags":["step:{{i}}"]}""");
        }

        await store.Http.SendAsync("DELETE", StoreHttp.EntityPath(Dataset, "gone"), (string?)null);
        await store.Http.SendAsync("PUT", $"/v1/datasets/{Dataset}/retention", """{"trimHistoryAfter":0}""");
        Assert.Equal((2, 5), Trimmed(await ApplyAsync(Dataset, "")));
        await PutAsync(Dataset, "busy", """{"tags":["step:4"]}""");
        var lines = (await store.Http.GetAsync($"/v1/datasets/{Dataset}/export?history=true")).Body;
        var imported = await store.Http.SendAsync("POST", "/v1/datasets/trim-import/import", System.Text.Encoding.UTF8.GetBytes(lines), ["Content-Type: application/x-ndjson"]);
        Assert.True(imported.Status == 200, $"{imported}\n{lines}");
        Assert.Equal(2, (await store.Http.GetAsync(StoreHttp.EntityPath("trim-import", "busy"))).Json.GetProperty("revision").GetInt32());
        Assert.Equal(404, (await store.Http.GetAsync(StoreHttp.EntityPath("trim-import", "gone"))).Status);
    }

    [Fact]
    public async Task The_newest_changes_stay_and_a_store_without_writers_becomes_still()
    {
        using var directory = new TempDirectory();
        var settings = directory.File("retention.hocon");
        await File.WriteAllTextAsync(settings, "entityactors.retention { interval = 200ms, erasure-delay = 1s, trim-step-min = 1s }");
        await using var app = StoreHosting.Build(new ServeOptions(directory.File("data"), new Uri("http://127.0.0.1:0"), 2, [settings]) { Authentication = false });
        await app.StartAsync();
        using var client = new StoreHttp(new Uri(app.Urls.First()));
        var http = new HttpApi(client.Raw);
        var path = StoreHttp.EntityPath("aging", "busy");
        foreach (var i in Enumerable.Range(1, 6)) Assert.InRange((await http.SendAsync("PUT", path, $$"""{"tags":["step:{{i}}"]}""")).Status, 200, 201);
        // All of them are old enough for the first trim: the next one has to wait until this one is carried out.
        await Task.Delay(TimeSpan.FromSeconds(1.5));
        await http.SendAsync("PUT", "/v1/datasets/aging/retention", """{"trimHistoryAfter":1,"keepChanges":2}""");
        await UntilAsync(async () => (await http.GetAsync(path + "/history")).Json.GetProperty("items").GetArrayLength() == 2);
        var before = await SequencesAsync(http);
        await Task.Delay(TimeSpan.FromSeconds(4));
        Assert.Equal(before, await SequencesAsync(http));
        await app.StopAsync();
    }

    private async Task PutAsync(string dataset, string id, string body) =>
        Assert.InRange((await store.Http.SendAsync("PUT", StoreHttp.EntityPath(dataset, id), body)).Status, 200, 201);

    private Task<HttpAnswer> ApplyAsync(string dataset, string query) =>
        store.Http.SendAsync("POST", $"/v1/datasets/{dataset}/retention/apply{query}", (string?)null);

    /// <summary>A cursor behind what is there now.</summary>
    private async Task<string> CursorAsync(string dataset)
    {
        var lines = (await store.Http.GetAsync($"/v1/datasets/{dataset}/changes?follow=false&progress=true&since=now")).Body;
        return JsonDocument.Parse(lines.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1]).RootElement.GetProperty("cursor").GetString()!;
    }

    private static (int, int) Trimmed(HttpAnswer answer)
    {
        Assert.True(answer.Status == 200, $"{answer}");
        var trimmed = answer.Json.GetProperty("trimmed");
        return (trimmed.GetProperty("entities").GetInt32(), trimmed.GetProperty("changes").GetInt32());
    }

    private static string At(JsonElement change) => change.GetProperty("at").GetString()!;

    private static (int, string?) Told(HttpAnswer answer) => (answer.Status, answer.Code);

    private static async Task<long> SequencesAsync(HttpApi http) =>
        (await http.GetAsync("/v1/shards")).Json.GetProperty("items").EnumerateArray().Sum(shard => shard.GetProperty("sequence").GetInt64());

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        var deadline = DateTime.UtcNow + TimeSpan.FromMinutes(2);
        while (!await holds())
        {
            Assert.True(DateTime.UtcNow < deadline, "it does not come to pass");
            await Task.Delay(100);
        }
    }
}
