using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using Xunit;

namespace EntityActors.Storage.Tests.Shards;

/// <summary>Rules 11 to 13: headers are never overwritten, late ones never win, and a shard that has served is never opened empty.</summary>
public sealed class LostFileTests
{
    [Fact]
    public async Task A_header_is_written_under_a_name_of_its_own_and_never_over_another()
    {
        using var directory = new TempDirectory();
        var files = new HookedFileSystem(PosixFileSystem.Instance);
        using var driver = new ShardDriver(Options(directory.Path), files);
        var calls = new List<(FileCall Call, string Name)>();
        files.Before = (call, path) =>
        {
            if (path.Contains("shards", StringComparison.Ordinal) && call is FileCall.Rename or FileCall.OpenWrite) Assert.Fail($"{call} {path}");
            if (path.Contains("header", StringComparison.Ordinal)) calls.Add((call, Path.GetFileName(path)));
        };
        for (var i = 1; i <= 4; i++)
        {
            calls.Clear();
            await Put(driver, $"e{i}");
            Assert.True(driver.Checkpoint(force: true));
            Assert.Single(calls, call => call == (FileCall.Link, $"header.1.{i}"));
            Assert.Equal(Math.Min(i, 2), Headers(directory.Path).Length);
        }

        Assert.Equal(["header.1.3", "header.1.4"], Headers(directory.Path).Select(Path.GetFileName));
        files.Before = null;
        driver.Reopen();
        await Put(driver, "e5");
        Assert.True(driver.Checkpoint(force: true));
        Assert.Equal(["header.1.4", "header.2.5"], Headers(directory.Path).Select(Path.GetFileName));
    }

    /// <remarks>
    /// Until the claim stands, another process may link a header and be killed before it syncs the name: what is counted on must survive.
    /// </remarks>
    [Fact]
    public async Task The_names_of_headers_are_durable_before_a_claimant_counts_on_them()
    {
        using var directory = new TempDirectory();
        var files = new HookedFileSystem(PosixFileSystem.Instance);
        using var driver = new ShardDriver(Options(directory.Path), files);
        await Put(driver, "a");
        Assert.True(driver.Checkpoint(force: true));
        var shard = driver.Node.Layout.Shard(driver.Store.Shard);
        var calls = new List<(FileCall Call, string Path)>();
        files.Before = (call, path) =>
        {
            lock (calls) calls.Add((call, path));
        };
        driver.Reopen();
        files.Before = null;
        var claimed = calls.IndexOf((FileCall.Link, Path.Combine(shard, "epoch", driver.Store.Epoch.ToString())));
        Assert.True(claimed >= 0);
        var synced = calls.IndexOf((FileCall.SyncDirectory, shard), claimed);
        Assert.InRange(synced, claimed, calls.IndexOf((FileCall.List, shard), claimed));
    }

    [Fact]
    public async Task A_header_that_a_replaced_owner_links_late_never_counts()
    {
        using var directory = new TempDirectory();
        using var driver = new ShardDriver(Options(directory.Path));
        await Put(driver, "a");
        Assert.True(driver.Checkpoint(force: true));
        await Put(driver, "b");
        Assert.True(driver.Checkpoint(force: true));
        await Put(driver, "c");
        var plan = driver.Store.Plan(force: true)!;
        var late = CheckpointWriter.Write(driver.Node, plan);
        var zombie = new HeaderStore(PosixFileSystem.Instance, driver.Node.Layout, driver.Node.Log.IsStillOwner);

        // The successor reads the headers, then commits and trims; the former owner's header is linked after that.
        driver.Restart();
        await Put(driver, "d");
        Assert.True(driver.Checkpoint(force: true));
        Assert.Throws<StaleEpochException>(() => zombie.Commit(late.Header));
        Assert.Contains("header.1.3", Headers(directory.Path).Select(Path.GetFileName));
        Assert.DoesNotContain(zombie.ListFiles(new ShardId(0)), file => file.Epoch == new Epoch(1) && file.Generation == 3);
        Assert.Equal([(2L, 3L), (1L, 2L)], zombie.List(new ShardId(0)).Select(header => (header.Epoch.Value, header.Generation)));

        // The newest header is damaged: what the older committed one needs is still there.
        var newest = Headers(directory.Path).Single(path => path.EndsWith("header.2.3", StringComparison.Ordinal));
        File.WriteAllBytes(newest, new byte[200]);
        driver.Reopen();
        AssertServes(driver, 4);
        for (var i = 0; i < 3; i++) Assert.True(driver.Checkpoint(force: true));
        Assert.DoesNotContain("header.1.3", Headers(directory.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Losing_all_headers_of_a_trimmed_shard_is_a_typed_failure_and_never_an_empty_shard()
    {
        using var directory = new TempDirectory();
        using var driver = new ShardDriver(Options(directory.Path));
        await Put(driver, "a");
        for (var i = 0; i < 2; i++) Assert.True(driver.Checkpoint(force: true));
        driver.Reopen();
        await Put(driver, "b");
        for (var i = 0; i < 2; i++) Assert.True(driver.Checkpoint(force: true));
        foreach (var header in Headers(directory.Path)) File.Delete(header);
        for (var i = 0; i < 3; i++) Assert.Throws<CorruptDataException>(() => driver.Restart());
        Assert.Throws<CorruptDataException>(driver.Reopen);
    }

    [Fact]
    public async Task Losing_header_and_log_together_is_noticed_by_the_segments_that_remain()
    {
        using var directory = new TempDirectory();
        var driver = new ShardDriver(Options(directory.Path));
        await Put(driver, "a");
        for (var i = 0; i < 2; i++) Assert.True(driver.Checkpoint(force: true));
        driver.Dispose();
        foreach (var header in Headers(directory.Path)) File.Delete(header);
        Directory.Delete(Path.Combine(directory.Path, "shards", "0000", "epoch"), recursive: true);
        Assert.Throws<CorruptDataException>(() => new ShardDriver(Options(directory.Path)));
    }

    [Fact]
    public async Task Losing_one_of_two_headers_costs_nothing()
    {
        foreach (var lost in new[] { 0, 1 })
        {
            using var directory = new TempDirectory();
            using var driver = new ShardDriver(Options(directory.Path));
            await Put(driver, "a");
            for (var i = 0; i < 2; i++) Assert.True(driver.Checkpoint(force: true));
            driver.Reopen();
            await Put(driver, "b");
            for (var i = 0; i < 2; i++)
            {
                Assert.True(driver.Checkpoint(force: true));
                await Put(driver, $"c{i}");
            }

            File.Delete(Headers(directory.Path)[lost]);
            driver.Reopen();
            AssertServes(driver, 4);
            for (var i = 0; i < 2; i++) Assert.True(driver.Checkpoint(force: true));
            driver.Reopen();
            AssertServes(driver, 4);
        }
    }

    [Fact]
    public async Task Losing_the_claims_of_a_shard_with_headers_is_a_typed_failure()
    {
        using var directory = new TempDirectory();
        var driver = new ShardDriver(Options(directory.Path));
        await Put(driver, "a");
        Assert.True(driver.Checkpoint(force: true));
        await Put(driver, "b");
        driver.Dispose();
        Directory.Delete(Path.Combine(directory.Path, "shards", "0000", "epoch"), recursive: true);
        for (var i = 0; i < 2; i++) Assert.Throws<CorruptDataException>(() => new ShardDriver(Options(directory.Path)));
    }

    internal static async Task Put(ShardDriver driver, string id) => Assert.IsType<PrepareResult.Accepted>(await driver.Execute(
        new PutEntity(new EntityKey("demo", id), CommandId.New(), "ann", null, default, [new Tag("x:1")], new Content("text/plain", new byte[100]))));

    private static void AssertServes(ShardDriver driver, int count)
    {
        Assert.Equal(ReadReadiness.Ready, driver.Store.TryBeginRead(null, null, out var asOf));
        using var view = driver.Store.View();
        Assert.Equal(count, view.Find(new TagQuery("demo", [], false, [], Lifecycle.Active), asOf).Count);
    }

    private static string[] Headers(string data) => [.. Directory.GetFiles(Path.Combine(data, "shards", "0000"), "header.*").Order(StringComparer.Ordinal)];

    private static NodeStoreOptions Options(string path) => new()
    {
        DataDirectory = path, ShardCount = 1, CheckpointBytes = long.MaxValue,
        Log = new() { FileBytes = 1 << 20, RecordBytesMax = 1 << 19 },
    };
}
