using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Integrity;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using EntityActors.Storage.Shards;
using EntityActors.Storage.Tests.Shards;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Storage.Tests.Integrity;

public sealed class StoreScrubberTests
{
    private const int EntityCount = 60;

    [Fact]
    public async Task A_pass_over_a_sound_store_reads_all_of_it_and_changes_nothing()
    {
        using var directory = new TempDirectory();
        using var shard = await Create(directory.Path);
        var before = Snapshot(directory.Path);
        var report = Scrub(shard.Node);
        Assert.Empty(report.Findings);
        Assert.True(report.Bytes > before.Where(file => file.Key.EndsWith(".seg", StringComparison.Ordinal)).Sum(file => file.Value.Length), $"{report.Bytes} bytes");
        Assert.Equal(before, Snapshot(directory.Path));
    }

    [Fact]
    public async Task One_pass_finds_every_seeded_fault_and_mends_what_it_can()
    {
        using var directory = new TempDirectory();
        using var shard = await Create(directory.Path);
        var sound = Snapshot(directory.Path);
        var header = shard.Node.Headers.List(new ShardId(0))[0];
        var seeded = new List<string>();
        foreach (var segment in shard.Node.Headers.List(new ShardId(0)).SelectMany(header => header.Segments).DistinctBy(segment => segment.Id))
            seeded.Add(Flip(shard.Node.Layout.Segment(new ShardId(0), segment.Id), 100));
        var segments = seeded.Count;
        seeded.Add(Flip(shard.Node.Layout.Header(new ShardId(0), header.Epoch, header.Generation), 50));
        // A record that no header covers.
        var log = Directory.GetFiles(directory.File($"nodes/node/{shard.Node.Log.Current}"), "*.wal").Order().Last();
        seeded.Add(Flip(log, LastRecord(log)));

        var report = Scrub(shard.Node);
        Assert.Equal(seeded.Order(), report.Findings.Select(finding => finding.Path).Distinct().Order());
        Assert.Equal(segments, report.Findings.Count(finding => finding.Result == ScrubResult.Rewritten));
        Assert.Equal([new ShardId(0)], report.WantsCheckpoints);
        foreach (var path in seeded.Take(segments)) Assert.Equal(sound[path], File.ReadAllBytes(path));
        Assert.True(report.WantsRestarts);
        Assert.NotNull(shard.Node.Damage.DetailOf(new ShardId(0)));

        for (var i = 0; i < 2; i++) Assert.True(shard.Checkpoint(force: true));
        Assert.Empty(Scrub(shard.Node).Findings);
        Assert.Null(shard.Node.Damage.DetailOf(new ShardId(0)));
        Check(shard);
        // The next owner could not tell that the damaged record held nothing that came later; a new epoch seals it off.
        shard.Restart();
        Check(shard);
        shard.Reopen();
        Check(shard);
    }

    [Fact]
    public async Task Readers_of_a_repaired_segment_go_on_with_the_new_file()
    {
        using var directory = new TempDirectory();
        using var shard = await Create(directory.Path);
        var segment = shard.Node.Headers.List(new ShardId(0))[0].Segments[0];
        var path = shard.Node.Layout.Segment(new ShardId(0), segment.Id);
        _ = Flip(path, 100);
        // A view that was taken before, and one after.
        using var early = shard.Store.View();
        _ = Scrub(shard.Node);
        shard.Node.Damage.Forget(path);
        var count = shard.Node.Damage.Count;
        using var late = shard.Store.View();
        foreach (var view in new[] { early, late }) Check(view);
        Assert.Equal(count, shard.Node.Damage.Count);
    }

    [Fact]
    public async Task A_segment_that_a_merge_deletes_under_the_scrub_is_no_finding()
    {
        using var directory = new TempDirectory();
        using var shard = await Create(directory.Path);
        var report = new ScrubReport();
        var steps = 0;
        foreach (var bytes in new StoreScrubber(shard.Node, repairs: true).Pass(report))
        {
            // In the middle of the first segment everything that is being read, or listed to be, goes.
            if (bytes < 0 || ++steps != 4) continue;
            await Put(shard, EntityCount, 1);
            while (shard.Checkpoint(force: false))
            {
            }

            for (var i = 0; i < 3; i++) _ = shard.Checkpoint(force: true);
            foreach (var path in Directory.GetFiles(shard.Node.Layout.Shard(new ShardId(0)), "*.seg"))
            {
                if (!shard.Node.Headers.List(new ShardId(0)).Any(header => header.Segments.Any(info => path.EndsWith(info.Id.FileName, StringComparison.Ordinal)))) File.Delete(path);
            }
        }

        Assert.True(steps > 4);
        Assert.Empty(report.Findings);
        Assert.Empty(Scrub(shard.Node).Findings);
    }

    [Fact]
    public async Task A_read_that_is_rebuilt_from_parity_is_reported_once()
    {
        using var directory = new TempDirectory();
        var shard = await Create(directory.Path);
        shard.Dispose();
        var segment = Directory.GetFiles(directory.File("shards/0000"), "*.seg").Order().First();
        _ = Flip(segment, 100);
        using var again = new ShardDriver(Options(directory.Path));
        for (var i = 0; i < 3; i++) Check(again);
        var report = Assert.Single(again.Node.Damage.Of(new ShardId(0)));
        Assert.True(report.IsRepaired);
        Assert.Equal(segment, report.Path);
    }

    [Fact]
    public async Task A_damaged_header_that_others_stand_in_for_is_reported_at_the_start_and_gone_after_two_checkpoints()
    {
        using var directory = new TempDirectory();
        var shard = await Create(directory.Path);
        var newest = shard.Node.Headers.List(new ShardId(0))[0];
        var path = shard.Node.Layout.Header(new ShardId(0), newest.Epoch, newest.Generation);
        shard.Dispose();
        _ = Flip(path, 60);
        using var again = new ShardDriver(Options(directory.Path));
        Assert.Contains(path, again.Node.Damage.DetailOf(new ShardId(0)), StringComparison.Ordinal);
        Check(again);
        for (var i = 0; i < 2; i++) Assert.True(again.Checkpoint(force: true));
        Assert.Null(again.Node.Damage.DetailOf(new ShardId(0)));
        Assert.False(File.Exists(path));
        Check(again);
    }

    private static ScrubReport Scrub(NodeStore node)
    {
        var report = new ScrubReport();
        foreach (var bytes in new StoreScrubber(node, repairs: true).Pass(report)) Assert.True(bytes >= 0);
        return report;
    }

    /// <summary>Two segments under two headers, and changes in the log alone.</summary>
    private static async Task<ShardDriver> Create(string data)
    {
        var shard = new ShardDriver(Options(data));
        for (var round = 1; round <= 3; round++)
        {
            for (var i = 0; i < EntityCount; i++) await Put(shard, i, round);
            if (round < 3) Assert.True(shard.Checkpoint(force: true));
        }

        return shard;
    }

    private static async Task Put(ShardDriver shard, int number, int round) => Assert.IsType<PrepareResult.Accepted>(await shard.Execute(
        new PutEntity(Key(number), CommandId.New(), "ann", null, default, [new Tag($"round:{round}")], new Content("text/plain", new byte[500 + number]))));

    private static void Check(ShardDriver shard)
    {
        using var view = shard.Store.View();
        Check(view);
    }

    private static void Check(ShardView view)
    {
        var now = new AsOf(Timestamp.MaxValue, Timestamp.MaxValue);
        for (var i = 0; i < EntityCount; i++)
        {
            Assert.Equal("round:3", view.Get(Key(i), now)?.Tags.Single().Text);
            Assert.Equal(3, view.History(Key(i), null, null, 0, 100, long.MaxValue, now, out _, out _).Count);
        }
    }

    private static EntityKey Key(int number) => new("demo", $"e{number}");

    private static string Flip(string path, long at)
    {
        using var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = at;
        var value = file.ReadByte();
        file.Position = at;
        file.WriteByte((byte)(value ^ 8));
        return path;
    }

    private static long LastRecord(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var end = bytes.AsSpan().LastIndexOfAnyExcept((byte)0);
        return (end / LogLayout.SectorBytes * LogLayout.SectorBytes) + RecordHeader.SizeBytes + 4;
    }

    private static SortedDictionary<string, byte[]> Snapshot(string data)
    {
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var path in Directory.GetFiles(data, "*", SearchOption.AllDirectories))
        {
            if (Path.GetFileName(path) is not ("clock" or "lock" or "spare")) files[path] = File.ReadAllBytes(path);
        }

        return files;
    }

    private static NodeStoreOptions Options(string data) => new()
    {
        DataDirectory = data, ShardCount = 1, CheckpointBytes = long.MaxValue, Segments = new SegmentOptions { BlockBytes = 1024 },
        Log = new CommitLogOptions { FileBytes = 4 * 1024 * 1024, RecordBytesMax = 64 * 1024, IdleWatermark = TimeSpan.FromHours(1) },
    };
}
