using System.Text.Json;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Shards;
using EntityActors.Storage.Model;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>Shards, health, and what every route has in common.</summary>
public sealed class ShardTests(StoreFixture store) : IClassFixture<StoreFixture>
{
    [Fact]
    public async Task Every_shard_tells_its_owner_its_numbers_and_its_state()
    {
        var shards = (await store.Http.GetAsync("/v1/shards")).Json.GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(Enumerable.Range(0, StoreFixture.ShardCount), shards.Select(shard => shard.GetProperty("shard").GetInt32()));
        var one = (await store.Http.GetAsync("/v1/shards/2")).Json;
        Assert.Equal(
            ["shard", "status", "detail", "node", "epoch", "generation", "sequence", "checkpointedSequence", "entities", "tags", "segments",
                "segmentBytes", "memtableBytes", "checkpointsCommitted", "checkpointsRestored", "restarts"],
            one.EnumerateObject().Select(member => member.Name));
        Assert.Equal(("serving", JsonValueKind.Null, 1L), (one.GetProperty("status").GetString(), one.GetProperty("detail").ValueKind,
            one.GetProperty("epoch").GetInt64()));
    }

    [Fact]
    public async Task A_checkpoint_covers_what_was_written_and_verifying_finds_nothing_wrong()
    {
        var commit = (await store.Store.PutAsync("shards", "x", ["a:1"], "1")).Commit!;
        var checkpoint = (await store.Http.SendAsync("POST", $"/v1/shards/{commit.Shard}/checkpoint", (string?)null)).Json;
        Assert.Equal((commit.Shard, true, 1L), (checkpoint.GetProperty("shard").GetInt32(), checkpoint.GetProperty("committed").GetBoolean(),
            checkpoint.GetProperty("generation").GetInt64()));
        var state = (await store.Http.GetAsync($"/v1/shards/{commit.Shard}")).Json;
        Assert.Equal((commit.Sequence, 1L), (state.GetProperty("checkpointedSequence").GetInt64(), state.GetProperty("entities").GetInt64()));
        var verify = (await store.Http.SendAsync("POST", $"/v1/shards/{commit.Shard}/verify", (string?)null)).Json;
        Assert.Equal(0, verify.GetProperty("findings").GetArrayLength());
        Assert.True(verify.GetProperty("bytesChecked").GetInt64() > 0);
    }

    [Theory]
    [InlineData("/v1/shards/4")]
    [InlineData("/v1/shards/-1")]
    [InlineData("/v1/shards/one")]
    [InlineData("/v1/shards/99999999999")]
    public async Task There_is_no_other_shard(string path)
    {
        Assert.Equal("not_found", (await store.Http.GetAsync(path)).Code);
        Assert.Equal("not_found", (await store.Http.SendAsync("POST", path + "/checkpoint", (string?)null)).Code);
        Assert.Equal("not_found", (await store.Http.SendAsync("POST", path + "/verify", (string?)null)).Code);
    }

    [Fact]
    public async Task Health_tells_that_the_node_lives_and_serves()
    {
        Assert.Equal("""{"status":"live"}""", (await store.Http.GetAsync("/health/live")).Body);
        Assert.Equal("""{"status":"ready","serving":4,"shards":4}""", (await store.Http.GetAsync("/health/ready")).Body);
    }

    [Fact]
    public async Task A_node_that_does_not_serve_every_shard_is_not_ready_lives_and_says_what_is_missing()
    {
        var readiness = store.Services.GetRequiredService<ShardReadiness>();
        readiness.Report(new ShardId(1), ShardStatus.Recovering);
        try
        {
            var answer = await store.Http.GetAsync("/health/ready");
            Assert.Equal((503, "not_ready", "1"), (answer.Status, answer.Code, answer.Headers["Retry-After"]));
            Assert.Equal((3, 4), (answer.Json.GetProperty("serving").GetInt32(), answer.Json.GetProperty("shards").GetInt32()));
            Assert.Equal(200, (await store.Http.GetAsync("/health/live")).Status);
        }
        finally
        {
            readiness.Report(new ShardId(1), ShardStatus.Serving);
        }

        Assert.Equal(200, (await store.Http.GetAsync("/health/ready")).Status);
    }

    [Fact]
    public async Task A_problem_has_the_members_of_RFC_9457_and_ours()
    {
        var answer = await store.Http.GetAsync("/v1/datasets/x/entities/nobody");
        Assert.Equal((404, "application/problem+json"), (answer.Status, answer.ContentType));
        Assert.Equal(["type", "title", "status", "detail", "code", "retryable", "traceId"], answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal((404, "not_found", false), (answer.Json.GetProperty("status").GetInt32(), answer.Code, answer.Json.GetProperty("retryable").GetBoolean()));
        Assert.NotEmpty(answer.Json.GetProperty("traceId").GetString()!);
    }

    [Fact]
    public async Task A_page_of_another_site_may_not_use_the_store()
    {
        var before = await store.SequenceSumAsync();
        var path = "/v1/datasets/x/import";
        const string Line = """{"at":5,"op":"put","id":"x","tags":[]}""";
        foreach (var origin in (string[])["http://evil.example", "null", "http://127.0.0.1:1"])
            Assert.Equal("foreign_origin", (await store.Http.SendAsync("POST", path, Line, $"Origin: {origin}", "Content-Type: text/plain")).Code);
        Assert.Equal("foreign_host", (await store.Http.SendAsync("POST", path, Line, "Host: evil.example")).Code);
        Assert.Equal(before, await store.SequenceSumAsync());
        var own = store.BaseAddress.GetLeftPart(UriPartial.Authority);
        Assert.Equal(200, (await store.Http.SendAsync("POST", path, Line, $"Origin: {own}")).Status);
    }
}
