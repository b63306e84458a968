using EntityActors.Host.Tests.Http;
using Xunit;

namespace EntityActors.Host.Tests.Security;

/// <summary>Who may do a part of it, or in one dataset, against everybody else's.</summary>
public sealed class TenantTests(SecureStoreFixture store) : IClassFixture<SecureStoreFixture>
{
    private const string Root = "/api/v1";
    private const int ShardsTimesFour = 4 * SecureStoreFixture.ShardCount;

    [Fact]
    public async Task A_permission_for_a_dataset_is_none_for_others_whose_names_begin_alike()
    {
        foreach (var dataset in new[] { "acme", "acme2", "acme-x", "acm", "team-", "team-a", "team", "steam-a" })
            Assert.Equal(201, await StatusAsync(store.Admin, "PUT", $"/v1/datasets/{dataset}/entities/x", """{"tags":[]}"""));
        var one = await TenantAsync("one", "entity:*:acme", "dataset:read:acme");
        var some = await TenantAsync("some", "entity:read:team-*");
        Assert.Equal(200, await StatusAsync(one, "GET", "/v1/datasets/acme/entities/x"));
        foreach (var dataset in new[] { "acme2", "acme-x", "acm" })
        {
            foreach (var path in new[] { "/entities/x", "/entities", "/tags", "/export", "/changes?follow=false", "" })
                Assert.Equal(403, await StatusAsync(one, "GET", $"/v1/datasets/{dataset}{path}"));
        }

        foreach (var (dataset, status) in new[] { ("team-", 200), ("team-a", 200), ("team", 403), ("steam-a", 403), ("acme", 403) })
            Assert.Equal(status, await StatusAsync(some, "GET", $"/v1/datasets/{dataset}/entities/x"));
    }

    [Fact]
    public async Task What_stands_in_a_body_or_query_needs_its_permission_too()
    {
        var writer = await TenantAsync("only-writes", "entity:read:parts", "entity:write:parts");
        Assert.Equal(201, await StatusAsync(writer, "PUT", "/v1/datasets/parts/entities/x", """{"tags":["a:1"]}"""));
        foreach (var op in new[] { "delete", "restore" })
        {
            var body = $$"""{"operations":[{"op":"tags","id":"x","add":["a:2"]},{"op":"{{op}}","id":"x"}]}""";
            Assert.Equal(403, await StatusAsync(writer, "POST", "/v1/datasets/parts/transactions", body));
        }

        var deleter = await TenantAsync("only-deletes", "entity:read:parts", "entity:delete:parts");
        Assert.Equal(403, await StatusAsync(deleter, "DELETE", "/v1/datasets/parts/entities/x?purge=true"));
        var entity = await writer.GetAsync("/v1/datasets/parts/entities/x");
        Assert.Equal((200, 1), (entity.Status, entity.Json.GetProperty("revision").GetInt32()));
    }

    [Fact]
    public async Task EntityDBs_routes_let_who_reads_change_nothing()
    {
        var made = await store.Admin.SendAsync("POST", Root + "/datasets/edb-read/entities/create", """{"tags":["type:kept"],"content":"as it was"}""");
        var id = made.Json.GetProperty("id").GetString();
        var reader = await TenantAsync("edb-reads", "entity:read:edb-read");
        var before = await reader.GetAsync($"{Root}/entities/get?id={id}");
        Assert.Equal(200, before.Status);
        foreach (var (method, path, body) in new (string, string, string?)[]
        {
            ("PUT", $"/entities/update?id={id}", """{"tags":["type:other"]}"""),
            ("PUT", $"/datasets/edb-read/entities/update?id={id}", """{"content":"another"}"""),
            ("POST", $"/entities/{id}/delete", """{"reason":"not allowed"}"""),
            ("POST", $"/entities/{id}/restore", """{"reason":"not allowed"}"""),
            ("DELETE", $"/entities/{id}/purge", """{"confirmation":"PURGE"}"""),
            ("POST", "/datasets", """{"name":"edb-made"}"""),
            ("POST", "/config/set", """{"key":"k","value":1}"""),
        })
        {
            var answer = await reader.SendAsync(method, Root + path, body);
            Assert.True(answer.Status == 403, $"{method} {path}: {answer}");
        }

        Assert.Equal(before.Body, (await reader.GetAsync($"{Root}/entities/get?id={id}")).Body);
    }

    [Fact]
    public async Task An_Idempotency_Key_is_not_taken_for_the_same_one_in_another_dataset()
    {
        var (ann, bob) = (await TenantAsync("key-ann", "entity:*:keys-a"), await TenantAsync("key-bob", "entity:*:keys-b"));
        // Of this many some meet in one shard.
        for (var i = 0; i < ShardsTimesFour; i++)
        {
            foreach (var (user, dataset) in new[] { (ann, "keys-a"), (bob, "keys-b") })
            {
                var answer = await user.SendAsync("PUT", $"/v1/datasets/{dataset}/entities/{i}", """{"tags":[]}""", $"Idempotency-Key: {i}");
                Assert.True(answer.Status == 201, $"{dataset} {i}: {answer}");
            }
        }

        Assert.Equal(201, await StatusAsync(ann, "PUT", "/v1/datasets/keys-a/entities/again", """{"tags":[]}""", "Idempotency-Key: again"));
        Assert.Equal(201, await StatusAsync(ann, "PUT", "/v1/datasets/keys-a/entities/again", """{"tags":[]}""", "Idempotency-Key: again"));
    }

    private async Task<HttpApi> TenantAsync(string name, params string[] permissions)
    {
        await store.PutRoleAsync(name, permissions);
        await store.AddUserAsync(name, name);
        return await store.LoginAsync(name);
    }

    private static async Task<int> StatusAsync(HttpApi http, string method, string path, string? body = null, params string[] headers) =>
        (await http.SendAsync(method, path, body, headers)).Status;
}
