using EntityActors.Storage.Integrity;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Storage.Tests.Shards;

/// <summary>After a purge no read sees anything of the entity, and after the next merges no file holds any of its bytes.</summary>
public sealed class PurgeTests
{
    private static readonly EntityKey Purged = new("demo", "purged");
    private static readonly EntityKey Kept = new("demo", "kept");
    private static readonly TagPattern AnyTag = new("t:", true);

    private readonly DrawnSecrets _secrets = new(SeedSource.For(SeedSource.Next(), 7));

    [Fact]
    public async Task The_past_of_a_purged_entity_is_gone_for_every_read_from_its_acknowledgement_on()
    {
        using var directory = new TempDirectory();
        using var driver = new ShardDriver(Options(directory));
        var ordinal = await WriteHistory(driver, checkpointBetween: true);
        var before = Now(driver);
        var result = Assert.IsType<PrepareResult.Accepted>(await driver.Execute(Purge()));
        foreach (var round in new[] { "in memory", "flushed", "erased", "opened again" })
        {
            using (var view = driver.Store.View())
            {
                foreach (var asOf in new[] { before, Now(driver), AsOf.Everything, new AsOf(new Timestamp(1), new Timestamp(1)) })
                {
                    var head = view.Get(Purged, asOf);
                    Assert.True(head is { Lifecycle: Lifecycle.Purged, Tags: [], ContentType: null }, $"{round}: {head} as of {asOf}");
                    Assert.Equal(Lifecycle.Purged, view.GetByOrdinal(ordinal, asOf)!.Lifecycle);
                    var history = view.History(Purged, null, null, 0, 100, long.MaxValue, asOf, out var exists, out _);
                    Assert.True(exists && history is [{ Lifecycle: Lifecycle.Purged, Added: [], Removed: [], Content: null }], $"{round}: a history of {history.Count}");
                    foreach (var lifecycle in new Lifecycle?[] { null, Lifecycle.Active, Lifecycle.Deleted, Lifecycle.Archived, Lifecycle.Purged })
                        Assert.False(view.Find(new TagQuery("demo", [AnyTag], false, [], lifecycle), asOf).Contains(ordinal), $"{round}: found as {lifecycle}");
                    Assert.False(view.Find(new TagQuery("demo", [], false, [], null), asOf).Contains(ordinal), $"{round}: found without tags");
                    Assert.DoesNotContain(view.Tags("demo", "", null, asOf), pair => pair.Tag.StartsWith("t:", StringComparison.Ordinal));
                }

                var feed = view.ChangesAfter(default, default, new ChangePageLimits(1000, long.MaxValue, 1000), Now(driver).RecordedAt);
                Assert.Equal([result.Change.RecordedAt], feed.Changes.Where(static change => change.Key == Purged).Select(static change => change.RecordedAt));
            }

            Assert.IsType<PrepareResult.Duplicate>(await driver.Execute(Purge() with { Id = result.Change.CommandId }));
            Assert.Equal(RefusalCode.Purged, Refused(await driver.Execute(Put(Purged))));
            if (round == "in memory") Assert.True(driver.Checkpoint(force: true));
            if (round == "flushed") Erase(driver);
            if (round == "erased") driver.Reopen();
        }
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 0)]
    [InlineData(true, 1)]
    [InlineData(true, 2)]
    [InlineData(true, 3)]
    public async Task No_file_holds_a_byte_of_a_purged_entity_after_the_next_merge(bool checkpointBetween, int interruption)
    {
        using var directory = new TempDirectory();
        using var driver = new ShardDriver(Options(directory));
        _ = await WriteHistory(driver, checkpointBetween);
        // Another process writes on from here, the dead log stays; a restart of the shard alone; an earlier header with a longer replay.
        if (interruption == 1) driver.Reopen();
        Assert.NotEmpty(FilesWithSecrets(directory));
        Assert.IsType<PrepareResult.Accepted>(await driver.Execute(Purge()));
        if (interruption == 2) driver.Restart();
        if (interruption == 3) driver.Restart(generationsBack: 1);
        Erase(driver);
        await WaitUntil(directory, driver);
        Assert.Empty(FilesWithSecrets(directory));
        driver.Reopen();
        using (var view = driver.Store.View()) Assert.Equal(3, view.Get(Kept, Now(driver))!.Revision);
        driver.Dispose();
        var findings = new List<Finding>();
        _ = StoreInspector.Inspect(PosixFileSystem.Instance, directory.Path, findings.Add, null);
        Assert.DoesNotContain(findings, static finding => finding.Severity == Severity.Damage);
    }

    [Fact]
    public async Task A_process_that_has_lost_the_shard_to_another_one_lets_go_of_its_log_too()
    {
        using var directory = new TempDirectory();
        var options = Options(directory) with { IsShared = true };
        using var first = new ShardDriver(options);
        _ = await WriteHistory(first, checkpointBetween: true);
        // Unknown to the first one, which goes on living.
        using var second = new ShardDriver(options);
        Assert.IsType<PrepareResult.Accepted>(await second.Execute(Purge()));
        Erase(second);
        for (var i = 0; i < 600 && FilesWithSecrets(directory).Count > 0; i++)
        {
            Assert.Null(first.Node.Purges.EraseLogs());
            if (second.Node.Purges.EraseLogs() is not null) Assert.True(second.Checkpoint(force: true));
            await Task.Delay(100);
        }

        Assert.Empty(FilesWithSecrets(directory));
    }

    [Fact]
    public async Task A_segment_that_holds_nothing_but_purged_entities_goes_with_them()
    {
        using var directory = new TempDirectory();
        using var driver = new ShardDriver(Options(directory));
        await driver.Execute(Put(Purged));
        Assert.True(driver.Checkpoint(force: true));
        await driver.Execute(Put(Purged));
        Assert.True(driver.Checkpoint(force: true));
        await driver.Execute(Purge());
        Erase(driver);
        await WaitUntil(directory, driver);
        Assert.Empty(FilesWithSecrets(directory));
        Assert.Equal((1, 0L, 0L), (driver.Store.Statistics.SegmentCount, driver.Store.Statistics.EntityCount, driver.Store.Statistics.TagCount));
    }

    [Fact]
    public async Task An_inspection_finds_history_of_a_purged_entity_that_no_header_knows_of()
    {
        using var directory = new TempDirectory();
        using var driver = new ShardDriver(Options(directory));
        _ = await WriteHistory(driver, checkpointBetween: true);
        await driver.Execute(Purge());
        Assert.True(driver.Checkpoint(force: true));
        var header = driver.Store.Header!;
        var findings = new List<string>();
        var segments = header.Segments.Select(info => driver.Node.OpenSegment(header.Shard, info)).ToList();
        PurgeInspector.Inspect(header, segments, findings.Add);
        Assert.Empty(findings);
        PurgeInspector.Inspect(header with { Erasure = header.Erasure with { Pending = new() } }, segments, findings.Add);
        Assert.Contains("nothing is about to erase it", Assert.Single(findings), StringComparison.Ordinal);
        findings.Clear();
        PurgeInspector.Inspect(header with { Erasure = header.Erasure with { Pending = new([0, 1, 2]) } }, segments, findings.Add);
        Assert.NotEmpty(findings);
        foreach (var segment in segments) segment.Dispose();
    }

    [Fact]
    public async Task A_header_keeps_what_is_left_to_erase_and_one_without_purges_stays_as_it_was()
    {
        using var directory = new TempDirectory();
        using var driver = new ShardDriver(Options(directory));
        _ = await WriteHistory(driver, checkpointBetween: true);
        Assert.Equal(2, driver.Store.Header!.Encode()[8]);
        await driver.Execute(Purge());
        Assert.True(driver.Checkpoint(force: true));
        var header = driver.Store.Header!;
        var bytes = header.Encode();
        Assert.Equal(3, bytes[8]);
        var again = ShardHeader.Decode(bytes, "header");
        Assert.Equal((header.Erasure.PurgedThrough, true), (again.Erasure.PurgedThrough, again.Erasure.FollowUp));
        Assert.Equal(header.Erasure.Pending.From(0), again.Erasure.Pending.From(0));
        for (var bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<CorruptDataException>(() => ShardHeader.Decode(bytes, "header"));
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    private static NodeStoreOptions Options(TempDirectory directory) => new()
    {
        DataDirectory = directory.Path, ShardCount = 1, ErasureDelay = TimeSpan.FromHours(1),
        Log = new() { FileBytes = 1 << 20, RecordBytesMax = 1 << 19 },
    };

    private static AsOf Now(ShardDriver driver)
    {
        Assert.Equal(ReadReadiness.Ready, driver.Store.TryBeginRead(null, null, out var now));
        return now;
    }

    private static RefusalCode Refused(PrepareResult result) => Assert.IsType<PrepareResult.Refused>(result).Refusal.Code;

    private static PurgeEntity Purge() => new(Purged, CommandId.New(), "ann", default);

    /// <summary>Content, tags, removed tags, replaced contents: all of it recognisable, some of it in segments before the purge.</summary>
    private async Task<uint> WriteHistory(ShardDriver driver, bool checkpointBetween)
    {
        for (var i = 0; i < 3; i++)
        {
            await driver.Execute(new PutEntity(Kept, CommandId.New(), "bob", null, default, [new Tag($"k:{i}")], null));
            Assert.IsType<PrepareResult.Accepted>(await driver.Execute(Put(Purged)));
            if (checkpointBetween && i < 2) Assert.True(driver.Checkpoint(force: true));
        }

        using var view = driver.Store.View();
        return view.Get(Purged, Now(driver))!.Ordinal;
    }

    private PutEntity Put(EntityKey key) => new(key, CommandId.New(), "ann", null, default,
        [new Tag("t:" + _secrets.Text()), new Tag("t:always")], new Content("application/octet-stream", _secrets.Bytes()));

    private static void Erase(ShardDriver driver)
    {
        do Assert.True(driver.Checkpoint(force: true));
        while (driver.Store.Header!.Erasure.IsUnderWay || !driver.Store.IsErased);
    }

    /// <summary>The log goes on in a new file once its thread notices, and looks free what is behind.</summary>
    private async Task WaitUntil(TempDirectory directory, ShardDriver driver)
    {
        for (var i = 0; i < 600 && FilesWithSecrets(directory).Count > 0; i++)
        {
            if (driver.Node.Purges.EraseLogs() is not null) Assert.True(driver.Checkpoint(force: true));
            await Task.Delay(100);
        }
    }

    private IReadOnlyList<string> FilesWithSecrets(TempDirectory directory) => _secrets.FilesIn(directory.Path);
}
