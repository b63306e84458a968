using System.Globalization;
using EntityActors.Cluster.Tests.Feeds;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests;

/// <summary>Feeds of a cluster whose nodes are killed and handed over: shards go on under other owners, and who follows them notices nothing.</summary>
public sealed class FeedTakeOverTests(ITestOutputHelper output)
{
    private const string CyclesVariable = "EA_KILL_CYCLES";
    private const int CyclesDefault = 4;
    private const int ClientCount = 8;
    private const int IdCount = 25;
    private const string Dataset = "moved";

    [Fact]
    public async Task Watchers_get_every_change_once_while_nodes_are_killed_and_handed_over()
    {
        var seed = SeedSource.Next();
        var cycles = int.TryParse(Environment.GetEnvironmentVariable(CyclesVariable), CultureInfo.InvariantCulture, out var set) ? set : CyclesDefault;
        output.WriteLine($"{SeedSource.Variable}={seed} {CyclesVariable}={cycles}");
        using var directory = new TempDirectory();
        await using var cluster = new ClusterUnderTest(directory.File("data"), nodeCount: 3, shardCount: 8, [TinyThresholds.WriteTo(directory.Path)]);
        await cluster.StartAsync();
        var servers = new Uri?[3];
        for (var node = 0; node < servers.Length; node++) servers[node] = cluster.Http(node);
        // One follows through a node that is never killed, one through a node that is.
        await using var staying = new FeedWatcher(() => servers[0], Dataset, isEvents: true, seed);
        await using var moving = new FeedWatcher(() => Volatile.Read(ref servers[1]), Dataset, isEvents: false, seed);
        staying.Start();
        moving.Start();

        using var stop = new CancellationTokenSource();
        var acknowledged = 0;
        var clients = Enumerable.Range(0, ClientCount).Select(client => Task.Run(() => WriteAsync(client))).ToList();
        for (var cycle = 0; cycle < cycles; cycle++)
        {
            await Task.Delay(TimeSpan.FromSeconds(1.5));
            var node = 1 + (cycle % 2);
            Volatile.Write(ref servers[node], null);
            if (cycle % 4 < 2) cluster.Kill(node);
            else Assert.Equal(0, await cluster.TerminateAsync(node));
            await Task.Delay(TimeSpan.FromSeconds(2));
            await cluster.StartNodeAsync(node);
            Volatile.Write(ref servers[node], cluster.Http(node));
        }

        await Task.Delay(TimeSpan.FromSeconds(1));
        await stop.CancelAsync();
        await Task.WhenAll(clients);
        await cluster.WaitReadyAsync(0);
        var histories = await FeedCheck.HistoriesAsync(cluster.Http(0), Dataset);
        output.WriteLine($"{acknowledged} acknowledged, {histories.Count} changes, {staying.ConnectionCount} and {moving.ConnectionCount} connections");
        Assert.True(histories.Count >= acknowledged, $"{histories.Count} changes in the histories, {acknowledged} acknowledged");
        Assert.True(acknowledged > 20 * cycles, $"only {acknowledged} changes were acknowledged: not a load");
        foreach (var watcher in new[] { staying, moving })
        {
            await FeedCheck.EventuallyAsync(() => watcher.Given.Count >= histories.Count,
                () => $"{watcher.Name}: {FeedCheck.Progress(watcher.Given, histories)}; {watcher.LastEnd}\n{cluster.Output}", watcher.ThrowIfEnded);
            FeedCheck.Check(watcher.Name, watcher.Given, histories);
        }

        async Task WriteAsync(int client)
        {
            var random = SeedSource.For(seed, 100 + client);
            using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                if (Volatile.Read(ref servers[random.Next(3)]) is not { } server)
                {
                    await Task.Delay(5);
                    continue;
                }

                using var body = new StringContent($$"""{"tags":["by:{{client}}","n:{{i}}"]}""", System.Text.Encoding.UTF8, "application/json");
                try
                {
                    using var answer = await http.PutAsync(new Uri(server, StoreHttp.EntityPath(Dataset, $"c{client}-{random.Next(IdCount)}")), body, stop.Token);
                    if (answer.IsSuccessStatusCode) Interlocked.Increment(ref acknowledged);
                }
                catch (Exception cause) when (cause is HttpRequestException or IOException or OperationCanceledException)
                {
                    // Whether it was applied the histories say.
                    await Task.Delay(20);
                }
            }
        }
    }
}
