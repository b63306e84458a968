using System.Buffers.Text;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Processes;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests;

/// <summary>Users and sessions of three real nodes: what one node grants or takes, all of them grant or take.</summary>
public sealed class SecurityClusterTests : IAsyncLifetime
{
    private const int ShardCount = 16;

    /// <summary>A second is promised; a loaded machine may take longer to run the test itself.</summary>
    private static readonly TimeSpan NoticedWithin = TimeSpan.FromSeconds(20);

    private readonly ITestOutputHelper _output;
    private readonly TempDirectory _directory = new();
    private readonly ClusterUnderTest _cluster;
    private readonly List<HttpClient> _clients = [];
    private string _password = "";

    public SecurityClusterTests(ITestOutputHelper output)
    {
        _output = output;
        _cluster = new ClusterUnderTest(_directory.File("data"), nodeCount: 3, ShardCount, authentication: true);
    }

    public async Task InitializeAsync()
    {
        await _cluster.StartAsync();
        _password = (await File.ReadAllTextAsync(Path.Combine(_cluster.DataDirectory, "admin.password"))).Trim();
    }

    public async Task DisposeAsync()
    {
        foreach (var client in _clients) client.Dispose();
        await _cluster.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task Nodes_that_start_at_once_make_one_administrator()
    {
        Assert.Equal(2, _cluster.Output.Split("made the user").Length);
        for (var node = 0; node < 3; node++)
        {
            var token = await LoginAsync(node, "admin", _password);
            using var users = JsonDocument.Parse(await Client(node, token).GetStringAsync(new Uri("/v1/users", UriKind.Relative)));
            Assert.Single(users.RootElement.GetProperty("items").EnumerateArray());
        }

        Assert.Single(Directory.GetFiles(_cluster.DataDirectory, "admin.*"));
    }

    [Fact]
    public async Task What_one_node_revokes_all_nodes_refuse()
    {
        var admin = Client(0, await LoginAsync(0, "admin", _password));
        foreach (var (what, revoke) in new (string, Func<HttpClient, Task<HttpResponseMessage>>)[]
        {
            ("logout", user => user.DeleteAsync(new Uri("/v1/sessions", UriKind.Relative))),
            ("all sessions", user => user.DeleteAsync(new Uri("/v1/sessions?all=true", UriKind.Relative))),
            ("password", user => user.PutAsync(new Uri("/v1/me/password", UriKind.Relative), Json("""{"old":"the first secret","new":"the second secret"}"""))),
            ("other password", _ => admin.PutAsync(new Uri("/v1/users/user/password", UriKind.Relative), Json("""{"password":"the first secret"}"""))),
            ("disabled", _ => admin.PatchAsync(new Uri("/v1/users/user", UriKind.Relative), Json("""{"disabled":true}"""))),
            ("deleted", _ => admin.DeleteAsync(new Uri("/v1/users/user", UriKind.Relative))),
        })
        {
            await EnsureUserAsync(admin);
            var token = await LoginAsync(1, "user", "the first secret");
            for (var node = 0; node < 3; node++) Assert.Equal(HttpStatusCode.OK, await StatusAsync(node, token));
            using var feed = await Client(2, token).GetAsync(new Uri("/v1/datasets/any/changes", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
            Assert.Equal(HttpStatusCode.OK, feed.StatusCode);
            using (var answer = await revoke(Client(1, token))) Assert.True(answer.IsSuccessStatusCode, $"{what}: {await answer.Content.ReadAsStringAsync()}");
            var since = Stopwatch.StartNew();
            for (var node = 0; node < 3; node++)
            {
                while (await StatusAsync(node, token) != HttpStatusCode.Unauthorized) Assert.True(since.Elapsed < NoticedWithin, $"{what}: node {node} serves on");
                _output.WriteLine($"{what}: node {node} refuses after {since.Elapsed.TotalMilliseconds:F0} ms");
            }

            await AssertBrokenOffAsync(feed, what);
            _output.WriteLine($"{what}: the feed ended after {since.Elapsed.TotalMilliseconds:F0} ms");
        }
    }

    [Fact]
    public async Task A_session_outlives_the_node_that_held_it()
    {
        var token = await LoginAsync(0, "admin", _password);
        var dead = await OwnerOfAsync(token);
        var living = (dead + 1) % 3;
        _cluster.Kill(dead);
        var since = Stopwatch.StartNew();
        HttpStatusCode status;
        // Until others serve its shard: refused, and never as if the session were none.
        while ((status = await StatusAsync(living, token)) != HttpStatusCode.OK)
        {
            Assert.True(status == HttpStatusCode.ServiceUnavailable && since.Elapsed < TimeSpan.FromMinutes(1), $"{status} after {since.Elapsed}\n{_cluster.Output}");
        }

        await _cluster.StartNodeAsync(dead);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(dead, token));
    }

    [Fact]
    public async Task A_node_that_cannot_ask_for_a_session_refuses_although_it_knew_it()
    {
        var token = await LoginAsync(0, "admin", _password);
        var owner = await OwnerOfAsync(token);
        var alone = (owner + 1) % 3;
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(alone, token));
        // Two of three stand still: the third can neither ask them nor take their shards over.
        foreach (var node in Enumerable.Range(0, 3).Where(node => node != alone)) _cluster.Pause(node);
        var since = Stopwatch.StartNew();
        var refused = 0;
        while (since.Elapsed < TimeSpan.FromSeconds(8) && _cluster.IsRunning(alone))
        {
            var sentAfter = since.Elapsed;
            var status = await StatusAsync(alone, token);
            Assert.True(status != HttpStatusCode.OK || sentAfter < TimeSpan.FromSeconds(1), $"served {sentAfter} after it was cut off");
            if (status == HttpStatusCode.ServiceUnavailable) refused++;
        }

        foreach (var node in Enumerable.Range(0, 3).Where(node => node != alone)) _cluster.Resume(node);
        Assert.True(refused > 0, _cluster.Output);
    }

    private static async Task AssertBrokenOffAsync(HttpResponseMessage feed, string what)
    {
        using var limit = new CancellationTokenSource(NoticedWithin);
        try
        {
            await using var body = await feed.Content.ReadAsStreamAsync(limit.Token);
            var buffer = new byte[4096];
            while (await body.ReadAsync(buffer, limit.Token) > 0)
            {
                // Until it ends.
            }
        }
        catch (Exception cause) when (cause is IOException or HttpRequestException)
        {
            return;
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"{what}: the feed goes on");
        }
    }

    private static async Task EnsureUserAsync(HttpClient admin)
    {
        var body = Json("""{"username":"user","password":"the first secret","roles":["reader"]}""");
        using var made = await admin.PostAsync(new Uri("/v1/users", UriKind.Relative), body);
        Assert.True(made.StatusCode is HttpStatusCode.Created or HttpStatusCode.Conflict, await made.Content.ReadAsStringAsync());
        using var enabled = await admin.PatchAsync(new Uri("/v1/users/user", UriKind.Relative), Json("""{"disabled":false}"""));
        Assert.Equal(HttpStatusCode.OK, enabled.StatusCode);
        using var password = await admin.PutAsync(new Uri("/v1/users/user/password", UriKind.Relative), Json("""{"password":"the first secret"}"""));
        Assert.Equal(HttpStatusCode.NoContent, password.StatusCode);
    }

    /// <summary>Number of the node that serves the shard of a session.</summary>
    private async Task<int> OwnerOfAsync(string token)
    {
        var id = Convert.ToHexStringLower(SHA256.HashData(Base64Url.DecodeFromChars(token)));
        var shard = new EntityKey("_system", "session/" + id).ShardOf(ShardCount).Value;
        using var json = JsonDocument.Parse(await Client(0, token).GetStringAsync(new Uri($"/v1/shards/{shard}", UriKind.Relative)));
        var name = json.RootElement.GetProperty("node").GetString();
        return Enumerable.Range(0, 3).Single(node => _cluster.NameOf(node) == name);
    }

    private async Task<HttpStatusCode> StatusAsync(int node, string token)
    {
        try
        {
            using var answer = await Client(node, token).GetAsync(new Uri("/v1/me", UriKind.Relative));
            return answer.StatusCode;
        }
        catch (HttpRequestException)
        {
            // The node is gone, or ends.
            return HttpStatusCode.ServiceUnavailable;
        }
    }

    private async Task<string> LoginAsync(int node, string user, string password)
    {
        using var answer = await Client(node, null).PostAsync(
            new Uri("/v1/sessions", UriKind.Relative), Json(JsonSerializer.Serialize(new { username = user, password })));
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        using var json = JsonDocument.Parse(text);
        return json.RootElement.GetProperty("token").GetString()!;
    }

    private HttpClient Client(int node, string? token)
    {
        var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = _cluster.Http(node) };
        if (token is not null) client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        _clients.Add(client);
        return client;
    }

    private static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");
}
