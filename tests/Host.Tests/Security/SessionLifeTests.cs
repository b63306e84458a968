using EntityActors.Host.Security;
using EntityActors.Host.Tests.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EntityActors.Host.Tests.Security;

/// <summary>How long sessions last, and what one token can become.</summary>
public sealed class SessionLifeTests(SecureStoreFixture store) : IClassFixture<SecureStoreFixture>
{
    private readonly SecuritySettings _settings = store.Services.GetRequiredService<SecuritySettings>();

    [Fact]
    public async Task A_session_is_good_until_its_time()
    {
        await store.AddUserAsync("timed", "reader");
        var now = DateTimeOffset.UtcNow;
        Assert.Equal(200, (await store.With(await SessionAsync("timed", now.AddDays(-1), now.AddHours(1))).GetAsync("/v1/me")).Status);
        var over = await SessionAsync("timed", now.AddDays(-1), now.AddSeconds(-1));
        Assert.Equal(401, (await store.With(over).GetAsync("/v1/me")).Status);
        Assert.Null(await store.Services.GetRequiredService<ISessionReader>().ReadAsync(SessionToken.IdOf(over)!, default));
    }

    [Fact]
    public async Task A_session_begins_with_an_end_and_refreshing_leads_to_no_later_one_than_the_password_allows()
    {
        await store.AddUserAsync("lasting", "reader");
        var before = DateTimeOffset.UtcNow;
        var login = await store.TryLoginAsync("lasting", SecureStoreFixture.UserPassword);
        Assert.InRange(ExpiresAt(login), before + _settings.SessionTtl - TimeSpan.FromSeconds(1), DateTimeOffset.UtcNow + _settings.SessionTtl + TimeSpan.FromSeconds(1));
        // The password was given long ago: an hour is left of the longest time.
        var loginAt = before - _settings.SessionLifetimeMax + TimeSpan.FromHours(1);
        var old = store.With(await SessionAsync("lasting", loginAt, before.AddHours(1)));
        var refreshed = await old.SendAsync("POST", "/v1/sessions/refresh", (string?)null);
        Assert.True(refreshed.Status == 200, refreshed.ToString());
        Assert.InRange(ExpiresAt(refreshed), before, before.AddHours(1) + TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task One_token_that_is_refreshed_many_times_at_once_becomes_one_session()
    {
        await store.AddUserAsync("forking", "reader");
        var session = await store.LoginAsync("forking");
        var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => session.SendAsync("POST", "/v1/sessions/refresh", (string?)null)));
        Assert.All(answers, answer => Assert.True(answer.Status is 200 or 401, answer.ToString()));
        var next = Assert.Single(answers, answer => answer.Status == 200);
        Assert.Equal(200, (await store.With(next.Json.GetProperty("token").GetString()).GetAsync("/v1/me")).Status);
        var (sessions, _) = await store.Services.GetRequiredService<AccountStore>().SessionsAsync(1_000, null, default);
        Assert.Single(sessions, one => one.Session.User == "forking");
    }

    [Theory]
    [InlineData("/auth/login")]
    [InlineData("/users/create")]
    public async Task Bodies_of_EntityDBs_accounts_are_small(string path)
    {
        var http = path == "/auth/login" ? store.Stranger : store.Admin;
        var answer = await http.SendAsync("POST", "/api/v1" + path, $$"""{"username":"x","password":"x","more":"{{new string('x', 100_000)}}"}""");
        Assert.Equal((413, "content_too_large"), (answer.Status, answer.Code));
    }

    /// <returns>Token of a session that began at some time.</returns>
    private async Task<string> SessionAsync(string user, DateTimeOffset loginAt, DateTimeOffset expiresAt)
    {
        var accounts = store.Services.GetRequiredService<AccountStore>();
        var account = (await accounts.UserAsync(user, default))!.Value!;
        var token = SessionToken.New();
        await accounts.PutSessionAsync(SessionToken.IdOf(token)!, new SessionAccount(user, account.Generation, loginAt, loginAt, expiresAt), default);
        return token;
    }

    private static DateTimeOffset ExpiresAt(HttpAnswer answer) => answer.Json.GetProperty("expiresAt").GetDateTimeOffset();
}

/// <summary>A node that checks one password at a time while eight wait.</summary>
public sealed class GuessedStoreFixture : SecureStoreFixture
{
    public const int Queue = 8;

    protected override string MoreSettings => "entityactors.security { password-concurrency = 1, password-queue = 8 }";
}

/// <summary>Guesses at one name that come all at once.</summary>
public sealed class GuessTests(GuessedStoreFixture store) : IClassFixture<GuessedStoreFixture>
{
    [Fact]
    public async Task No_more_are_checked_than_may_fail_however_many_wait()
    {
        await store.AddUserAsync("guessed", "reader");
        var passwords = store.Services.GetRequiredService<PasswordWork>();
        using var held = new ManualResetEventSlim();
        using var entered = new ManualResetEventSlim();
        var holding = Task.Run(() => passwords.VerifyAsync(null, "x", () => { entered.Set(); held.Wait(); }, default));
        Assert.True(entered.Wait(TimeSpan.FromMinutes(1)));
        // The one too many is answered when all others wait.
        var guesses = Enumerable.Range(0, GuessedStoreFixture.Queue + 1).Select(_ => store.TryLoginAsync("guessed", "wrong")).ToList();
        Assert.Equal("busy", (await await Task.WhenAny(guesses)).Code);
        var checks = passwords.Checks;
        held.Set();
        await holding;
        var codes = (await Task.WhenAll(guesses)).Select(answer => answer.Code).ToList();
        Assert.Equal(SecureStoreFixture.LockoutFailures, codes.Count(code => code == "bad_credentials"));
        Assert.Equal(GuessedStoreFixture.Queue - SecureStoreFixture.LockoutFailures, codes.Count(code => code == "locked_out"));
        Assert.InRange(passwords.Checks - checks, SecureStoreFixture.LockoutFailures, SecureStoreFixture.LockoutFailures + 1);
    }
}
