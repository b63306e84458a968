using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using EntityActors.Tests.Shared.Processes;
using Xunit;

namespace EntityActors.Storage.Tests.CommitLog;

/// <summary>Rules 7 and 10: a file goes when every shard's two headers cover it, and nothing of a process that may still live goes.</summary>
public sealed class ReclaimTests
{
    private const int EventsPerFile = 16;

    [Fact]
    public async Task A_file_is_reused_only_when_every_shard_in_it_is_covered_and_the_pinning_shard_is_named()
    {
        using var directory = new TempDirectory();
        using var process = new LogProcess(directory.Path);
        process.TakeOver(1);
        process.TakeOver(2);
        await process.Append(2, 1);
        await TakeOverTests.Fill(process, 1, 1, 4 * EventsPerFile);
        Assert.True(Files(process) >= 4);
        process.Release(1, 1, 4 * EventsPerFile);
        Assert.Equal(0, FirstFile(process));
        // Shard 2 is idle and has one event in the oldest file.
        Assert.Equal(new ShardId(2), process.Log.Statistics.PinningShard);
        process.Release(2, 1, 0);
        Assert.Equal(0, FirstFile(process));
        process.Release(2, 1, 1);
        Assert.True(FirstFile(process) >= 3 * LogProcess.Small.FileBytes);
        Assert.Null(process.Log.Statistics.PinningShard);
        // Reused files: everything that counts is still there, for the next owner, too.
        await TakeOverTests.Fill(process, 1, (4 * EventsPerFile) + 1, 8 * EventsPerFile);
        process.Kill();
        using var next = new LogProcess(directory.Path);
        var covered = new HeaderCoverage(new Epoch(1), new SequenceNumber(4 * EventsPerFile));
        Assert.Equal(new SequenceNumber(8 * EventsPerFile), next.TakeOver(1, covered).LastSequence);
        Assert.Equal(LogProcess.Events(1, 8 * EventsPerFile, (4 * EventsPerFile) + 1), next.Read(1, (4 * EventsPerFile) + 1));
    }

    [Fact]
    public async Task A_fenced_owner_frees_nothing()
    {
        using var directory = new TempDirectory();
        using var process = new LogProcess(directory.Path);
        process.TakeOver(1);
        await TakeOverTests.Fill(process, 1, 1, 3 * EventsPerFile);
        using var successor = new LogProcess(directory.Path, node: "other");
        successor.TakeOver(1);
        var before = Listing(directory.Path);
        process.Release(1, 1, 3 * EventsPerFile);
        Assert.Equal(before, Listing(directory.Path));
    }

    [Fact]
    public async Task A_dead_log_goes_when_all_its_shards_are_covered_and_not_before()
    {
        using var directory = new TempDirectory();
        var first = new LogProcess(directory.Path);
        foreach (var shard in new[] { 1, 2, 3 }) first.TakeOver(shard);
        await TakeOverTests.Fill(first, 1, 1, 3);
        await TakeOverTests.Fill(first, 2, 1, 3);
        first.Kill();
        using var second = new LogProcess(directory.Path);
        second.TakeOver(1);
        second.Release(1, 2, 3);
        Assert.True(Directory.Exists(first.Directory));
        second.TakeOver(2);
        Assert.Equal(new ShardId(2), second.Log.Statistics.PinningShard);
        second.Release(2, 2, 3);
        // Shard 3 served from it and nobody has taken it over yet: without the log it could not be told from a lost one.
        Assert.True(Directory.Exists(first.Directory));
        second.TakeOver(3);
        second.Release(1, 2, 3);
        Assert.False(Directory.Exists(first.Directory));
        second.Kill();
        using var third = new LogProcess(directory.Path);
        Assert.Equal(new SequenceNumber(3), third.TakeOver(1, new HeaderCoverage(new Epoch(2), new SequenceNumber(3))).LastSequence);
        Assert.Equal(default, third.TakeOver(3).LastSequence);
    }

    [Fact]
    public async Task What_a_process_wrote_after_its_log_was_first_read_keeps_the_log()
    {
        using var directory = new TempDirectory();
        var first = new LogProcess(directory.Path, node: "a");
        first.TakeOver(1);
        first.TakeOver(2);
        await TakeOverTests.Fill(first, 1, 1, 3);
        using var second = new LogProcess(directory.Path, node: "b");
        second.TakeOver(1);
        await TakeOverTests.Fill(first, 2, 1, 5);
        second.Release(1, 2, 3);
        Assert.True(Directory.Exists(first.Directory));
        first.Kill();
        // The other shard is served from a third log by then, but its events stand in the first one alone.
        var third = new LogProcess(directory.Path, node: "c");
        third.TakeOver(2);
        second.Release(1, 2, 3);
        Assert.Equal(LogProcess.Events(2, 5), third.Read(2));
        third.Kill();
        second.TakeOver(2);
        Assert.Equal(LogProcess.Events(2, 5), second.Read(2));
    }

    [Fact]
    public async Task A_log_that_another_process_freed_is_not_kept_open()
    {
        using var directory = new TempDirectory();
        var dead = new LogProcess(directory.Path, node: "a");
        dead.TakeOver(1);
        dead.TakeOver(2);
        await TakeOverTests.Fill(dead, 1, 1, 3);
        await TakeOverTests.Fill(dead, 2, 1, 3);
        var log = dead.Directory;
        dead.Kill();
        var headers = new HeaderCoverage(new Epoch(2), new SequenceNumber(3));
        using var second = new LogProcess(directory.Path, node: "b", readHeaders: _ => headers);
        using var third = new LogProcess(directory.Path, node: "c", readHeaders: _ => headers);
        second.TakeOver(1);
        third.TakeOver(2);
        Assert.Equal(LogProcess.Events(2, 3), third.Read(2));
        Assert.NotEmpty(OpenFiles.Below(log));
        second.Release(1, 2, 3);
        Assert.False(Directory.Exists(log));
        Assert.NotEmpty(OpenFiles.Below(log));
        third.Release(2, 2, 3);
        Assert.Empty(OpenFiles.Below(log));
    }

    [Theory]
    [InlineData(FileCall.Lock)]
    [InlineData(FileCall.DeleteDirectory)]
    public async Task Processes_that_free_the_same_log_at_once_do_not_fail_each_other(FileCall meeting)
    {
        using var directory = new TempDirectory();
        var dead = new LogProcess(directory.Path, node: "a");
        dead.TakeOver(1);
        dead.TakeOver(2);
        await TakeOverTests.Fill(dead, 1, 1, 3);
        await TakeOverTests.Fill(dead, 2, 1, 3);
        var log = dead.Directory;
        dead.Kill();
        var headers = new HeaderCoverage(new Epoch(2), new SequenceNumber(3));
        using var second = new LogProcess(directory.Path, node: "b", readHeaders: _ => headers);
        using var third = new LogProcess(directory.Path, node: "c", readHeaders: _ => headers);
        second.TakeOver(1);
        third.TakeOver(2);
        var met = false;
        second.Hook((call, path) =>
        {
            if (met || call != meeting || !path.StartsWith(log, StringComparison.Ordinal)) return;
            met = true;
            if (call == FileCall.Lock) third.Release(2, 2, 3);
            // The other one has looked for the log's files before they went, and takes the lock in the directory that is about to go.
            else File.WriteAllText(Path.Combine(log, "lock"), "");
        });
        second.Release(1, 2, 3);
        Assert.True(met);
        if (meeting == FileCall.DeleteDirectory) File.Delete(Path.Combine(log, "lock"));
        Assert.Empty(Directory.Exists(log) ? Directory.GetFileSystemEntries(log) : []);
    }

    [Fact]
    public async Task A_log_of_a_living_process_is_never_touched()
    {
        using var directory = new TempDirectory();
        using var first = new LogProcess(directory.Path, node: "a");
        first.TakeOver(1);
        await TakeOverTests.Fill(first, 1, 1, 3);
        using var second = new LogProcess(directory.Path, node: "b");
        second.TakeOver(1);
        var before = Listing(first.Directory);
        second.Release(1, 2, 3);
        Assert.Equal(before, Listing(first.Directory));
        first.TakeOver(2);
        await TakeOverTests.Fill(first, 2, 1, 3);
    }

    [Fact]
    public async Task A_process_whose_shard_moved_away_frees_its_files_by_what_the_new_owners_headers_say()
    {
        using var directory = new TempDirectory();
        var covered = HeaderCoverage.None;
        using var first = new LogProcess(directory.Path, node: "a", readHeaders: shard => shard == new ShardId(1) ? covered : HeaderCoverage.None);
        first.TakeOver(1);
        first.TakeOver(2);
        await TakeOverTests.Fill(first, 1, 1, 3);
        using var second = new LogProcess(directory.Path, node: "b");
        second.TakeOver(1);
        await TakeOverTests.Fill(first, 2, 1, 4 * EventsPerFile);
        first.Release(2, 1, 4 * EventsPerFile);
        Assert.Equal(0, FirstFile(first));
        // Nobody of this process can do anything about it.
        Assert.Null(first.Log.Statistics.PinningShard);
        covered = new HeaderCoverage(new Epoch(2), new SequenceNumber(3));
        first.Release(2, 1, 4 * EventsPerFile);
        Assert.True(FirstFile(first) > 0);
    }

    [Fact]
    public async Task Logs_that_no_claim_names_any_more_go_too()
    {
        using var directory = new TempDirectory();
        // Starts that served nothing, one killed before it had a clock, and one whose successor was killed between claims and log.
        for (var i = 0; i < 3; i++) new LogProcess(directory.Path).Kill();
        KillBeforeTheClock(directory.Path);
        var first = new LogProcess(directory.Path);
        first.TakeOver(1);
        await first.Append(1, 1);
        first.Kill();
        var second = new LogProcess(directory.Path);
        second.TakeOver(1);
        second.Hook((call, path) =>
        {
            if (call == FileCall.List && path.EndsWith("nodes", StringComparison.Ordinal)) throw HookedFileSystem.Failure(path);
        });
        Assert.Throws<StoreIoException>(() => second.Release(1, 2, 1));
        second.Kill();
        using var third = new LogProcess(directory.Path, readHeaders: _ => new HeaderCoverage(new Epoch(2), new SequenceNumber(1)));
        third.TakeOver(1, new HeaderCoverage(new Epoch(2), new SequenceNumber(1)));
        third.Release(1, 3, 1);
        Assert.Equal([third.Directory], Directory.GetDirectories(Path.Combine(directory.Path, "nodes", "node")));
    }

    [Fact]
    public async Task A_damaged_log_is_kept()
    {
        using var directory = new TempDirectory();
        var first = new LogProcess(directory.Path);
        first.TakeOver(1);
        first.TakeOver(2);
        await first.Append(1, 1);
        await first.Append(2, 1);
        await first.Append(1, 2);
        first.Log.Dispose();
        var path = Path.Combine(first.Directory, LogLayout.FileName(0));
        var bytes = File.ReadAllBytes(path);
        bytes[LogLayout.SectorBytes + 70] ^= 1;
        File.WriteAllBytes(path, bytes);
        using var second = new LogProcess(directory.Path);
        second.TakeOver(1);
        second.Release(1, 2, 2);
        Assert.Equal(bytes, File.ReadAllBytes(path));
    }

    [Fact]
    public async Task A_million_records_do_not_make_taking_over_freeing_or_counting_slow()
    {
        using var directory = new TempDirectory();
        var options = LogProcess.Small with { FileBytes = 16 << 20, RecordBytesMax = 1 << 20, QueueRecordsMax = 1 << 20 };
        using var process = new LogProcess(directory.Path, options);
        const int shards = 8, perShard = 125_000;
        for (var shard = 0; shard < shards; shard++) process.TakeOver(shard);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var appends = new List<Task>();
        for (var i = 1; i <= perShard; i++)
        {
            for (var shard = 0; shard < shards; shard++) appends.Add(process.Append(shard, i, "x"));
            if (appends.Count < 40_000) continue;
            await Task.WhenAll(appends);
            appends.Clear();
        }

        await Task.WhenAll(appends);
        appends.Clear();
        var bytesPerRecord = (GC.GetTotalMemory(forceFullCollection: true) - before) / (double)(shards * perShard);
        Assert.True(bytesPerRecord < 100, $"{bytesPerRecord} bytes per record");

        // Each of these is called once per checkpoint or scrape; were they proportional to the log, hundreds would take minutes.
        var watch = System.Diagnostics.Stopwatch.StartNew();
        for (var i = 0; i < 300; i++)
        {
            Assert.Equal(new SequenceNumber(perShard), process.Log.LastSequence(new ShardId(i % shards)));
            Assert.NotNull(process.Log.Statistics.PinningShard);
            process.Release(i % shards, 1, 1);
        }

        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"{watch.Elapsed}");
        watch.Restart();
        for (var shard = 0; shard < shards; shard++) Assert.Equal(new SequenceNumber(perShard), process.TakeOver(shard).LastSequence);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"{watch.Elapsed}");
    }

    private static int Files(LogProcess process) => Directory.GetFiles(process.Directory, "*.wal").Length;

    private static long FirstFile(LogProcess process) =>
        Directory.GetFiles(process.Directory, "*.wal").Min(path => Convert.ToInt64(Path.GetFileNameWithoutExtension(path), 16));

    private static void KillBeforeTheClock(string data)
    {
        var isDead = false;
        var files = new HookedFileSystem(PosixFileSystem.Instance);
        files.Before = (call, path) =>
        {
            isDead |= call == FileCall.Create && path.EndsWith(LogLayout.ClockFile, StringComparison.Ordinal);
            if (isDead) throw HookedFileSystem.Failure(path);
        };
        Assert.Throws<StoreIoException>(() => NodeLog.Open(files, data, "node", LogProcess.Small, TimeProvider.System));
    }

    private static string[] Listing(string directory) => [.. Directory.EnumerateFileSystemEntries(directory, "*", SearchOption.AllDirectories).Order()];
}
