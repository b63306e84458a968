using System.Globalization;
using System.Text;
using System.Text.Json;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests;

/// <summary>
/// Clients move units between accounts by transactions while the real program is killed. Every query sees the same sum, whatever was killed; each
/// transaction took effect once, as a whole.
/// </summary>
public sealed class TransactionKillTests(ITestOutputHelper output)
{
    private const string Dataset = "bank";
    private const int AccountCount = 12;
    private const int ClientCount = 4;
    private const int KillCount = 3;
    private const int Each = 1_000;
    private static readonly TimeSpan SettledWithin = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task No_kill_leaves_a_part_of_a_transaction_and_none_takes_effect_twice()
    {
        var seed = SeedSource.Next();
        output.WriteLine($"{SeedSource.Variable}={seed}");
        var random = SeedSource.For(seed, 0);
        using var directory = new TempDirectory();
        var options = new ServerOptions(directory.File("data"), TinyThresholds.ShardCount, [TinyThresholds.WriteTo(directory.Path)]);
        var server = await ServerProcess.StartAsync(options);
        try
        {
            using (var http = new StoreHttp(server.BaseAddress))
            {
                var puts = string.Join(',', Enumerable.Range(0, AccountCount).Select(i => Put(i, Each, "\"ifAbsent\":true")));
                Assert.Equal(200, (await SendAsync(http, puts, "opening"))!.Value.Status);
            }

            var done = new List<(string Key, string Operations, string Answer)>();
            for (var kill = 0; kill <= KillCount; kill++)
            {
                var open = new List<(string Key, string Operations)>();
                using var http = new StoreHttp(server.BaseAddress);
                Assert.Equal(AccountCount * Each, await SumAsync(http, null));
                var running = server;
                var clients = Enumerable.Range(0, ClientCount).Select(client => ClientAsync(http, SeedSource.For(seed, (kill * 100) + client + 1), done, open)).ToArray();
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(300, 2_000)));
                await running.KillAsync();
                await Task.WhenAll(clients);
                await server.DisposeAsync();
                server = await ServerProcess.StartAsync(options);
                await SettleAsync(new StoreHttp(server.BaseAddress), open, done);
            }

            using var last = new StoreHttp(server.BaseAddress);
            await CheckAsync(last, done);
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    /// <summary>Moves units until nobody answers any more.</summary>
    private static async Task ClientAsync(
        StoreHttp http, Random random, List<(string, string, string)> done, List<(string Key, string Operations)> open)
    {
        while (true)
        {
            var (key, operations) = ("", "");
            try
            {
                var (from, to) = (random.Next(AccountCount), random.Next(AccountCount));
                if (from == to) continue;
                var (source, target) = (await AccountAsync(http, from), await AccountAsync(http, to));
                key = $"{random.NextInt64()}";
                operations = Put(from, source.Units - 1, $"\"ifRevision\":{source.Revision}") + "," + Put(to, target.Units + 1, $"\"ifRevision\":{target.Revision}");
                if (await SendAsync(http, operations, key) is not { } answer) continue;
                // A condition that did not hold: somebody else was quicker, and nothing was moved.
                if (answer.Status == 200) lock (done) done.Add((key, operations, answer.Body));
            }
            catch (Exception end) when (end is HttpRequestException or IOException or TaskCanceledException)
            {
                if (operations.Length > 0) lock (open) open.Add((key, operations));
                return;
            }
        }
    }

    /// <summary>What went unanswered is sent again under its key: it took effect before, takes effect now, or its condition says that it never will.</summary>
    private static async Task SettleAsync(StoreHttp http, List<(string Key, string Operations)> open, List<(string, string, string)> done)
    {
        using var disposed = http;
        foreach (var (key, operations) in open)
        {
            var answer = await SendAsync(http, operations, key) ?? throw new TimeoutException($"transaction {key} is not settled");
            Assert.True(answer.Status is 200 or 412, answer.ToString());
            if (answer.Status == 200) done.Add((key, operations, answer.Body));
        }
    }

    private static async Task CheckAsync(StoreHttp http, List<(string Key, string Operations, string Answer)> done)
    {
        Assert.True(done.Count > 0, "no transaction was made");
        Assert.Equal(AccountCount * Each, await SumAsync(http, null));
        var changes = new Dictionary<long, int>();
        for (var account = 0; account < AccountCount; account++)
        {
            foreach (var change in (await http.HistoryAsync(Dataset, Id(account))).Skip(1)) changes[change.At] = changes.GetValueOrDefault(change.At) + 1;
        }

        // Two changes each, at one moment of its own; none without a client that was told of it.
        Assert.All(changes.Values, count => Assert.Equal(2, count));
        Assert.Equal(done.Count, changes.Count);
        foreach (var (_, _, answer) in done.Take(50).Concat(done.TakeLast(50)))
        {
            using var json = JsonDocument.Parse(answer);
            Assert.Equal(AccountCount * Each, await SumAsync(http, json.RootElement.GetProperty("commits")[0].GetProperty("at").GetString()));
        }

        var (key, operations, first) = done[^1];
        var again = (await SendAsync(http, operations, key))!.Value;
        Assert.Equal((200, first.Replace("\"duplicate\":true", "\"duplicate\":false", StringComparison.Ordinal)),
            (again.Status, again.Body.Replace("\"duplicate\":true", "\"duplicate\":false", StringComparison.Ordinal)));
    }

    private static async Task<long> SumAsync(StoreHttp http, string? asOf)
    {
        var path = $"/v1/datasets/{Dataset}/entities?tag=account:1&limit=1000&fields=content" + (asOf is null ? "" : "&asOf=" + Uri.EscapeDataString(asOf));
        using var json = JsonDocument.Parse(await http.Raw.GetStringAsync(new Uri(path, UriKind.Relative)));
        return json.RootElement.GetProperty("items").EnumerateArray().Sum(item => item.GetProperty("content").GetInt64());
    }

    private static async Task<(long Revision, long Units)> AccountAsync(StoreHttp http, int account)
    {
        var entity = await http.GetAsync(Dataset, Id(account)) ?? throw new InvalidDataException($"account {account} is gone");
        return (entity.Revision, long.Parse(entity.ContentText!, CultureInfo.InvariantCulture));
    }

    /// <returns>Null when the store did not say what became of it for a while.</returns>
    private static async Task<(int Status, string Body)?> SendAsync(StoreHttp http, string operations, string key)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(started) < SettledWithin)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, $"/v1/datasets/{Dataset}/transactions")
            {
                Content = new StringContent($$"""{"operations":[{{operations}}]}""", Encoding.UTF8, "application/json"),
            };
            request.Headers.Add("Idempotency-Key", key);
            using var answer = await http.Raw.SendAsync(request);
            var body = await answer.Content.ReadAsStringAsync();
            if ((int)answer.StatusCode is not (429 or 503 or 504)) return ((int)answer.StatusCode, body);
        }

        return null;
    }

    private static string Put(int account, long units, string condition) =>
        $$"""{"op":"put","id":"{{Id(account)}}","tags":["account:1"],"content":{{units}},{{condition}}}""";

    private static string Id(int account) => $"{{bank}}{account}";
}
