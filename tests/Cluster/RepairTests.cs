using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;
using Xunit;

namespace EntityActors.Cluster.Tests;

/// <summary>Damage under the real program: found by the scrubber and by <c>ea verify</c>, mended by both, closed or running.</summary>
public sealed class RepairTests : IDisposable
{
    private const string Dataset = "repair";
    private const int EntityCount = 400;

    private static readonly TimeSpan EndsWithin = TimeSpan.FromMinutes(2);
    private readonly TempDirectory _directory = new();

    private string Data => _directory.File("data");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_closed_store_is_repaired_and_serves_everything_again()
    {
        await using (var server = await ServerProcess.StartAsync(Options("off")))
        {
            using var http = new StoreHttp(server.BaseAddress);
            await FillAsync(http);
            Assert.Equal(0, await server.TerminateAsync());
        }

        var segments = HarmSegments();
        HarmNewestHeader();
        HarmFirstRecord();
        var verified = await EaAsync("verify", "--data", Data);
        Assert.True(verified.ExitCode == 6, verified.ToString());
        var repaired = await EaAsync("verify", "--data", Data, "--repair");
        Assert.True(repaired.ExitCode == 0, repaired.ToString());
        Assert.Equal(segments + 2, repaired.Output.Split('\n').Count(line => line.StartsWith("REPAIRED", StringComparison.Ordinal)));
        Assert.DoesNotContain("DAMAGE", repaired.Output, StringComparison.Ordinal);
        var again = await EaAsync("verify", "--data", Data);
        Assert.True(again.ExitCode == 0, again.ToString());

        await using var reopened = await ServerProcess.StartAsync(Options("off"));
        using var reader = new StoreHttp(reopened.BaseAddress);
        await CheckAsync(reader);
        var inUse = await EaAsync("verify", "--data", Data, "--repair");
        Assert.True(inUse.ExitCode != 0 && inUse.Error.Contains("in use", StringComparison.Ordinal), inUse.ToString());
    }

    [Fact]
    public async Task What_nothing_rebuilds_is_named_and_left_alone()
    {
        await using (var server = await ServerProcess.StartAsync(Options("off")))
        {
            using var http = new StoreHttp(server.BaseAddress);
            await FillAsync(http);
            Assert.Equal(0, await server.TerminateAsync());
        }

        var path = Segments().First();
        var bytes = File.ReadAllBytes(path);
        for (var at = 40; at < bytes.Length; at += 64) bytes[at] ^= 1;
        File.WriteAllBytes(path, bytes);
        var repaired = await EaAsync("verify", "--data", Data, "--repair");
        Assert.True(repaired.ExitCode == 6, repaired.ToString());
        Assert.Contains(Path.GetRelativePath(Data, path), repaired.Output, StringComparison.Ordinal);
        Assert.Equal(bytes, File.ReadAllBytes(path));
    }

    [Fact]
    public async Task A_running_store_is_repaired_through_its_interface()
    {
        await using (var server = await ServerProcess.StartAsync(Options("off")))
        {
            using var http = new StoreHttp(server.BaseAddress);
            await FillAsync(http);
            var segments = HarmSegments();
            HarmNewestHeader();
            var found = await EaAsync("verify", "--server", server.BaseAddress.ToString());
            Assert.True(found.ExitCode == 6, found.ToString());
            var repaired = await EaAsync("verify", "--server", server.BaseAddress.ToString(), "--repair");
            Assert.True(repaired.ExitCode == 0, repaired.ToString());
            Assert.Equal(segments + 1, repaired.Output.Split('\n').Count(line => line.StartsWith("REPAIRED shard", StringComparison.Ordinal)));
            await CheckAsync(http);
            Assert.Equal(0, await server.TerminateAsync());
        }

        var verified = await EaAsync("verify", "--data", Data);
        Assert.True(verified.ExitCode == 0, verified.ToString());
    }

    [Fact]
    public async Task The_scrubber_finds_and_mends_segments_headers_and_log_of_a_running_store()
    {
        await using (var server = await ServerProcess.StartAsync(Options("on")))
        {
            using var http = new StoreHttp(server.BaseAddress);
            await FillAsync(http);
            // Behind every header, so that only memory and the log hold it.
            for (var i = 0; i < EntityCount; i += 7) Assert.Equal(200, (await http.PutAsync(Dataset, $"e{i}", [$"n:{i}"], """{"again":true}""")).Status);
            var sound = Segments().ToDictionary(path => path, File.ReadAllBytes);
            _ = HarmSegments();
            HarmNewestHeader();
            HarmLastRecord();
            await UntilAsync(() => Segments().All(path => !sound.TryGetValue(path, out var bytes) || bytes.AsSpan().SequenceEqual(File.ReadAllBytes(path))),
                "the segments are as they were");
            var last = "";
            await UntilAsync(async () =>
            {
                var outcome = await EaAsync("verify", "--server", server.BaseAddress.ToString());
                last = outcome.ToString();
                return outcome.ExitCode == 0;
            }, () => $"nothing is found any more: {last}\n{server.Output}");
            Assert.Contains("damage", server.Output, StringComparison.OrdinalIgnoreCase);
            await CheckAsync(http);
            Assert.Equal(0, await server.TerminateAsync());
        }

        await using var again = await ServerProcess.StartAsync(Options("off"));
        using var reader = new StoreHttp(again.BaseAddress);
        await CheckAsync(reader);
    }

    private static Task<CommandOutcome> EaAsync(params string[] arguments) => EaCommand.RunAsync(EndsWithin, arguments);

    private static async Task FillAsync(StoreHttp http)
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, EntityCount), new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (i, _) =>
        {
            var answer = await http.PutAsync(Dataset, $"e{i}", [$"n:{i}"], $$"""{"n":{{i}},"text":"{{new string('x', 300)}}"}""");
            Assert.True(answer.Status == 201, answer.ToString());
        });
        for (var round = 0; round < 2; round++)
        {
            for (var shard = 0; shard < TinyThresholds.ShardCount; shard++)
            {
                using var answer = await http.Raw.PostAsync(new Uri($"/v1/shards/{shard}/checkpoint", UriKind.Relative), null);
                Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}");
            }
        }
    }

    private static async Task CheckAsync(StoreHttp http)
    {
        for (var i = 0; i < EntityCount; i++) Assert.Equal($"n:{i}", string.Join(' ', (await http.GetAsync(Dataset, $"e{i}"))!.Tags));
        Assert.Equal(EntityCount, await http.CountAsync(Dataset, ["n:*"]));
    }

    private static Task UntilAsync(Func<bool> holds, string what) => UntilAsync(() => Task.FromResult(holds()), () => what);

    private static async Task UntilAsync(Func<Task<bool>> holds, Func<string> what)
    {
        var deadline = DateTime.UtcNow + TimeSpan.FromSeconds(60);
        while (true)
        {
            try
            {
                if (await holds()) return;
            }
            catch (IOException)
            {
                // A file was renamed or deleted while it was read.
            }

            Assert.True(DateTime.UtcNow < deadline, $"not within a minute: {what()}");
            await Task.Delay(TimeSpan.FromMilliseconds(300));
        }
    }

    private IEnumerable<string> Segments() => Directory.GetFiles(Path.Combine(Data, "shards"), "*.seg", SearchOption.AllDirectories).Order(StringComparer.Ordinal);

    /// <summary>One byte of one block of each.</summary>
    private int HarmSegments()
    {
        var paths = Segments().ToList();
        Assert.NotEmpty(paths);
        foreach (var path in paths) Flip(path, 40);
        return paths.Count;
    }

    private void HarmNewestHeader()
    {
        var newest = Directory.GetFiles(Path.Combine(Data, "shards", "0000"), "header.*").MaxBy(path => int.Parse(path.Split('.')[^1]))!;
        Flip(newest, 60);
    }

    private void HarmFirstRecord() => Flip(Logs().First(), 70);

    private void HarmLastRecord()
    {
        var path = Logs().Last(log => File.ReadAllBytes(log).AsSpan().ContainsAnyExcept((byte)0));
        var bytes = File.ReadAllBytes(path);
        // Of the last group that holds an event: what follows it are marks that the log is idle.
        for (var group = (bytes.Length / 4096) - 1; group >= 0; group--)
        {
            if (BitConverter.ToInt32(bytes, group * 4096) == 0) continue;
            Flip(path, (group * 4096) + 70);
            return;
        }

        Assert.Fail("the log holds no event");
    }

    private IEnumerable<string> Logs() => Directory.GetFiles(Path.Combine(Data, "nodes"), "*.wal", SearchOption.AllDirectories).Order(StringComparer.Ordinal);

    private static void Flip(string path, int at)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        file.Position = at;
        var value = file.ReadByte();
        file.Position = at;
        file.WriteByte((byte)(value ^ 8));
    }

    private ServerOptions Options(string scrubber)
    {
        var path = _directory.File("scrubber.hocon");
        File.WriteAllText(path, $"entityactors.scrubber {{ enabled = {scrubber}, bytes-per-second = 100MiB, core-share = 1, interval = 500ms }}");
        return new ServerOptions(Data, TinyThresholds.ShardCount, [path]);
    }
}
