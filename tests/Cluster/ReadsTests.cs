using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;
using Xunit;

namespace EntityActors.Cluster.Tests;

public sealed class ReadsTests
{
    private const string Dataset = "reads";
    private const int EntityCount = 2_000;
    private const int ReadCount = 10_000;

    /// <summary>The process's clock reservation, which it renews by timer whether anybody reads or not, and its locks.</summary>
    private static readonly string[] WrittenByTimer = ["clock", "lock"];

    private static readonly TimeSpan QuietMax = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Reads_health_and_metrics_change_no_stored_byte()
    {
        using var directory = new TempDirectory();
        var data = directory.File("data");
        var options = new ServerOptions(data, TinyThresholds.ShardCount, [TinyThresholds.WriteTo(directory.Path)]);
        await using var server = await ServerProcess.StartAsync(options);
        using var http = new StoreHttp(server.BaseAddress);
        await Parallel.ForEachAsync(Enumerable.Range(0, EntityCount), new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (i, _) =>
        {
            var answer = await http.PutAsync(Dataset, $"e{i}", [$"bucket:{i % 10}"], $$"""{"n":{{i}}}""");
            Assert.True(answer.Status == 201, answer.ToString());
        });

        var before = await WhenQuietAsync(data);
        await Parallel.ForEachAsync(Enumerable.Range(0, ReadCount), new ParallelOptions { MaxDegreeOfParallelism = 16 },
            async (i, _) => await ReadAsync(http, i));
        var changed = DirectoryFingerprint.Differences(before, DirectoryFingerprint.Of(data, WrittenByTimer));
        Assert.True(changed.Count == 0, $"reads changed {string.Join(", ", changed)}");
    }

    private static async Task ReadAsync(StoreHttp http, int i)
    {
        var id = $"e{i % EntityCount}";
        var path = (i % 10) switch
        {
            0 => "/health/ready",
            1 => "/health/live",
            2 => $"/v1/datasets/{Dataset}/entities?tag=bucket:{i % 7}&limit=20&count=true",
            3 => $"/v1/datasets/{Dataset}/tags?prefix=bucket:",
            4 => StoreHttp.EntityPath(Dataset, id) + "/history",
            5 => StoreHttp.EntityPath(Dataset, id) + "?asOf=" + Rfc3339.Format(1_000_000_000_000_000_000),
            6 => StoreHttp.EntityPath(Dataset, $"never-there-{i}"),
            7 => "/v1/shards",
            8 => "/metrics",
            _ => StoreHttp.EntityPath(Dataset, id),
        };
        var expected = (i % 10) is 5 or 6 ? 404 : 200;
        var status = await http.StatusAsync(path);
        Assert.True(status == expected, $"GET {path}: {status} instead of {expected}");
    }

    /// <summary>Checkpoints of the load may still run; quiet is when two looks a second apart agree.</summary>
    private static async Task<SortedDictionary<string, string>> WhenQuietAsync(string data)
    {
        var deadline = DateTime.UtcNow + QuietMax;
        var last = Snapshot(data);
        while (true)
        {
            await Task.Delay(TimeSpan.FromSeconds(1));
            var next = Snapshot(data);
            if (last is not null && next is not null && DirectoryFingerprint.Differences(last, next).Count == 0) return next;
            Assert.True(DateTime.UtcNow < deadline, $"the store did not come to rest within {QuietMax}");
            last = next;
        }
    }

    private static SortedDictionary<string, string>? Snapshot(string data)
    {
        try
        {
            return DirectoryFingerprint.Of(data, WrittenByTimer);
        }
        catch (Exception cause) when (cause is FileNotFoundException or DirectoryNotFoundException)
        {
            // A file went while we looked: not quiet.
            return null;
        }
    }
}
