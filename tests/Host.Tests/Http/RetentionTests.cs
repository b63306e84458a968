using EntityActors.Host.Http;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>Retention policies over HTTP and in the background.</summary>
public sealed class RetentionTests(StoreFixture store) : IClassFixture<StoreFixture>
{
    [Fact]
    public async Task A_policy_is_set_shown_listed_and_removed()
    {
        const string Path = "/v1/datasets/rules/retention";
        Assert.Equal((404, "not_found"), Told(await store.Http.GetAsync(Path)));
        foreach (var body in new[] { "{}", """{"purgeDeletedAfter":-1}""", """{"purgeDeletedAfter":1e300}""", """{"purgeDeletedAfter":"1"}""", """{"other":1}""" })
            Assert.Equal((400, "invalid"), Told(await store.Http.SendAsync("PUT", Path, body)));
        Assert.Equal(400, (await store.Http.SendAsync("PUT", "/v1/datasets/_system/retention", """{"purgeDeletedAfter":1}""")).Status / 100 * 100);
        var policy = (await store.Http.SendAsync("PUT", Path, """{"purgeDeletedAfter":100,"deleteArchivedAfter":2.5}""")).Body;
        Assert.Equal("""{"dataset":"rules","purgeDeletedAfter":100,"deleteArchivedAfter":2.5}""", policy);
        Assert.Equal(policy, (await store.Http.GetAsync(Path)).Body);
        Assert.Contains(policy, (await store.Http.GetAsync("/v1/retention")).Body, StringComparison.Ordinal);
        Assert.Equal(204, (await store.Http.SendAsync("DELETE", Path, (string?)null)).Status);
        Assert.Equal((404, "not_found"), Told(await store.Http.SendAsync("DELETE", Path, (string?)null)));
        Assert.Equal((404, "not_found"), Told(await store.Http.SendAsync("POST", Path + "/apply", (string?)null)));
    }

    [Fact]
    public async Task What_is_old_enough_goes_and_a_dry_run_only_says_so()
    {
        const string Dataset = "applied";
        await FillAsync(store.Http, Dataset);
        await store.Http.SendAsync("PUT", $"/v1/datasets/{Dataset}/retention", """{"purgeDeletedAfter":0,"deleteArchivedAfter":100000}""");
        var before = await store.SequenceSumAsync();
        var would = (await store.Http.SendAsync("POST", $"/v1/datasets/{Dataset}/retention/apply?dryRun=true", (string?)null)).Json;
        Assert.Equal((true, false), (would.GetProperty("dryRun").GetBoolean(), would.GetProperty("more").GetBoolean()));
        Assert.Equal([("deleted", "purge")], Items(would));
        Assert.Equal(before, await store.SequenceSumAsync());
        Assert.Equal([("deleted", "purge")], Items((await store.Http.SendAsync("POST", $"/v1/datasets/{Dataset}/retention/apply", (string?)null)).Json));
        Assert.Equal((410, "purged"), Told(await store.Http.GetAsync(StoreHttp.EntityPath(Dataset, "deleted"))));
        await store.Http.SendAsync("PUT", $"/v1/datasets/{Dataset}/retention", """{"deleteArchivedAfter":0}""");
        Assert.Equal([("archived", "delete")], Items((await store.Http.SendAsync("POST", $"/v1/datasets/{Dataset}/retention/apply", (string?)null)).Json));
        Assert.Equal((404, "not_found"), Told(await store.Http.GetAsync(StoreHttp.EntityPath(Dataset, "archived"))));
        Assert.Equal(200, (await store.Http.GetAsync(StoreHttp.EntityPath(Dataset, "active"))).Status);
        Assert.Empty(Items((await store.Http.SendAsync("POST", $"/v1/datasets/{Dataset}/retention/apply", (string?)null)).Json));
    }

    [Fact]
    public async Task The_store_applies_policies_by_itself_and_stops_writing_when_nothing_is_left()
    {
        using var directory = new TempDirectory();
        var settings = directory.File("retention.hocon");
        await File.WriteAllTextAsync(settings, "entityactors.retention.interval = 200ms");
        await using var app = StoreHosting.Build(new ServeOptions(directory.File("data"), new Uri("http://127.0.0.1:0"), 2, [settings]) { Authentication = false });
        await app.StartAsync();
        using var client = new StoreHttp(new Uri(app.Urls.First()));
        var http = new HttpApi(client.Raw);
        await FillAsync(http, "aging");
        await http.SendAsync("PUT", "/v1/datasets/aging/retention", """{"purgeDeletedAfter":1,"deleteArchivedAfter":1}""");
        // The archived one is deleted, and purged a second later.
        await UntilAsync(async () => (await http.GetAsync(StoreHttp.EntityPath("aging", "deleted"))).Status == 410
            && (await http.GetAsync(StoreHttp.EntityPath("aging", "archived"))).Status == 410);
        Assert.Equal(200, (await http.GetAsync(StoreHttp.EntityPath("aging", "active"))).Status);
        var before = await SequencesAsync(http);
        await Task.Delay(TimeSpan.FromSeconds(4));
        Assert.Equal(before, await SequencesAsync(http));
        await app.StopAsync();
    }

    private static async Task FillAsync(HttpApi http, string dataset)
    {
        foreach (var id in new[] { "active", "archived", "deleted" })
            Assert.Equal(201, (await http.SendAsync("PUT", StoreHttp.EntityPath(dataset, id), """{"tags":["t:1"]}""")).Status);
        Assert.Equal(200, (await http.SendAsync("POST", StoreHttp.EntityPath(dataset, "archived") + "/archive", (string?)null)).Status);
        Assert.Equal(200, (await http.SendAsync("DELETE", StoreHttp.EntityPath(dataset, "deleted"), (string?)null)).Status);
    }

    private static List<(string?, string?)> Items(System.Text.Json.JsonElement outcome) =>
        [.. outcome.GetProperty("items").EnumerateArray().Select(item => (item.GetProperty("id").GetString(), item.GetProperty("action").GetString()))];

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
