using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
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
        await using var events = new FeedWatcher(() => address, KillRun.Dataset, isEvents: true, seed);
        await using var lines = new FeedWatcher(() => address, KillRun.Dataset, isEvents: false, seed);
        events.Start();
        lines.Start();
        await server.StartAsync();
        using var process = new WatchProcess(address, KillRun.Dataset);
        // A watch that was never answered gives up; one that has begun waits for its server.
        using (var http = new StoreHttp(address)) await http.PutAsync(KillRun.Dataset, "first", ["kind:first"], null);
        await FeedCheck.EventuallyAsync(() => lines.Given.Count > 0 && events.Given.Count > 0 && process.Count > 0,
            () => $"the first change was not given: {lines.Given.Count} {events.Given.Count} {process.Count} {process.Messages}");
        await server.StopAsync();

        var run = new KillRun(server, seed, ClientCount, TimeSpan.FromSeconds(2.5));
        await run.RunAsync(cycles);
        var histories = await FeedCheck.HistoriesAsync(address, KillRun.Dataset);
        output.WriteLine($"{histories.Count} changes, {events.ConnectionCount} and {lines.ConnectionCount} connections; {process.Messages.Count(c => c == '\n')} messages");
        Assert.True(histories.Count >= run.AcknowledgedCount, $"{histories.Count} changes in the histories, {run.AcknowledgedCount} acknowledged");
        foreach (var watcher in new[] { events, lines })
        {
            await FeedCheck.EventuallyAsync(() => watcher.Given.Count >= histories.Count, () => $"{watcher.Given.Count} of {histories.Count} {watcher.Name}", watcher.ThrowIfEnded);
            FeedCheck.Check(watcher.Name, watcher.Given, histories);
            Assert.True(watcher.ConnectionCount > cycles, $"{watcher.ConnectionCount} connections: it was not cut off");
        }

        await FeedCheck.EventuallyAsync(() => process.Count >= histories.Count, () => $"{process.Count} of {histories.Count} lines; {process.Messages}");
        FeedCheck.Check("ea watch", process.Given(), histories);
        Assert.Equal(130, await process.InterruptAsync(FeedCheck.CatchUpMax));
        // Where it says to go on nothing is left: at its last change, or behind it when the feed had come further.
        var from = Regex.Matches(process.Messages, @"--from (\S+)").Last().Groups[1].Value;
        using var rest = new HttpClient { BaseAddress = address };
        Assert.Empty((await rest.GetStringAsync(new Uri($"/v1/datasets/{KillRun.Dataset}/changes?since={from}&follow=false", UriKind.Relative))).Trim());
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
