using EntityActors.Host.Security;
using EntityActors.Host.Tests.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EntityActors.Host.Tests.Security;

/// <summary>Users and roles: what is done to them, and that nobody gets more than was given.</summary>
public sealed class AccountTests(SecureStoreFixture store) : IClassFixture<SecureStoreFixture>
{
    private const string NewPassword = "another secret of a user";

    [Fact]
    public async Task Users_are_made_shown_changed_and_deleted()
    {
        await store.AddUserAsync("carol", "reader");
        Assert.Equal((409, "user_exists"), await StatusAsync(store.Admin, "POST", "/v1/users", User("carol")));
        var changed = await store.Admin.SendAsync("PATCH", "/v1/users/carol", """{"email":"carol@example.org","roles":["writer"]}""");
        Assert.Equal("carol@example.org writer", $"{changed.Json.GetProperty("email")} {changed.Json.GetProperty("roles")[0]}");
        Assert.Equal(changed.Body, (await store.Admin.GetAsync("/v1/users/carol")).Body);
        Assert.Contains("carol", (await store.Admin.GetAsync("/v1/users")).Body, StringComparison.Ordinal);
        var session = await store.LoginAsync("carol");
        Assert.Equal(204, (await store.Admin.SendAsync("DELETE", "/v1/users/carol", (string?)null)).Status);
        Assert.Equal(401, (await session.GetAsync("/v1/me")).Status);
        Assert.Equal(401, (await store.TryLoginAsync("carol", SecureStoreFixture.UserPassword)).Status);
        Assert.Equal(404, (await store.Admin.GetAsync("/v1/users/carol")).Status);
        await store.AddUserAsync("carol", "admin");
        // What is known of the session from before is not believed for ever.
        store.Services.GetRequiredService<SessionCache>().ForgetAll();
        Assert.Equal(401, (await session.GetAsync("/v1/me")).Status);
    }

    [Theory]
    [InlineData("""{"username":"","password":"long enough"}""")]
    [InlineData("""{"username":"a b","password":"long enough"}""")]
    [InlineData("""{"username":"../x","password":"long enough"}""")]
    [InlineData("""{"username":"ädmin","password":"long enough"}""")]
    [InlineData("""{"username":"short","password":"1234567"}""")]
    [InlineData("""{"username":"same-name","password":"SAME-name"}""")]
    [InlineData("""{"username":"roles","password":"long enough","roles":["no such role"]}""")]
    [InlineData("""{"username":"roles","password":"long enough","roles":"admin"}""")]
    [InlineData("""{"username":"hash","password":"long enough","passwordHash":"x"}""")]
    [InlineData("""{"username":"email","password":"long enough","email":"a\nb"}""")]
    public async Task Users_that_cannot_be_are_refused(string body) =>
        Assert.Equal((400, "invalid"), await StatusAsync(store.Admin, "POST", "/v1/users", body));

    [Theory]
    [InlineData("entity")]
    [InlineData("entity:read:_system")]
    [InlineData("entity:read:a*b")]
    [InlineData("Entity:read")]
    [InlineData("entity:read:a:b")]
    [InlineData("")]
    public async Task Roles_with_permissions_that_are_none_are_refused(string permission) =>
        Assert.Equal((400, "invalid"), await StatusAsync(store.Admin, "PUT", "/v1/roles/odd", $$"""{"permissions":["{{permission}}"]}"""));

    [Fact]
    public async Task Built_in_roles_stay_as_they_are()
    {
        Assert.Equal((403, "built_in_role"), await StatusAsync(store.Admin, "PUT", "/v1/roles/reader", """{"permissions":["*:*"]}"""));
        Assert.Equal((403, "built_in_role"), await StatusAsync(store.Admin, "DELETE", "/v1/roles/admin", null));
    }

    [Fact]
    public async Task Nobody_gets_more_than_was_given()
    {
        await store.PutRoleAsync("helpdesk", "user:read", "user:manage", "role:read", "role:manage", "entity:read:acme");
        await store.PutRoleAsync("acme-writer", "entity:read:acme", "entity:write:acme");
        await store.AddUserAsync("helper", "helpdesk");
        await store.AddUserAsync("above", "acme-writer");
        await store.AddUserAsync("beside", "helpdesk");
        var helper = await store.LoginAsync("helper");
        foreach (var (method, path, body) in new (string, string, string?)[]
        {
            ("POST", "/v1/users", User("puppet", "admin")),
            ("POST", "/v1/users", User("puppet", "reader")),
            ("POST", "/v1/users", User("puppet", "acme-writer")),
            ("PATCH", "/v1/users/beside", """{"roles":["helpdesk","writer"]}"""),
            ("PATCH", "/v1/users/helper", """{"roles":["admin"]}"""),
            ("PATCH", "/v1/users/helper", """{"roles":["helpdesk"]}"""),
            ("PATCH", "/v1/users/above", """{"roles":[]}"""),
            ("PATCH", "/v1/users/above", """{"email":"x@example.org"}"""),
            ("PATCH", "/v1/users/admin", """{"disabled":true}"""),
            ("PUT", "/v1/users/admin/password", $$"""{"password":"{{NewPassword}}"}"""),
            ("PUT", "/v1/users/above/password", $$"""{"password":"{{NewPassword}}"}"""),
            ("DELETE", "/v1/users/admin", null),
            ("DELETE", "/v1/users/helper", null),
            ("DELETE", "/v1/sessions?user=admin", null),
            ("PUT", "/v1/roles/helpdesk", """{"permissions":["*:*"]}"""),
            ("PUT", "/v1/roles/helpdesk", """{"permissions":["user:manage","entity:read"]}"""),
            ("PUT", "/v1/roles/mine", """{"permissions":["entity:read:ac*"]}"""),
            ("PUT", "/v1/roles/mine", """{"permissions":["entity:*:acme"]}"""),
            ("PUT", "/v1/roles/acme-writer", """{"permissions":[]}"""),
            ("DELETE", "/v1/roles/acme-writer", null),
        })
        {
            var answer = await helper.SendAsync(method, path, body);
            Assert.True(answer is { Status: 403, Code: "forbidden" or "own_account" }, $"{method} {path} {body}: {answer}");
        }

        Assert.Equal((201, null), await StatusAsync(helper, "PUT", "/v1/roles/mine", """{"permissions":["entity:read:acme"]}"""));
        Assert.Equal((201, null), await StatusAsync(helper, "POST", "/v1/users", User("allowed", "mine", "helpdesk")));
        Assert.Equal((200, null), await StatusAsync(helper, "PATCH", "/v1/users/beside", """{"disabled":true}"""));
        Assert.Equal((403, "own_account"), await StatusAsync(store.Admin, "DELETE", "/v1/users/admin", null));
        Assert.Equal((403, "own_account"), await StatusAsync(store.Admin, "PATCH", "/v1/users/admin", """{"roles":["reader"]}"""));
    }

    [Fact]
    public async Task A_user_without_the_permission_changes_nobody_itself_included()
    {
        await store.AddUserAsync("plain", "writer");
        var plain = await store.LoginAsync("plain");
        Assert.Equal((403, "forbidden"), await StatusAsync(plain, "PATCH", "/v1/users/plain", """{"roles":["admin"]}"""));
        Assert.Equal((403, "forbidden"), await StatusAsync(plain, "GET", "/v1/users/plain", null));
        Assert.Equal((403, "reserved_dataset"), await StatusAsync(plain, "PUT", "/v1/datasets/_system/entities/user%2Fplain", """{"tags":[]}"""));
        Assert.Equal((403, "reserved_dataset"), await StatusAsync(store.Admin, "GET", "/v1/datasets/_system/changes?follow=false", null));
    }

    [Fact]
    public async Task Another_password_needs_the_old_one_and_ends_every_session()
    {
        await store.AddUserAsync("changing", "reader");
        var (first, second) = (await store.LoginAsync("changing"), await store.LoginAsync("changing"));
        Assert.Equal((403, "bad_credentials"), await StatusAsync(first, "PUT", "/v1/me/password", Passwords("wrong", NewPassword)));
        Assert.Equal((400, "invalid"), await StatusAsync(first, "PUT", "/v1/me/password", Passwords(SecureStoreFixture.UserPassword, "short")));
        Assert.Equal((204, null), await StatusAsync(first, "PUT", "/v1/me/password", Passwords(SecureStoreFixture.UserPassword, NewPassword)));
        Assert.Equal(401, (await first.GetAsync("/v1/me")).Status);
        Assert.Equal(401, (await second.GetAsync("/v1/me")).Status);
        Assert.Equal(401, (await store.TryLoginAsync("changing", SecureStoreFixture.UserPassword)).Status);
        var third = await store.LoginAsync("changing", NewPassword);
        Assert.Equal((204, null), await StatusAsync(store.Admin, "PUT", "/v1/users/changing/password", $$"""{"password":"{{SecureStoreFixture.UserPassword}}"}"""));
        Assert.Equal(401, (await third.GetAsync("/v1/me")).Status);
        await store.LoginAsync("changing");
    }

    [Fact]
    public async Task What_is_taken_from_a_user_or_role_is_gone_at_once()
    {
        await store.PutRoleAsync("shrinking", "entity:read:acme", "entity:write:acme");
        await store.AddUserAsync("shrinks", "shrinking", "reader");
        var session = await store.LoginAsync("shrinks");
        Assert.Equal(404, (await session.GetAsync("/v1/datasets/other/entities/x")).Status);
        await store.Admin.SendAsync("PATCH", "/v1/users/shrinks", """{"roles":["shrinking"]}""");
        Assert.Equal(403, (await session.GetAsync("/v1/datasets/other/entities/x")).Status);
        Assert.Equal(201, (await session.SendAsync("PUT", "/v1/datasets/acme/entities/x", """{"tags":[]}""")).Status);
        await store.PutRoleAsync("shrinking", "entity:read:acme");
        Assert.Equal(403, (await session.SendAsync("PUT", "/v1/datasets/acme/entities/x", """{"tags":[]}""")).Status);
        Assert.Equal(200, (await session.GetAsync("/v1/datasets/acme/entities/x")).Status);
        await store.Admin.SendAsync("DELETE", "/v1/roles/shrinking", (string?)null);
        Assert.Equal(403, (await session.GetAsync("/v1/datasets/acme/entities/x")).Status);
        await store.Admin.SendAsync("PATCH", "/v1/users/shrinks", """{"disabled":true}""");
        Assert.Equal(401, (await session.GetAsync("/v1/me")).Status);
        await store.Admin.SendAsync("PATCH", "/v1/users/shrinks", """{"disabled":false}""");
        Assert.Equal(401, (await session.GetAsync("/v1/me")).Status);
    }

    [Fact]
    public async Task Changes_carry_their_author_and_times_of_their_own_need_a_permission()
    {
        await store.PutRoleAsync("now-only", "entity:read:acme", "entity:write:acme", "entity:delete:acme");
        await store.AddUserAsync("author", "now-only");
        var author = await store.LoginAsync("author");
        Assert.Equal(201, (await author.SendAsync("PUT", "/v1/datasets/acme/entities/written", """{"tags":["a:1"]}""")).Status);
        Assert.Equal((403, "forbidden"), await StatusAsync(author, "PUT", "/v1/datasets/acme/entities/past", """{"tags":[],"at":"2001-01-01T00:00:00Z"}"""));
        Assert.Equal((403, "forbidden"), await StatusAsync(author, "PATCH", "/v1/datasets/acme/entities/written/tags", """{"add":["a:2"],"at":"2001-01-01T00:00:00Z"}"""));
        var line = """{"at":"2001-01-01T00:00:00Z","op":"put","id":"imported","tags":[]}""";
        Assert.Equal((403, "forbidden"), await StatusAsync(author, "POST", "/v1/datasets/acme/import", line));
        Assert.Equal((200, null), await StatusAsync(store.Admin, "POST", "/v1/datasets/acme/import", line));
        Assert.Equal("author", await AuthorAsync("written"));
        Assert.Equal("admin", await AuthorAsync("imported"));

        async Task<string?> AuthorAsync(string id) =>
            (await author.GetAsync($"/v1/datasets/acme/entities/{id}/history")).Json.GetProperty("items")[0].GetProperty("author").GetString();
    }

    private static string User(string name, params string[] roles) =>
        $$"""{"username":"{{name}}","password":"{{NewPassword}}","roles":[{{string.Join(',', roles.Select(role => $"\"{role}\""))}}]}""";

    private static string Passwords(string old, string next) => $$"""{"old":"{{old}}","new":"{{next}}"}""";

    private static async Task<(int Status, string? Code)> StatusAsync(HttpApi http, string method, string path, string? body)
    {
        var answer = await http.SendAsync(method, path, body);
        return (answer.Status, answer.Code);
    }
}
