using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using EntityActors.Cluster.Tests.Feeds;
using EntityActors.Cluster.Tests.Kill;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests;

/// <summary>Feeds of the real program through kill -9 and SIGTERM under load.</summary>
public sealed class FeedKillTests(ITestOutputHelper output)
{
    private const string CyclesVariable = "EA_KILL_CYCLES";
    private const int CyclesDefault = 6;
    private const int ClientCount = 16;
    private static readonly TimeSpan CatchUpMax = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Watchers_of_a_node_that_is_killed_again_and_again_get_every_change_once_and_in_its_shards_order()
    {
        var seed = SeedSource.Next();
        var cycles = int.TryParse(Environment.GetEnvironmentVariable(CyclesVariable), CultureInfo.InvariantCulture, out var set) ? set : CyclesDefault;
        output.WriteLine($"{SeedSource.Variable}={seed} {CyclesVariable}={cycles}");
        using var directory = new TempDirectory();
        var options = new ServerOptions(directory.File("data"), TinyThresholds.ShardCount, [TinyThresholds.WriteTo(directory.Path)], HttpPort: FreePort());
        await using var server = new ServerUnderTest(options);
        var address = new Uri($"http://127.0.0.1:{options.HttpPort}");
        await using var events = new FeedWatcher(address, KillRun.Dataset, isEvents: true, seed);
        await using var lines = new FeedWatcher(address, KillRun.Dataset, isEvents: false, seed);
        events.Start();
        lines.Start();
        await server.StartAsync();
        using var process = new WatchProcess(address, KillRun.Dataset);
        await Eventually(() => lines.ConnectionCount > 0 || process.HasExited, () => "no watcher was let in");
        await server.StopAsync();

        var run = new KillRun(server, seed, ClientCount, TimeSpan.FromSeconds(2.5));
        await run.RunAsync(cycles);
        var histories = await HistoriesAsync(address);
        output.WriteLine($"{histories.Count} changes, {events.ConnectionCount} and {lines.ConnectionCount} connections; {process.Messages.Count(c => c == '\n')} messages");
        Assert.True(histories.Count >= run.AcknowledgedCount, $"{histories.Count} changes in the histories, {run.AcknowledgedCount} acknowledged");
        foreach (var watcher in new[] { events, lines })
        {
            await Eventually(() => watcher.Given.Count >= histories.Count, () => $"{watcher.Given.Count} of {histories.Count} {watcher.Name}", watcher.ThrowIfEnded);
            Check(watcher.Name, watcher.Given, histories);
            Assert.True(watcher.ConnectionCount > cycles, $"{watcher.ConnectionCount} connections: it was not cut off");
        }

        await Eventually(() => process.Count >= histories.Count || process.HasExited, () => $"{process.Count} of {histories.Count} lines; {process.Messages}");
        Check("ea watch", process.Given(), histories);
        Assert.Equal(130, await process.InterruptAsync(CatchUpMax));
        Assert.Contains($"--from {process.Given().Last().Cursor}"[..40], process.Messages, StringComparison.Ordinal);
    }

    /// <summary>Each change of the histories once; in each shard times rise, and its events follow each other without a gap.</summary>
    private static void Check(string name, IReadOnlyCollection<FeedLine> given, IReadOnlyCollection<FeedLine> histories)
    {
        var twice = given.GroupBy(line => (line.Id, line.Revision)).FirstOrDefault(group => group.Count() > 1);
        Assert.True(twice is null, $"{name}: {twice?.Key} was given {twice?.Count()} times");
        var (expected, actual) = (histories.ToHashSet(), given.Select(line => line.WithoutPlace()).ToHashSet());
        var missing = expected.Except(actual).Take(5).ToList();
        Assert.True(missing.Count == 0, $"{name}: not given: {string.Join("; ", missing)}");
        var strange = actual.Except(expected).Take(5).ToList();
        Assert.True(strange.Count == 0, $"{name}: in no history: {string.Join("; ", strange)}");
        foreach (var shard in given.GroupBy(line => line.Shard))
        {
            FeedLine? last = null;
            foreach (var line in shard)
            {
                var isNext = last is null ? line.Sequence == 1 : line.Sequence == last.Sequence || line.Sequence == last.Sequence + 1;
                Assert.True(isNext, $"{name}: shard {shard.Key}: event {line.Sequence} after {last?.Sequence}");
                Assert.True(last is null || string.CompareOrdinal(line.RecordedAt, last.RecordedAt) > 0, $"{name}: shard {shard.Key}: {line} after {last}");
                last = line;
            }
        }
    }

    private static async Task<List<FeedLine>> HistoriesAsync(Uri address)
    {
        using var http = new StoreHttp(address);
        var all = new List<FeedLine>();
        foreach (var id in await IdsAsync(http))
        {
            for (var (cursor, more) = ("", true); more;)
            {
                var path = $"{StoreHttp.EntityPath(KillRun.Dataset, id)}/history?limit=1000{cursor}";
                using var page = JsonDocument.Parse(await http.Raw.GetStringAsync(new Uri(path, UriKind.Relative)));
                all.AddRange(page.RootElement.GetProperty("items").EnumerateArray().Select(FeedLine.OfHistory));
                more = page.RootElement.TryGetProperty("cursor", out var next);
                if (more) cursor = $"&cursor={next.GetString()}";
            }
        }

        return all;
    }

    private static async Task<List<string>> IdsAsync(StoreHttp http)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get,
            new Uri($"/v1/datasets/{KillRun.Dataset}/entities?lifecycle=any&fields=id", UriKind.Relative));
        request.Headers.Accept.ParseAdd("application/x-ndjson");
        using var answer = await http.Raw.SendAsync(request);
        answer.EnsureSuccessStatusCode();
        var text = await answer.Content.ReadAsStringAsync();
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()!)];
    }

    private static async Task Eventually(Func<bool> holds, Func<string> state, Action? look = null)
    {
        for (var deadline = Environment.TickCount64 + (long)CatchUpMax.TotalMilliseconds; !holds();)
        {
            look?.Invoke();
            Assert.True(Environment.TickCount64 < deadline, state());
            await Task.Delay(20);
        }
    }

    /// <summary>A server that is started again must be found where it was: so not a port that the system gives to others meanwhile.</summary>
    private static int FreePort()
    {
        while (true)
        {
            var port = Random.Shared.Next(20_000, 32_000);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken.
            }
        }
    }
}
