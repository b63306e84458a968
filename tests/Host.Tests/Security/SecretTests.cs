using System.Text;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Processes;
using EntityActors.Host.Tests.Http;
using Xunit;

namespace EntityActors.Host.Tests.Security;

/// <summary>The real program from its first start on: what it says, what it keeps, and what the commands do with it.</summary>
[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class SecretTests : IDisposable
{
    private static readonly TimeSpan EndsWithin = TimeSpan.FromMinutes(1);
    private readonly TempDirectory _directory = new();

    private string Data => _directory.File("data");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_newcomer_uses_the_store_and_no_secret_comes_out_but_once()
    {
        await using var server = await StartAsync();
        var password = (await File.ReadAllTextAsync(Path.Combine(Data, "admin.password"))).Trim();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(Data, "admin.password")));
        Assert.Equal(24, password.Length);
        Assert.Equal(1, Count(server.Output, password));
        var said = new StringBuilder();
        await EaAsync(0, "entity", "put", "a", "--dataset", "demo", "--tag", "a:1");
        await EaAsync(0, "query", "--dataset", "demo");
        await EaAsync(0, "watch", "--dataset", "demo", "--no-follow");
        await EaAsync(0, "verify");
        var token = (await EaAsync(0, "login")).Output.Trim();
        var added = await EaAsync("a secret of alice\n", 0, "user", "add", "alice", "--role", "reader", "--email", "alice@example.org");
        Assert.Equal("alice\tactive\treader\talice@example.org\n", added.Output);
        await EaAsync(0, "user", "set", "alice", "--role", "writer");
        await EaAsync(0, "user", "list", "--json");
        await EaAsync(0, "entity", "put", "b", "--dataset", "demo", "--user", "alice");
        await EaAsync(4, "user", "list", "--user", "alice");
        await EaAsync("another secret of alice\n", 0, "user", "password", "alice");
        await EaAsync(4, "query", "--user", "alice");
        await EaAsync(0, "user", "disable", "alice");
        await EaAsync(0, "user", "enable", "alice");
        await EaAsync(0, "user", "delete", "alice");
        await EaAsync(0, "query", "--token", token);
        await EaAsync(4, "query", "--token", new string('A', 43));
        await EaAsync(0, "audit", "list");
        Assert.Equal("node: ", (await EaAsync(0, "audit", "verify", "--data", Data)).Output[..6]);
        using var http = new HttpClient { BaseAddress = server.BaseAddress };
        foreach (var path in new[] { "/v1/users", "/v1/roles", "/v1/me", "/v1/audit", "/v1/shards", "/v1/datasets/demo/changes?follow=false", "/health/ready" })
            said.Append(await new HttpApi(http).GetAsync(path, $"Authorization: Bearer {token}"));
        said.Append(await new HttpApi(http).GetAsync("/v1/me", $"Authorization: Bearer {token}x"));
        Assert.Equal(0, await server.TerminateAsync());
        said.Append(server.Output);
        foreach (var file in Directory.GetFiles(Path.Combine(Data, "audit"), "*", SearchOption.AllDirectories)) said.Append(await File.ReadAllTextAsync(file));
        // Once in the line of the first start.
        Assert.Equal(1, Count(said.ToString(), password));
        var hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Buffers.Text.Base64Url.DecodeFromChars(token)));
        foreach (var secret in new[] { token, hash, "a secret of alice", "another secret of alice", "passwordHash", "AQAAAA" }) Assert.Equal(0, Count(said.ToString(), secret));
        Assert.Equal([], FilesWith(token).Concat(FilesWith("a secret of alice")));
        // What is searched for is found where it is.
        Assert.NotEmpty(FilesWith(hash));

        async Task<CommandOutcome> EaOnAsync(string input, int exitCode, string[] arguments)
        {
            var info = EaCommand.StartInfo(arguments);
            info.Environment["ENTITYACTORS_SERVER"] = server.BaseAddress.ToString();
            info.Environment["ENTITYACTORS_DATA"] = Data;
            info.Environment["ENTITYACTORS_PASSWORD"] = "a secret of alice";
            if (arguments is ["verify"]) info.ArgumentList.Add($"--server={server.BaseAddress}");
            var outcome = await EaCommand.RunAsync(EndsWithin, info, Encoding.UTF8.GetBytes(input));
            Assert.True(outcome.ExitCode == exitCode, $"{string.Join(' ', arguments)}: {outcome}");
            if (arguments is not ["login"]) said.Append(outcome);
            return outcome;
        }

        Task<CommandOutcome> EaAsync(object first, params object[] more) => first is string input
            ? EaOnAsync(input, (int)more[0], [.. more[1..].Cast<string>()])
            : EaOnAsync("", (int)first, [.. more.Cast<string>()]);
    }

    [Fact]
    public async Task The_first_password_may_be_given_and_is_then_kept_nowhere()
    {
        const string Given = "given by the environment";
        var info = EaCommand.StartInfo(Options().Arguments());
        info.Environment["ENTITYACTORS_ADMIN_PASSWORD"] = Given;
        await using (var server = ServerProcess.Launch(info))
        {
            await server.WaitReadyAsync(ServerProcess.ReadyTimeout);
            using var http = new HttpClient { BaseAddress = server.BaseAddress };
            var answer = await new HttpApi(http).SendAsync("POST", "/v1/sessions", $$"""{"username":"admin","password":"{{Given}}"}""");
            Assert.True(answer.Status == 200, answer.ToString());
            Assert.Equal(0, await server.TerminateAsync());
            Assert.Equal(0, Count(server.Output, Given));
        }

        Assert.False(File.Exists(Path.Combine(Data, "admin.password")));
        Assert.Equal([], FilesWith(Given));
        // The next start finds the user and makes no other.
        await using var again = await StartAsync();
        Assert.DoesNotContain("made the user", again.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(Data, "admin.password")));
    }

    [Fact]
    public async Task A_start_that_was_killed_before_the_user_was_made_leaves_a_password_that_the_next_one_takes()
    {
        Directory.CreateDirectory(Data);
        await using (var first = await StartAsync(authentication: false)) Assert.Equal(0, await first.TerminateAsync());
        const string Left = "left by a killed process";
        await File.WriteAllTextAsync(Path.Combine(Data, "admin.password"), Left + "\n");
        await using var server = await StartAsync();
        using var http = new HttpClient { BaseAddress = server.BaseAddress };
        var api = new HttpApi(http);
        var login = await api.SendAsync("POST", "/v1/sessions", $$"""{"username":"admin","password":"{{Left}}"}""");
        Assert.True(login.Status == 200, login.ToString());
        var token = $"Authorization: Bearer {login.Json.GetProperty("token").GetString()}";
        var changed = await api.SendAsync("PUT", "/v1/me/password", $$"""{"old":"{{Left}}","new":"a password of one's own"}""", token);
        Assert.True(changed.Status == 204, changed.ToString());
        Assert.False(File.Exists(Path.Combine(Data, "admin.password")), "a password that is none any more is still in its file");
    }

    private ServerOptions Options(bool authentication = true) => new(Data, 4) { Authentication = authentication };

    private Task<ServerProcess> StartAsync(bool authentication = true) => ServerProcess.StartAsync(Options(authentication));

    private static int Count(string text, string part) => text.Split(part).Length - 1;

    private IEnumerable<string> FilesWith(string text) =>
        Directory.GetFiles(Data, "*", SearchOption.AllDirectories).Where(path => File.ReadAllBytes(path).AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0);
}
