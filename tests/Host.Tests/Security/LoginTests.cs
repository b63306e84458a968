using System.Text;
using EntityActors.Host.Security;
using EntityActors.Host.Tests.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EntityActors.Host.Tests.Security;

/// <summary>The route that takes passwords, and what sessions do.</summary>
public sealed class LoginTests(SecureStoreFixture store) : IClassFixture<SecureStoreFixture>
{
    [Fact]
    public async Task A_session_begins_goes_on_under_another_token_and_ends()
    {
        await store.AddUserAsync("session", "reader");
        var answer = await store.TryLoginAsync("SESSION", SecureStoreFixture.UserPassword);
        Assert.Equal("no-store", answer.Headers["Cache-Control"]);
        Assert.Equal("session", answer.Json.GetProperty("user").GetProperty("username").GetString());
        Assert.True(answer.Json.GetProperty("expiresAt").GetDateTimeOffset() > DateTimeOffset.UtcNow.AddHours(1));
        var first = store.With(answer.Json.GetProperty("token").GetString());
        var me = await first.GetAsync("/v1/me");
        Assert.Equal(("session", "reader"), (me.Json.GetProperty("username").GetString(), me.Json.GetProperty("roles")[0].GetString()));
        var refreshed = await first.SendAsync("POST", "/v1/sessions/refresh", (string?)null);
        Assert.True(refreshed.Status == 200, refreshed.ToString());
        Assert.Equal(401, (await first.GetAsync("/v1/me")).Status);
        var second = store.With(refreshed.Json.GetProperty("token").GetString());
        Assert.Equal(200, (await second.GetAsync("/v1/me")).Status);
        Assert.Equal(204, (await second.SendAsync("DELETE", "/v1/sessions", (string?)null)).Status);
        Assert.Equal(401, (await second.GetAsync("/v1/me")).Status);
    }

    [Fact]
    public async Task All_sessions_of_a_user_end_at_once_and_only_that_users()
    {
        await store.AddUserAsync("many", "reader");
        await store.AddUserAsync("other", "reader");
        var sessions = new List<HttpApi>();
        for (var i = 0; i < 3; i++) sessions.Add(await store.LoginAsync("many"));
        var other = await store.LoginAsync("other");
        Assert.Equal(403, (await other.SendAsync("DELETE", "/v1/sessions?user=many", (string?)null)).Status);
        Assert.Equal(204, (await sessions[0].SendAsync("DELETE", "/v1/sessions?all=true", (string?)null)).Status);
        foreach (var session in sessions) Assert.Equal(401, (await session.GetAsync("/v1/me")).Status);
        var again = await store.LoginAsync("many");
        Assert.Equal(204, (await store.Admin.SendAsync("DELETE", "/v1/sessions?user=many", (string?)null)).Status);
        Assert.Equal(401, (await again.GetAsync("/v1/me")).Status);
        Assert.Equal(200, (await other.GetAsync("/v1/me")).Status);
    }

    [Fact]
    public async Task Unknown_disabled_and_wrong_get_the_same_answer_for_the_same_work()
    {
        await store.AddUserAsync("known", "reader");
        await store.AddUserAsync("disabled", "reader");
        Assert.Equal(200, (await store.Admin.SendAsync("PATCH", "/v1/users/disabled", """{"disabled":true}""")).Status);
        var passwords = store.Services.GetRequiredService<PasswordWork>();
        var answers = new List<string>();
        foreach (var (name, password) in new[]
        {
            ("known", "wrong"), ("unknown", "wrong"), ("disabled", SecureStoreFixture.UserPassword), ("no such name!", "wrong"), (new string('x', 300), "wrong"),
        })
        {
            var before = passwords.Checks;
            var answer = await store.TryLoginAsync(name, password);
            Assert.Equal(before + 1, passwords.Checks);
            Assert.Equal(401, answer.Status);
            answers.Add(answer.Body[..answer.Body.IndexOf("traceId", StringComparison.Ordinal)]);
        }

        Assert.Single(answers.Distinct());
    }

    [Theory]
    [InlineData("locked")]
    [InlineData("locked-and-unknown")]
    public async Task After_too_many_failures_a_name_is_closed_whether_a_user_has_it_or_not(string name)
    {
        if (name == "locked") await store.AddUserAsync(name, "reader");
        for (var i = 0; i < SecureStoreFixture.LockoutFailures; i++) Assert.Equal(401, (await store.TryLoginAsync(name, "wrong")).Status);
        var checks = store.Services.GetRequiredService<PasswordWork>().Checks;
        var closed = await store.TryLoginAsync(name, SecureStoreFixture.UserPassword);
        Assert.Equal((429, "locked_out"), (closed.Status, closed.Code));
        Assert.InRange(int.Parse(closed.Headers["Retry-After"]), 1, 60);
        Assert.Equal(checks, store.Services.GetRequiredService<PasswordWork>().Checks);
    }

    [Fact]
    public void A_closed_name_opens_again_and_old_failures_do_not_count()
    {
        var time = new SettableTime();
        var settings = TestSettings.Of("entityactors.security { lockout-failures = 3, lockout-time = 1m, lockout-names = 2 }");
        var guard = new LoginGuard(settings, time);
        Assert.False(guard.Fail("a"));
        Assert.False(guard.Fail("a"));
        Assert.Null(guard.ClosedFor("a"));
        Assert.True(guard.Fail("a"));
        Assert.Equal(TimeSpan.FromMinutes(1), guard.ClosedFor("a"));
        time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(TimeSpan.FromSeconds(1), guard.ClosedFor("a"));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(guard.ClosedFor("a"));
        guard.Fail("a");
        Assert.Null(guard.ClosedFor("a"));
        guard.Fail("a");
        guard.Succeed("a");
        guard.Fail("a");
        Assert.Null(guard.ClosedFor("a"));
        for (var i = 0; i < 100; i++) guard.Fail($"name {i}");
        guard.Fail("name 99");
        guard.Fail("name 99");
        Assert.NotNull(guard.ClosedFor("name 99"));
    }

    [Fact]
    public async Task More_passwords_than_may_wait_are_answered_busy()
    {
        using var passwords = new PasswordWork(TestSettings.Of("entityactors.security { password-concurrency = 1, password-queue = 1, password-iterations = 1000 }"));
        using var entered = new ManualResetEventSlim();
        using var held = new ManualResetEventSlim();
        var running = Task.Run(() => passwords.VerifyAsync(null, "x", () => { entered.Set(); held.Wait(); }, default));
        entered.Wait();
        var waiting = passwords.VerifyAsync(null, "x", () => { }, default);
        var refused = await Assert.ThrowsAsync<EntityActors.Host.Http.ApiProblem>(() => passwords.VerifyAsync(null, "x", () => { }, default));
        Assert.Equal((429, "busy"), (refused.Status, refused.Code));
        held.Set();
        Assert.False(await running);
        Assert.False(await waiting);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{\"username\":\"admin\"}")]
    [InlineData("{\"username\":1,\"password\":2}")]
    [InlineData("{\"username\":null,\"password\":null}")]
    [InlineData("{\"username\":[\"admin\"],\"password\":{\"$ne\":\"\"}}")]
    [InlineData("{\"username\":\"admin\",\"password\":\"x\",\"roles\":[\"admin\"]}")]
    [InlineData("{\"username\":\"admin\",\"username\":\"bob\",\"password\":\"x\"}")]
    [InlineData("{\"username\":\"\\ud800\",\"password\":\"x\"}")]
    [InlineData("{\"username\":\"admin\\u0000\",\"password\":\"x\"}")]
    [InlineData("{\"username\":\"' OR 1=1 --\",\"password\":\"x\"}")]
    [InlineData("{\"username\":\"../role/admin\",\"password\":\"x\"}")]
    [InlineData("{\"username\":\"admin\",\"password\":\"x\"")]
    public async Task Hostile_logins_are_refused_with_a_code(string body)
    {
        var answer = await store.Stranger.SendAsync("POST", "/v1/sessions", body);
        Assert.True(answer.Status is 400 or 401 or 415 && answer.Code is not null, answer.ToString());
    }

    [Fact]
    public async Task Large_deep_and_malformed_logins_are_refused_with_a_code()
    {
        var deep = new string('[', 10_000);
        var large = $$"""{"username":"admin","password":"{{new string('x', 100_000)}}"}""";
        Assert.Equal((413, "content_too_large"), await StatusAsync(large));
        Assert.Equal((400, "invalid"), await StatusAsync($$"""{"username":"admin","password":"{{new string('x', 300)}}"}"""));
        Assert.Equal((400, "invalid"), await StatusAsync($$"""{"username":{{deep}}"""));
        var malformed = await store.Stranger.SendAsync("POST", "/v1/sessions", [.. "{\"username\":\""u8, 0xC3, 0x28, .. "\",\"password\":\"x\"}"u8], []);
        Assert.Equal((400, "invalid"), (malformed.Status, malformed.Code));

        async Task<(int, string?)> StatusAsync(string body)
        {
            var answer = await store.Stranger.SendAsync("POST", "/v1/sessions", Encoding.UTF8.GetBytes(body), []);
            return (answer.Status, answer.Code);
        }
    }
}
