using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using Xunit;

namespace EntityActors.Storage.Tests.Shards;

/// <summary>The three layers of a checkpoint: whatever the disk did to a segment or a header, nothing comes to rest on it.</summary>
public sealed class CheckpointFaultTests
{
    [Theory]
    [InlineData("bit flip")]
    [InlineData("short write")]
    [InlineData("stale copy")]
    public async Task A_segment_that_was_stored_wrong_is_refused_and_a_later_checkpoint_succeeds(string fault)
    {
        using var directory = new TempDirectory();
        var files = new TamperingFileSystem(PosixFileSystem.Instance);
        using var driver = new ShardDriver(Options(directory.Path), files);
        await Fill(driver, "first", 200);
        Assert.True(driver.Checkpoint(force: true));
        await Fill(driver, "second", 200);
        var before = driver.Store.Header;
        var stale = File.ReadAllBytes(Assert.Single(Directory.GetFiles(directory.Path, "*.seg", SearchOption.AllDirectories)));

        files.Tamper = (path, offset, bytes) => path.EndsWith(".seg", StringComparison.Ordinal) ? Spoil(fault, offset, bytes, stale) : null;
        var plan = driver.Store.Plan(force: true)!;
        var result = CheckpointWriter.Write(driver.Node, plan);
        Assert.Throws<CheckpointInvalidException>(() => CheckpointValidator.Validate(driver.Node, plan, result));
        driver.Store.Restore(plan);
        Assert.Same(before, driver.Store.Header);
        AssertServes(driver, 400);

        files.Tamper = null;
        Assert.True(driver.Checkpoint(force: true));
        driver.Reopen();
        AssertServes(driver, 400);
    }

    [Theory]
    [InlineData("bit flip")]
    [InlineData("short write")]
    [InlineData("stale copy")]
    public async Task A_header_that_was_stored_wrong_is_never_the_one_in_force(string fault)
    {
        using var directory = new TempDirectory();
        var files = new TamperingFileSystem(PosixFileSystem.Instance);
        using var driver = new ShardDriver(Options(directory.Path), files);
        await Fill(driver, "first", 200);
        Assert.True(driver.Checkpoint(force: true));
        await Fill(driver, "second", 200);
        var before = driver.Store.Header;
        var stale = before!.Encode();

        files.Tamper = (path, offset, bytes) => path.Contains("header.", StringComparison.Ordinal) ? Spoil(fault, offset, bytes, stale) : null;
        var plan = driver.Store.Plan(force: true)!;
        var result = CheckpointWriter.Write(driver.Node, plan);
        CheckpointValidator.Validate(driver.Node, plan, result);
        Assert.Throws<CorruptDataException>(() => driver.Node.Headers.Commit(result.Header));
        // It never got a header's name: two such files would look like two committed headers, and the log as if it could be trimmed.
        Assert.Equal(before.Generation, Assert.Single(driver.Node.Headers.ListFiles(driver.Store.Shard)).Generation);
        driver.Store.Restore(plan);
        Assert.Same(before, driver.Store.Header);
        AssertServes(driver, 400);

        files.Tamper = null;
        driver.Restart();
        AssertServes(driver, 400);
        Assert.True(driver.Checkpoint(force: true));
        driver.Reopen();
        AssertServes(driver, 400);
    }

    [Fact]
    public async Task A_wrong_count_is_refused()
    {
        using var directory = new TempDirectory();
        using var driver = new ShardDriver(Options(directory.Path));
        await Fill(driver, "first", 50);
        var plan = driver.Store.Plan(force: true)!;
        var result = CheckpointWriter.Write(driver.Node, plan);
        foreach (var wrong in new[]
                 {
                     result with { Header = result.Header with { EntityCount = 51 } },
                     result with { Header = result.Header with { TagCount = result.Header.TagCount - 1 } },
                     result with { Header = result.Header with { Sequence = result.Header.Sequence.Next } },
                     result with { Segment = result.Segment! with { ChangeCount = 49 } },
                 })
        {
            Assert.Throws<CheckpointInvalidException>(() => CheckpointValidator.Validate(driver.Node, plan, wrong));
        }

        CheckpointValidator.Validate(driver.Node, plan, result);
    }

    [Fact]
    public async Task A_fenced_owner_neither_commits_nor_trims()
    {
        using var directory = new TempDirectory();
        using var driver = new ShardDriver(Options(directory.Path));
        for (var i = 0; i < 2; i++)
        {
            await Fill(driver, $"before-{i}", 20);
            Assert.True(driver.Checkpoint(force: true));
        }

        driver.Reopen();
        await Fill(driver, "first", 50);
        var plan = driver.Store.Plan(force: true)!;
        var result = CheckpointWriter.Write(driver.Node, plan);
        // Nobody needs this one, but that is for the successor to decide.
        File.Copy(driver.Node.Layout.Segment(driver.Store.Shard, result.Segment!.Id), Path.Combine(driver.Node.Layout.Shard(driver.Store.Shard), "1-9.seg"));
        using var successor = driver.Node.OpenShard(driver.Store.Shard, 0);
        Assert.Throws<StaleEpochException>(() => CheckpointValidator.Validate(driver.Node, plan, result));
        Assert.Throws<StaleEpochException>(() => driver.Node.Headers.Commit(result.Header));
        var before = Directory.GetFiles(directory.Path, "*", SearchOption.AllDirectories);
        driver.Node.Trim(result);
        Assert.Equal(before.Order(), Directory.GetFiles(directory.Path, "*", SearchOption.AllDirectories).Order());
    }

    [Fact]
    public async Task A_merge_whose_shard_has_stopped_reads_no_closed_file()
    {
        using var directory = new TempDirectory();
        using var driver = new ShardDriver(Options(directory.Path));
        CheckpointPlan? plan = null;
        for (var i = 0; plan?.Kind != CheckpointKind.Merge; i++)
        {
            Assert.True(i < 20, "no merge came due");
            if (plan is not null) driver.Store.Restore(plan);
            await Fill(driver, $"round-{i}", 10);
            Assert.True(driver.Checkpoint(force: true));
            plan = driver.Store.Plan(force: false);
        }

        driver.Store.Dispose();
        Assert.Throws<CheckpointInvalidException>(() => CheckpointWriter.Write(driver.Node, plan));
    }

    private static byte[]? Spoil(string fault, long offset, byte[] bytes, byte[] stale)
    {
        if (offset != 0) return null;
        switch (fault)
        {
            case "bit flip":
                bytes[bytes.Length / 2] ^= 0x10;
                return bytes;
            case "short write":
                return bytes[..(bytes.Length / 2)];
            case "stale copy":
                return stale.Length >= bytes.Length ? stale[..bytes.Length] : stale;
            default:
                throw new ArgumentException(fault);
        }
    }

    private static async Task Fill(ShardDriver driver, string prefix, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var command = new PutEntity(new EntityKey("demo", $"{prefix}-{i}"), CommandId.New(), "ann", null, default,
                [new Tag($"prefix:{prefix}"), new Tag($"n:{i % 10}")], new Content("text/plain", new byte[100]));
            Assert.IsType<PrepareResult.Accepted>(await driver.Prepare(command));
        }

        await driver.Flush();
    }

    private static void AssertServes(ShardDriver driver, int count)
    {
        Assert.Equal(ReadReadiness.Ready, driver.Store.TryBeginRead(null, null, out var asOf));
        using var view = driver.Store.View();
        Assert.Equal(count, view.Find(new TagQuery("demo", [], false, [], Lifecycle.Active), asOf).Count);
        Assert.Equal(count / 10, view.Find(new TagQuery("demo", [new TagPattern("n:3", false)], false, [], Lifecycle.Active), asOf).Count);
    }

    private static NodeStoreOptions Options(string path) => new()
    {
        DataDirectory = path, ShardCount = 1, CheckpointBytes = long.MaxValue,
        Log = new() { FileBytes = 1 << 20, RecordBytesMax = 1 << 19 },
    };
}
