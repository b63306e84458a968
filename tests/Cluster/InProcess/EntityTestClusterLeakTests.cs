using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Processes;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests.InProcess;

/// <summary>A cluster in this process leaves nothing behind, however its nodes ended.</summary>
public sealed class EntityTestClusterLeakTests(ITestOutputHelper output)
{
    private const string RunsVariable = "EA_CLUSTER_STARTS";
    private const int RunsDefault = 20;

    /// <summary>Far below what the dispatchers and sockets of one node of each run would add up to, far above what the pool may grow by.</summary>
    private const int ThreadsMax = 40;

    /// <summary>Event loops of a transport that was shut down wait some seconds for late work before their threads end.</summary>
    private static readonly TimeSpan ThreadsEndMax = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Starts_and_stops_in_a_row_leave_no_file_port_lock_or_thread_behind()
    {
        var runs = int.TryParse(Environment.GetEnvironmentVariable(RunsVariable), CultureInfo.InvariantCulture, out var set) ? set : RunsDefault;
        var times = new List<double>();
        int? threadsBefore = null;
        for (var run = 0; run < runs; run++)
        {
            var since = Stopwatch.StartNew();
            var cluster = await EntityTestCluster.StartAsync();
            times.Add(since.Elapsed.TotalSeconds);
            switch (run % 4)
            {
                case 0:
                    await cluster.KillAsync(0);
                    break;
                case 1:
                    await cluster.StopAsync(1);
                    break;
                case 2:
                    await cluster.PauseAsync(2);
                    break;
                default:
                    await cluster.PartitionAsync([0], [1, 2]);
                    break;
            }

            await cluster.DisposeAsync();
            AssertNothingLeft(cluster);
            threadsBefore ??= Threads();
        }

        times.Sort();
        var atEnd = Threads();
        var ended = Stopwatch.StartNew();
        while (Threads() >= threadsBefore + ThreadsMax && ended.Elapsed < ThreadsEndMax) await Task.Delay(100);
        output.WriteLine($"{runs} starts of 3 nodes with 16 shards: {times[0]:0.0} to {times[^1]:0.0} s, median {times[runs / 2]:0.0} s; "
            + $"{threadsBefore} threads after the first, {atEnd} after the last, {Threads()} after {ended.Elapsed.TotalSeconds:0.0} s more");
        Assert.True(Threads() < threadsBefore + ThreadsMax, $"{threadsBefore} threads after the first run, {Threads()} after the last");
    }

    [Fact]
    public async Task A_directory_that_is_given_stays()
    {
        using var directory = new TempDirectory();
        var options = new EntityTestClusterOptions { NodeCount = 1, ShardCount = 2, DataDirectory = directory.File("data") };
        await using (var cluster = await EntityTestCluster.StartAsync(options)) Assert.Equal(directory.File("data"), cluster.DataDirectory);
        Assert.True(File.Exists(directory.File("data/store.json")));
        Assert.Empty(OpenFiles.Below(directory.Path));
    }

    private static void AssertNothingLeft(EntityTestCluster cluster)
    {
        Assert.Empty(OpenFiles.Below(cluster.DataDirectory));
        Assert.False(Directory.Exists(cluster.DataDirectory));
        foreach (var node in cluster.Nodes)
        {
            using var listener = new TcpListener(IPEndPoint.Parse(node.Address));
            listener.Start();
        }
    }

    private static int Threads()
    {
        using var self = Process.GetCurrentProcess();
        return self.Threads.Count;
    }
}
