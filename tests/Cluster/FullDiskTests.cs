using System.Collections.Concurrent;
using System.Text.Json;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;
using Xunit;

namespace EntityActors.Cluster.Tests;

public sealed class FullDiskTests
{
    private const string Dataset = "full-disk";
    private const int DiskMegabytes = 64;
    private const int ContentBytes = 64 * 1024;
    private const int ClientCount = 8;
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(60);
    private readonly ConcurrentDictionary<string, CommitShape> _acknowledged = new();

    [SkippableFact]
    public async Task A_full_disk_refuses_writes_with_a_typed_problem_and_loses_nothing()
    {
        var reason = SmallFileSystem.Unavailable();
        Skip.If(reason is not null, reason);
        using var settings = new TempDirectory();
        using var disk = new SmallFileSystem(DiskMegabytes);
        var options = new ServerOptions(Path.Combine(disk.Path, "data"), TinyThresholds.ShardCount, [TinyThresholds.WriteTo(settings.Path)]);
        await using (var server = await ServerProcess.StartAsync(options))
        {
            using var http = new StoreHttp(server.BaseAddress);
            var first = await http.PutAsync(Dataset, "first", ["k:1"], null);
            Assert.True(first.Commit is not null, first.ToString());
            var ballast = disk.AddBallast(freeBytes: 8 * 1024 * 1024);

            var refusals = await Task.WhenAll(Enumerable.Range(0, ClientCount).Select(client => WriteUntilRefusedAsync(http, client)));
            foreach (var refusal in refusals)
            {
                Assert.True(refusal.Status is 507 or 503, refusal.ToString());
                Assert.True(refusal.Problem is { Code.Length: > 0 }, $"not a typed problem: {refusal}");
            }

            Assert.Equal(first.Commit!.Revision, (await http.GetAsync(Dataset, "first"))?.Revision);
            Assert.Equal(200, await http.StatusAsync("/health/live"));
            await VerifyAcknowledgedAsync(http);
            await VerifyNoRestartAsync(http);

            File.Delete(ballast);
            await WriteAgainAsync(http, server);
            await VerifyAcknowledgedAsync(http);
            await server.KillAsync();
        }

        await using var again = await ServerProcess.StartAsync(options);
        using var reader = new StoreHttp(again.BaseAddress);
        await VerifyAcknowledgedAsync(reader);
    }

    private async Task<WriteAnswer> WriteUntilRefusedAsync(StoreHttp http, int client)
    {
        var bytes = new byte[ContentBytes];
        var random = SeedSource.For(1, client);
        var deadline = DateTime.UtcNow + WaitMax;
        for (var i = 0; DateTime.UtcNow < deadline; i++)
        {
            // Random bytes, so that no compression makes room.
            random.NextBytes(bytes);
            var id = $"c{client}-{i}";
            var answer = await http.PutAsync(Dataset, id, [$"client:{client}"], $"\"{Convert.ToBase64String(bytes)}\"");
            if (answer.Status == 429) continue;
            if (answer.Commit is null) return answer;
            _acknowledged[id] = answer.Commit;
        }

        throw new TimeoutException("the disk did not get full");
    }

    private static async Task WriteAgainAsync(StoreHttp http, ServerProcess server)
    {
        var deadline = DateTime.UtcNow + WaitMax;
        while (true)
        {
            var answer = await http.PutAsync(Dataset, "after", ["k:2"], null);
            if (answer.Commit is not null) return;
            Assert.True(DateTime.UtcNow < deadline, $"still {answer} with room on the disk; output:\n{server.Output}");
            await Task.Delay(TimeSpan.FromMilliseconds(200));
        }
    }

    /// <summary>A command is refused before it is on its way, so that no shard stops for want of room, and reads go on.</summary>
    private static async Task VerifyNoRestartAsync(StoreHttp http)
    {
        using var shards = JsonDocument.Parse(await http.Raw.GetStringAsync("/v1/shards"));
        var all = shards.RootElement.GetProperty("items").EnumerateArray().ToList();
        Assert.NotEmpty(all);
        Assert.All(all, shard => Assert.Equal(0, shard.GetProperty("restarts").GetInt32()));
    }

    private async Task VerifyAcknowledgedAsync(StoreHttp http) =>
        await Parallel.ForEachAsync(_acknowledged.Values, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (commit, _) =>
        {
            var entity = await http.GetAsync(Dataset, commit.Id);
            Assert.True(entity?.Revision == commit.Revision && entity.UpdatedAt == commit.At, $"{commit} is {entity?.Revision} at {entity?.UpdatedAt}");
        });
}
