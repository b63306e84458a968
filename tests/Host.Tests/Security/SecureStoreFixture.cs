using System.Net.Http.Headers;
using EntityActors.Host.Http;
using EntityActors.Host.Tests.Http;
using EntityActors.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Xunit;

namespace EntityActors.Host.Tests.Security;

/// <summary>A node as <c>ea serve</c> composes it, with authentication, in this process, with an empty store on a free port of loopback.</summary>
public class SecureStoreFixture : IAsyncLifetime
{
    public const string AdminPassword = "admin's own secret";
    public const string UserPassword = "a user's own secret";
    public const int LockoutFailures = 4;
    public const int ShardCount = 4;

    /// <summary>Cheap passwords, and limits that a loaded machine does not meet by being slow.</summary>
    private const string Settings = """
        entityactors.security { password-iterations = 1000, password-queue = 1000, lockout-failures = 4, session-unconfirmed-max = 60s, session-read-timeout = 60s }
        entityactors.http { logins-per-second = 100000, logins-burst = 100000 }
        """;

    private readonly TempDirectory _directory = new();
    private readonly List<HttpClient> _clients = [];
    private WebApplication? _app;

    public Uri BaseAddress { get; private set; } = null!;

    public IServiceProvider Services => _app!.Services;

    public string Data => _directory.File("data");

    /// <summary>Without a token.</summary>
    public HttpApi Stranger { get; private set; } = null!;

    public HttpApi Admin { get; private set; } = null!;

    /// <summary>Added to the settings.</summary>
    protected virtual string MoreSettings => "";

    public async Task InitializeAsync()
    {
        await File.WriteAllTextAsync(_directory.File("test.hocon"), Settings + "\n" + MoreSettings);
        _app = StoreHosting.Build(new ServeOptions(Data, new Uri("http://127.0.0.1:0"), ShardCount, [_directory.File("test.hocon")])
        {
            Authentication = true, AdminPassword = AdminPassword,
        });
        await _app.StartAsync();
        BaseAddress = new Uri(_app.Urls.First());
        Stranger = With(token: null);
        Admin = await LoginAsync("admin", AdminPassword);
    }

    public HttpApi With(string? token)
    {
        var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = BaseAddress };
        if (token is not null) client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        _clients.Add(client);
        return new HttpApi(client);
    }

    public async Task<string> TokenAsync(string user, string password)
    {
        var answer = await TryLoginAsync(user, password);
        Assert.True(answer.Status == 200, answer.ToString());
        return answer.Json.GetProperty("token").GetString()!;
    }

    public async Task<HttpApi> LoginAsync(string user, string password = UserPassword) => With(await TokenAsync(user, password));

    public Task<HttpAnswer> TryLoginAsync(string user, string password) =>
        Stranger.SendAsync("POST", "/v1/sessions", $$"""{"username":"{{user}}","password":"{{password}}"}""");

    /// <summary>A new user with these roles, by the administrator.</summary>
    public async Task AddUserAsync(string name, params string[] roles)
    {
        var body = $$"""{"username":"{{name}}","password":"{{UserPassword}}","roles":[{{string.Join(',', roles.Select(role => $"\"{role}\""))}}]}""";
        var answer = await Admin.SendAsync("POST", "/v1/users", body);
        Assert.True(answer.Status == 201, answer.ToString());
    }

    public async Task PutRoleAsync(string name, params string[] permissions)
    {
        var body = $$"""{"permissions":[{{string.Join(',', permissions.Select(permission => $"\"{permission}\""))}}]}""";
        var answer = await Admin.SendAsync("PUT", $"/v1/roles/{name}", body);
        Assert.True(answer.Status is 200 or 201, answer.ToString());
    }

    public async Task DisposeAsync()
    {
        foreach (var client in _clients) client.Dispose();
        if (_app is not null)
        {
            await _app.StopAsync();
            await _app.DisposeAsync();
        }

        _directory.Dispose();
    }
}
