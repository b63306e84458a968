using EntityActors.Host.Tests.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EntityActors.Host.Tests.Security;

/// <summary>Every route × who asks × dataset, against a table of its own: a route that is mapped and has no row here fails the build.</summary>
public sealed class RouteMatrixTests(SecureStoreFixture store) : IClassFixture<SecureStoreFixture>
{
    private const string Open = "open";
    private const string Session = "session";

    /// <summary>Routes whose dataset stands in the body or nowhere, so that they check it themselves: <c>EntityDbTests</c> looks at that.</summary>
    private static readonly string[] OwnChecks = ["POST /api/v1/entities/create", "GET /api/v1/config", "GET /api/v1/feature-flags"];

    private static readonly string[] Datasets = ["alpha", "beta", "_system"];

    /// <summary>What each route needs, written down a second time: a route whose permission is changed by mistake is found.</summary>
    private static readonly Dictionary<string, string[]> Rows = new()
    {
        ["PUT /v1/datasets/{ds}/entities/{id}"] = ["entity:write"],
        ["GET /v1/datasets/{ds}/entities/{id}"] = ["entity:read"],
        ["DELETE /v1/datasets/{ds}/entities/{id}"] = ["entity:delete"],
        ["POST /v1/datasets/{ds}/entities/{id}/restore"] = ["entity:delete"],
        ["PATCH /v1/datasets/{ds}/entities/{id}/tags"] = ["entity:write"],
        ["PUT /v1/datasets/{ds}/entities/{id}/content"] = ["entity:write"],
        ["GET /v1/datasets/{ds}/entities/{id}/content"] = ["entity:read"],
        ["GET /v1/datasets/{ds}/entities/{id}/history"] = ["entity:read"],
        ["GET /v1/datasets/{ds}/entities/{id}/diff"] = ["entity:read"],
        ["GET /v1/datasets/{ds}/entities"] = ["entity:read"],
        ["GET /v1/datasets/{ds}/tags"] = ["entity:read"],
        ["GET /v1/datasets/{ds}/changes"] = ["entity:read"],
        ["POST /v1/datasets/{ds}/import"] = ["entity:write", "entity:delete", "entity:backfill"],
        ["POST /v1/datasets/{ds}/entities/{id}/archive"] = ["entity:delete"],
        ["GET /v1/datasets/{ds}/entities/{id}/relations"] = ["entity:read"],
        ["POST /v1/datasets/{ds}/transactions"] = ["entity:write"],
        ["GET /v1/datasets/{ds}/export"] = ["entity:read"],
        ["GET /v1/datasets"] = ["dataset:read"],
        ["POST /v1/datasets"] = ["dataset:write"],
        ["GET /v1/datasets/{ds}"] = ["dataset:read"],
        ["DELETE /v1/datasets/{ds}"] = ["dataset:delete"],
        ["GET /v1/retention"] = ["retention:read"],
        ["GET /v1/datasets/{ds}/retention"] = ["retention:read"],
        ["PUT /v1/datasets/{ds}/retention"] = ["retention:manage"],
        ["DELETE /v1/datasets/{ds}/retention"] = ["retention:manage"],
        ["POST /v1/datasets/{ds}/retention/apply"] = ["retention:manage"],
        ["GET /v1/shards"] = ["shard:read"],
        ["GET /v1/shards/{n}"] = ["shard:read"],
        ["POST /v1/shards/{n}/checkpoint"] = ["shard:manage"],
        ["POST /v1/shards/{n}/verify"] = ["shard:manage"],
        ["GET /v1/cluster"] = ["cluster:read"],
        ["GET /openapi/{documentName}.json"] = [Open],
        ["GET /scalar/scalar.js"] = [Open],
        ["GET /scalar/scalar.aspnetcore.js"] = [Open],
        ["GET /scalar/favicon.svg"] = [Open],
        ["GET /scalar/{documentName?}"] = [Open],
        ["GET /metrics"] = ["metrics:read"],
        ["GET /health/live"] = [Open],
        ["GET /health/ready"] = [Open],
        ["POST /v1/sessions"] = [Open],
        ["POST /v1/sessions/refresh"] = [Session],
        ["DELETE /v1/sessions"] = [Session],
        ["GET /v1/me"] = [Session],
        ["PUT /v1/me/password"] = [Session],
        ["GET /v1/users"] = ["user:read"],
        ["POST /v1/users"] = ["user:manage"],
        ["GET /v1/users/{name}"] = ["user:read"],
        ["PATCH /v1/users/{name}"] = ["user:manage"],
        ["PUT /v1/users/{name}/password"] = ["user:manage"],
        ["DELETE /v1/users/{name}"] = ["user:manage"],
        ["GET /v1/roles"] = ["role:read"],
        ["GET /v1/roles/{name}"] = ["role:read"],
        ["PUT /v1/roles/{name}"] = ["role:manage"],
        ["DELETE /v1/roles/{name}"] = ["role:manage"],
        ["GET /v1/audit"] = ["audit:read"],
        ["POST /api/v1/entities/create"] = [Session],
        ["GET /api/v1/entities/get"] = [Session],
        ["PUT /api/v1/entities/update"] = [Session],
        ["GET /api/v1/entities/list"] = [Session],
        ["GET /api/v1/entities/listbytag"] = [Session],
        ["GET /api/v1/entities/query"] = [Session],
        ["GET /api/v1/entities/summary"] = [Session],
        ["GET /api/v1/entities/as-of"] = [Session],
        ["GET /api/v1/entities/history"] = [Session],
        ["GET /api/v1/entities/changes"] = [Session],
        ["GET /api/v1/entities/diff"] = [Session],
        ["POST /api/v1/datasets/{ds}/entities/create"] = ["entity:write"],
        ["GET /api/v1/datasets/{ds}/entities/get"] = ["entity:read"],
        ["PUT /api/v1/datasets/{ds}/entities/update"] = ["entity:write"],
        ["GET /api/v1/datasets/{ds}/entities/list"] = ["entity:read"],
        ["GET /api/v1/datasets/{ds}/entities/listbytag"] = ["entity:read"],
        ["GET /api/v1/datasets/{ds}/entities/query"] = ["entity:read"],
        ["GET /api/v1/datasets/{ds}/entities/summary"] = ["entity:read"],
        ["GET /api/v1/datasets/{ds}/entities/as-of"] = ["entity:read"],
        ["GET /api/v1/datasets/{ds}/entities/history"] = ["entity:read"],
        ["GET /api/v1/datasets/{ds}/entities/changes"] = ["entity:read"],
        ["GET /api/v1/datasets/{ds}/entities/diff"] = ["entity:read"],
        ["POST /api/v1/entities/{id}/delete"] = [Session],
        ["POST /api/v1/entities/{id}/restore"] = [Session],
        ["DELETE /api/v1/entities/{id}/purge"] = [Session],
        ["GET /api/v1/entities/{id}/deletion-status"] = [Session],
        ["GET /api/v1/entities/deleted"] = [Session],
        ["GET /api/v1/entity-relationships/{id}/discover"] = [Session],
        ["GET /api/v1/entity-relationships/{id}/network"] = [Session],
        ["GET /api/v1/entity-relationships/{id}/network/{depth}"] = [Session],
        ["GET /api/v1/entity-relationships/{id}/related"] = [Session],
        ["GET /api/v1/tags/values"] = [Session],
        ["GET /api/v1/datasets"] = [Session],
        ["POST /api/v1/datasets"] = ["dataset:write"],
        ["GET /api/v1/status"] = [Open],
        ["GET /api/v1/admin/health"] = ["shard:read"],
        ["POST /api/v1/admin/reindex"] = ["shard:manage"],
        ["GET /api/v1/config"] = [Session],
        ["POST /api/v1/config/set"] = [Session],
        ["GET /api/v1/feature-flags"] = [Session],
        ["POST /api/v1/feature-flags/set"] = [Session],
        ["POST /api/v1/auth/login"] = [Open],
        ["POST /api/v1/auth/refresh"] = [Session],
        ["POST /api/v1/auth/logout"] = [Session],
        ["GET /api/v1/auth/whoami"] = [Session],
        ["POST /api/v1/users/create"] = ["user:manage"],
        ["POST /api/v1/users/change-password"] = [Session],
        ["POST /api/v1/users/reset-password"] = ["user:manage"],
        ["GET /health"] = [Open],
    };

    /// <summary>Who asks: what it may do, where; "*" is everywhere, "" only where no dataset is.</summary>
    private static readonly (string Name, string[] Roles, Func<string, string, bool> May)[] Callers =
    [
        ("nobody", [], (_, _) => false),
        ("matrix-none", [], (_, _) => false),
        ("matrix-reader", ["reader"], (permission, dataset) => permission == "dataset:read" || (permission == "entity:read" && dataset != "")),
        ("matrix-writer", ["writer"],
            (permission, dataset) => permission == "dataset:read" || (permission.StartsWith("entity:", StringComparison.Ordinal) && dataset != "")),
        ("matrix-alpha", ["alpha"], (_, dataset) => dataset == "alpha"),
        ("matrix-beta-reader", ["beta-reader"], (permission, dataset) => permission == "entity:read" && dataset == "beta"),
        ("matrix-admin", ["admin"], (_, _) => true),
    ];

    [Fact]
    public void Every_route_has_a_row_and_states_what_the_row_says()
    {
        var routes = Routes().ToList();
        Assert.True(routes.Count >= Rows.Count, "routes are missing");
        var missing = routes.Select(route => route.Name).Where(name => !Rows.ContainsKey(name)).ToList();
        Assert.True(missing.Count == 0, $"no row in {nameof(RouteMatrixTests)} for: {string.Join(", ", missing)}");
        foreach (var (name, endpoint) in routes)
        {
            var access = endpoint.Metadata.GetMetadata<EntityActors.Host.Security.RouteAccess>();
            Assert.True(access is not null, $"{name} states no permission");
            string[] stated = access.IsOpen ? [Open] : access.Permissions.IsEmpty ? [Session] : [.. access.Permissions.Select(needed => needed.ToString())];
            Assert.True(Rows[name].SequenceEqual(stated), $"{name} states {string.Join(' ', stated)}");
        }
    }

    [Fact]
    public async Task Every_route_lets_through_whom_its_row_allows_and_nobody_else()
    {
        await store.PutRoleAsync("alpha", "*:*:alpha");
        await store.PutRoleAsync("beta-reader", "entity:read:beta");
        foreach (var (name, roles, _) in Callers.Skip(1)) await store.AddUserAsync(name, roles);
        var wrong = new List<string>();
        foreach (var caller in Callers)
        {
            var isKnown = caller.Name != "nobody";
            var http = isKnown ? await store.LoginAsync(caller.Name) : store.Stranger;
            foreach (var (name, endpoint) in Routes())
            {
                foreach (var dataset in endpoint.RoutePattern.GetParameter("ds") is null ? [""] : Datasets)
                {
                    var answer = await AskAsync(http, name, dataset);
                    var expected = isKnown && OwnChecks.Contains(name) ? "decided" : Expected(isKnown, caller.May, Rows[name], dataset);
                    if (!IsAs(expected, answer)) wrong.Add($"{caller.Name}: {name} in '{dataset}' should be {expected} and was {answer}");
                    // What ends sessions may have ended this one.
                    if (isKnown && (name.Contains("session", StringComparison.Ordinal) || name.Contains("/auth/", StringComparison.Ordinal))) http = await store.LoginAsync(caller.Name);
                }
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public async Task Tokens_that_are_none_and_paths_without_a_route_are_refused_alike()
    {
        foreach (var path in new[] { "/v1/me", "/v1/nothing", "/", "/v1/datasets/alpha/entities", "/metrics" })
        {
            foreach (var header in new[] { "", "Bearer", "Bearer ", "Bearer x", "Basic YWRtaW46YWRtaW4=", $"Bearer {new string('A', 43)}" })
            {
                var answer = header.Length == 0 ? await store.Stranger.GetAsync(path) : await store.Stranger.GetAsync(path, $"Authorization: {header}");
                Assert.True(answer is { Status: 401, Code: "unauthenticated" } && answer.Headers["WWW-Authenticate"] == "Bearer", $"{path} {header}: {answer}");
            }
        }

        Assert.Equal("no_such_route", (await store.Admin.GetAsync("/v1/nothing")).Code);
        Assert.Equal("method_not_allowed", (await store.Admin.SendAsync("PATCH", "/v1/me", "{}")).Code);
        Assert.Equal(401, (await store.Stranger.SendAsync("PATCH", "/v1/me", "{}")).Status);
    }

    [Theory]
    [InlineData("/V1/datasets/alpha/entities/x")]
    [InlineData("/v1/DATASETS/alpha/entities/x")]
    [InlineData("/v1/datasets/%61lpha/entities/x")]
    [InlineData("/v1/datasets/alpha/entities/..%2F..%2Fbeta%2Fentities%2Fx")]
    [InlineData("/v1/datasets/alpha%2F..%2Fbeta/entities/x")]
    [InlineData("/v1/datasets/alpha/../beta/entities/x")]
    [InlineData("/v1/datasets/alpha/%2e%2e/beta/entities/x")]
    [InlineData("/v1/datasets//beta/entities/x")]
    public async Task No_spelling_of_a_path_reaches_another_dataset(string path)
    {
        var name = "spelling-" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(path)))[..8];
        await store.PutRoleAsync("alpha-only", "entity:*:alpha");
        await store.AddUserAsync(name, "alpha-only");
        Assert.Equal(201, (await store.Admin.SendAsync("PUT", $"/v1/datasets/beta/entities/{name}", """{"tags":["secret:beta"]}""")).Status);
        var token = await store.TokenAsync(name, SecureStoreFixture.UserPassword);
        var answer = await RawHttp.SendAsync(store.BaseAddress, "GET", path.Replace("/x", "/" + name, StringComparison.Ordinal), null, $"Authorization: Bearer {token}");
        Assert.True(answer.Status is >= 400 and < 500, answer.ToString());
        Assert.DoesNotContain("secret:beta", answer.Body, StringComparison.Ordinal);
    }

    private IEnumerable<(string Name, RouteEndpoint Endpoint)> Routes() =>
        from endpoint in store.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
        from method in endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? ["GET"]
        where method != "HEAD"
        select ($"{method} {endpoint.RoutePattern.RawText}", endpoint);

    private static Task<HttpAnswer> AskAsync(HttpApi http, string route, string dataset)
    {
        var (method, pattern) = (route[..route.IndexOf(' ')], route[(route.IndexOf(' ') + 1)..]);
        var path = pattern.Replace("{ds}", dataset, StringComparison.Ordinal).Replace("{id}", "x", StringComparison.Ordinal)
            .Replace("{n}", "0", StringComparison.Ordinal).Replace("{name}", "no-such", StringComparison.Ordinal)
            .Replace("{documentName}", "v1", StringComparison.Ordinal).Replace("{documentName?}", "", StringComparison.Ordinal);
        if (path.EndsWith("/changes", StringComparison.Ordinal)) path += "?follow=false";
        return http.SendAsync(method, path, method is "PUT" or "POST" or "PATCH" && !path.Contains("/shards/", StringComparison.Ordinal) ? "{}" : null);
    }

    private static string Expected(bool isKnown, Func<string, string, bool> may, string[] row, string dataset)
    {
        if (row is [Open]) return "allowed";
        if (!isKnown) return "unauthenticated";
        if (dataset == "_system") return "reserved_dataset";
        return row is [Session] || row.All(permission => may(permission, dataset)) ? "allowed" : "forbidden";
    }

    private static bool IsAs(string expected, HttpAnswer answer) => expected switch
    {
        "decided" => answer.Status is not (401 or >= 500) && answer.Code is null or "forbidden",
        "allowed" => answer.Status is not (401 or 403 or >= 500),
        "unauthenticated" => answer is { Status: 401, Code: "unauthenticated" },
        _ => answer.Status == 403 && answer.Code == expected,
    };
}
