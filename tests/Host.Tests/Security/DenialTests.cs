using System.Diagnostics;
using System.Text.Json;
using EntityActors.Host.Http;
using EntityActors.Host.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EntityActors.Host.Tests.Security;

/// <summary>What is denied, and that the audit log tells of it and of what is done.</summary>
public sealed class DenialTests(SecureStoreFixture store) : IClassFixture<SecureStoreFixture>
{
    private static readonly TimeSpan ListedWithin = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task A_route_that_states_no_permission_is_refused_whoever_asks()
    {
        var isReached = false;
        RequestDelegate route = _ =>
        {
            isReached = true;
            return Task.CompletedTask;
        };
        var middleware = ActivatorUtilities.CreateInstance<AccessMiddleware>(store.Services, route);
        var context = new DefaultHttpContext { RequestServices = store.Services };
        context.Request.Headers.Authorization = "Bearer " + await store.TokenAsync("admin", SecureStoreFixture.AdminPassword);
        context.SetEndpoint(new RouteEndpoint(route, RoutePatternFactory.Parse("/v1/new"), 0, EndpointMetadataCollection.Empty, "new"));
        var refused = await Assert.ThrowsAsync<ApiProblem>(() => middleware.InvokeAsync(context));
        Assert.Equal((403, "forbidden", false), (refused.Status, refused.Code, isReached));
    }

    [Fact]
    public async Task Every_denial_is_in_the_audit_log_also_one_that_a_route_decides()
    {
        await store.PutRoleAsync("denied", "entity:read:mine", "entity:write:mine");
        await store.AddUserAsync("denied", "denied");
        var user = await store.LoginAsync("denied");
        foreach (var (method, path, body) in new (string, string, string?)[]
        {
            ("GET", "/v1/datasets/others/entities/x", null),
            ("GET", "/v1/datasets/_system/entities/x", null),
            ("POST", "/v1/datasets/mine/transactions", """{"operations":[{"op":"delete","id":"x"}]}"""),
            ("PUT", "/v1/datasets/mine/entities/x", """{"tags":[],"at":"2001-01-01T00:00:00Z"}"""),
            ("DELETE", "/v1/sessions?user=admin", null),
            ("POST", "/api/v1/entities/create", """{"tags":["dataset:others"]}"""),
        })
        {
            Assert.Equal(403, (await user.SendAsync(method, path, body)).Status);
            await ListedAsync("denied", "denied", $"{method} {path.Split('?')[0]}");
        }

        Assert.Equal(401, (await store.With(new string('A', 43)).GetAsync("/v1/retention")).Status);
        await ListedAsync("denied", "", "GET /v1/retention");
    }

    [Fact]
    public async Task Logins_and_what_is_done_to_users_and_roles_is_in_the_audit_log()
    {
        await store.PutRoleAsync("audited", "entity:read:audited");
        await store.AddUserAsync("audited", "audited");
        var session = await store.LoginAsync("audited");
        await session.SendAsync("DELETE", "/v1/sessions", (string?)null);
        await store.Admin.SendAsync("PATCH", "/v1/users/audited", """{"roles":[]}""");
        await store.Admin.SendAsync("PUT", "/v1/users/audited/password", """{"password":"another long secret"}""");
        await store.Admin.SendAsync("DELETE", "/v1/sessions?user=audited", (string?)null);
        await store.Admin.SendAsync("DELETE", "/v1/users/audited", (string?)null);
        await store.Admin.SendAsync("DELETE", "/v1/roles/audited", (string?)null);
        // They were on disk before they were done.
        var entries = await EntriesAsync();
        foreach (var kind in new[] { "login", "logout" }) Assert.Contains(entries, entry => Is(entry, kind, "audited", ""));
        foreach (var kind in new[] { "role_changed", "user_created", "user_changed", "password_changed", "sessions_ended", "user_deleted", "role_deleted" })
            Assert.Contains(entries, entry => Is(entry, kind, "admin", "audited"));
    }

    [Fact]
    public async Task A_failed_login_is_listed_without_a_name_that_nobody_has()
    {
        const string Typed = "my-password-in-the-wrong-field";
        await store.AddUserAsync("mistyped", "reader");
        Assert.Equal(401, (await store.TryLoginAsync(Typed, "x")).Status);
        Assert.Equal(401, (await store.TryLoginAsync("mistyped", "x")).Status);
        await ListedAsync("login_failed", "mistyped", "");
        Assert.Contains(await EntriesAsync(), entry => Is(entry, "login_failed", "", ""));
        Assert.DoesNotContain(Typed, (await store.Admin.GetAsync("/v1/audit?limit=1000")).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pages_of_other_origins_are_told_that_they_may_not_ask()
    {
        var answer = await store.Admin.GetAsync("/v1/me", "Origin: https://evil.example.org");
        Assert.Equal(200, answer.Status);
        Assert.DoesNotContain(answer.Headers.Keys, name => name.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>Denials are written behind the answer.</summary>
    private async Task ListedAsync(string kind, string user, string target)
    {
        var since = Stopwatch.StartNew();
        while (!(await EntriesAsync()).Any(entry => Is(entry, kind, user, target)))
        {
            Assert.True(since.Elapsed < ListedWithin, $"not in the audit log: {kind} '{user}' {target}");
            await Task.Delay(20);
        }
    }

    private async Task<List<JsonElement>> EntriesAsync() => [.. (await store.Admin.GetAsync("/v1/audit?limit=1000")).Json.GetProperty("items").EnumerateArray()];

    private static bool Is(JsonElement entry, string kind, string user, string target) =>
        Text(entry, "kind") == kind && Text(entry, "user") == user && Text(entry, "target") == target;

    private static string Text(JsonElement entry, string member) => entry.TryGetProperty(member, out var text) ? text.GetString() ?? "" : "";
}
