using EntityActors.Tests.Shared.Http;
using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>Entities that are deleted by themselves.</summary>
public sealed class ExpiryTests(StoreFixture store) : IClassFixture<StoreFixture>
{
    private const string Dataset = "expiry";

    [Fact]
    public async Task An_entity_is_deleted_once_its_time_is_over_and_the_past_still_has_it()
    {
        var path = StoreHttp.EntityPath(Dataset, "short");
        Assert.Equal(201, (await store.Http.SendAsync("PUT", path, """{"tags":["t:1"],"ttl":2}""")).Status);
        var entity = (await store.Http.GetAsync(path)).Json;
        var (created, expires) = (Time(entity, "createdAt"), Time(entity, "expiresAt"));
        Assert.Equal(2_000_000_000, expires - created);
        await UntilAsync(async () => (await store.Http.GetAsync(path)).Status == 404);
        var history = (await store.Http.GetAsync(path + "/history")).Json.GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(2, history.Count);
        Assert.Equal(("deleted", "retention"), (history[1].GetProperty("lifecycle").GetString(), history[1].GetProperty("author").GetString()));
        Assert.True(Time(history[1], "at") >= expires, "it was deleted before its time");
        Assert.Equal(200, (await store.Http.GetAsync($"{path}?asOf={created}")).Status);
        // Restored, it has no time to live any more.
        Assert.Equal(200, (await store.Http.SendAsync("POST", path + "/restore", (string?)null)).Status);
        Assert.False((await store.Http.GetAsync(path)).Json.TryGetProperty("expiresAt", out _));
    }

    [Fact]
    public async Task A_change_of_tags_sets_and_takes_away_the_time_and_a_put_without_one_too()
    {
        var path = StoreHttp.EntityPath(Dataset, "changed");
        await store.Http.SendAsync("PUT", path, """{"expiresAt":"2100-01-01T00:00:00Z"}""");
        Assert.Equal("2100-01-01T00:00:00.000000000Z", (await store.Http.GetAsync(path)).Json.GetProperty("expiresAt").GetString());
        await store.Http.SendAsync("PATCH", path + "/tags", """{"add":["a:1"]}""");
        Assert.True((await store.Http.GetAsync(path)).Json.TryGetProperty("expiresAt", out _));
        await store.Http.SendAsync("PATCH", path + "/tags", """{"expiresAt":null}""");
        Assert.False((await store.Http.GetAsync(path)).Json.TryGetProperty("expiresAt", out _));
        await store.Http.SendAsync("PATCH", path + "/tags", """{"ttl":100000}""");
        Assert.True((await store.Http.GetAsync(path)).Json.TryGetProperty("expiresAt", out _));
        await store.Http.SendAsync("PUT", path, """{"tags":[]}""");
        Assert.False((await store.Http.GetAsync(path)).Json.TryGetProperty("expiresAt", out _));
    }

    [Theory]
    [InlineData("""{"ttl":0}""")]
    [InlineData("""{"ttl":-1}""")]
    [InlineData("""{"ttl":1e300}""")]
    [InlineData("""{"ttl":"5"}""")]
    [InlineData("""{"ttl":null}""")]
    [InlineData("""{"ttl":5,"expiresAt":null}""")]
    [InlineData("""{"expiresAt":"soon"}""")]
    [InlineData("""{"expiresAt":"2001-01-01T00:00:00Z"}""")]
    [InlineData("""{"expiresAt":0}""")]
    public async Task A_time_that_is_none_or_over_is_refused(string body)
    {
        var answer = await store.Http.SendAsync("PUT", StoreHttp.EntityPath(Dataset, "refused"), body);
        Assert.Equal((400, "invalid"), (answer.Status, answer.Code));
    }

    [Fact]
    public async Task A_store_in_which_nothing_is_due_writes_nothing()
    {
        await store.Http.SendAsync("PUT", StoreHttp.EntityPath(Dataset, "later"), """{"ttl":100000}""");
        var gone = StoreHttp.EntityPath(Dataset, "sooner");
        await store.Http.SendAsync("PUT", gone, """{"ttl":1}""");
        await UntilAsync(async () => (await store.Http.GetAsync(gone)).Status == 404);
        var before = await store.SequenceSumAsync();
        // Several looks of every shard.
        await Task.Delay(TimeSpan.FromSeconds(5));
        Assert.Equal(before, await store.SequenceSumAsync());
    }

    private static long Time(System.Text.Json.JsonElement json, string member) => Rfc3339.Parse(json.GetProperty(member).GetString()!);

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
