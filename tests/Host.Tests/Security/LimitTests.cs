using System.Net.Sockets;
using System.Text;
using EntityActors.Host.Security;
using EntityActors.Host.Tests.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EntityActors.Host.Tests.Security;

/// <summary>A node with limits that a test can reach.</summary>
public sealed class LimitedStoreFixture : SecureStoreFixture
{
    public const int ConnectionsMax = 40;

    protected override string MoreSettings => """
        entityactors.http {
          cors-origins = ["https://app.example.org"], connections-max = 40, headers-timeout = 1s
          requests-per-second = 1, requests-burst = 300, logins-per-second = 1, logins-burst = 5
        }
        """;
}

/// <summary>Rates, on a node of their own: what they take is missing afterwards.</summary>
public sealed class RateTests(LimitedStoreFixture store) : IClassFixture<LimitedStoreFixture>
{
    [Fact]
    public async Task Who_asks_too_often_is_told_when_to_come_again()
    {
        var logins = await ManyAsync(100, () => store.TryLoginAsync("nobody", "wrong"));
        var busy = logins.Where(answer => answer.Code == "busy").ToList();
        Assert.True(busy.Count > 50, $"{busy.Count} of 100 logins were held back");
        Assert.All(busy, answer => Assert.True(answer.Status == 429 && int.Parse(answer.Headers["Retry-After"]) >= 1, answer.ToString()));
        var requests = await ManyAsync(1_000, () => store.Stranger.GetAsync("/health/live"));
        Assert.Contains(requests, answer => answer is { Status: 429, Code: "busy" });
        Assert.All(requests, answer => Assert.True(answer.Status is 200 or 429, answer.ToString()));
        // Nobody else asks: who waits as long as told is let in.
        await Task.Delay(TimeSpan.FromSeconds(requests.Where(static answer => answer.Status == 429).Max(static answer => int.Parse(answer.Headers["Retry-After"]))));
        Assert.Equal(200, (await store.Stranger.GetAsync("/health/live")).Status);
    }

    /// <summary>Ten at a time, fewer than may be connected.</summary>
    private static async Task<IReadOnlyCollection<HttpAnswer>> ManyAsync(int count, Func<Task<HttpAnswer>> ask)
    {
        var answers = new System.Collections.Concurrent.ConcurrentBag<HttpAnswer>();
        await Parallel.ForEachAsync(Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = 10 }, async (_, _) => answers.Add(await ask()));
        return answers;
    }
}

/// <summary>Limits of the interface, and pages of other sites.</summary>
public sealed class LimitTests(LimitedStoreFixture store) : IClassFixture<LimitedStoreFixture>
{
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task One_connection_too_many_is_closed_and_one_that_says_nothing_too()
    {
        var clients = new List<TcpClient>();
        try
        {
            for (var i = 0; i < 2 * LimitedStoreFixture.ConnectionsMax; i++)
            {
                var client = new TcpClient();
                await client.ConnectAsync(store.BaseAddress.Host, store.BaseAddress.Port);
                clients.Add(client);
                // Headers that never end.
                await client.GetStream().WriteAsync("GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "u8.ToArray());
            }

            var answers = await Task.WhenAll(clients.Select(ReadAsync));
            Assert.Contains("", answers);
            Assert.All(answers, answer => Assert.True(answer.Length == 0 || answer.StartsWith("HTTP/1.1 408", StringComparison.Ordinal), answer));
        }
        finally
        {
            foreach (var client in clients) client.Dispose();
        }
    }

    [Fact]
    public async Task Pages_of_the_origins_that_are_named_may_ask_and_others_may_not()
    {
        var named = await PreflightAsync("https://app.example.org");
        Assert.Equal((204, "https://app.example.org"), (named.Status, named.Headers.GetValueOrDefault("Access-Control-Allow-Origin")));
        var other = await PreflightAsync("https://evil.example.org");
        Assert.False(other.Headers.ContainsKey("Access-Control-Allow-Origin"), other.ToString());
        // The page is not the user: it needs a token like everybody.
        Assert.Equal(401, (await store.Stranger.GetAsync("/v1/me", "Origin: https://app.example.org")).Status);
    }

    [Fact]
    public async Task Sessions_that_are_over_are_deleted_and_others_stay()
    {
        var accounts = store.Services.GetRequiredService<AccountStore>();
        var now = DateTimeOffset.UtcNow;
        await accounts.PutSessionAsync("over", new SessionAccount("admin", 1, now.AddDays(-2), now.AddDays(-2), now.AddDays(-1)), default);
        await accounts.PutSessionAsync("good", new SessionAccount("admin", 1, now, now, now.AddDays(1)), default);
        Assert.Equal(1, await store.Services.GetRequiredService<SessionSweeper>().SweepAsync(default));
        Assert.Null((await accounts.SessionAsync("over", default))!.Value);
        Assert.NotNull((await accounts.SessionAsync("good", default))!.Value);
    }

    private Task<HttpAnswer> PreflightAsync(string origin) => store.Stranger.SendAsync(
        "OPTIONS", "/v1/me", (string?)null, $"Origin: {origin}", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: authorization");

    private static async Task<string> ReadAsync(TcpClient client)
    {
        using var limit = new CancellationTokenSource(AnswerWithin);
        using var answer = new MemoryStream();
        try
        {
            await client.GetStream().CopyToAsync(answer, limit.Token);
        }
        catch (IOException)
        {
            // Closed without a word.
        }

        return Encoding.Latin1.GetString(answer.ToArray());
    }
}
