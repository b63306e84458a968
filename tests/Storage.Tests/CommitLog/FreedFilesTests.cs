using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using Xunit;

namespace EntityActors.Storage.Tests.CommitLog;

/// <summary>A log's first files may be missing because nobody needed them, or because they were lost: the clock beside them tells.</summary>
public sealed class FreedFilesTests
{
    private const int EventsPerFile = 16;
    private const int Idle = 2;
    private const int Busy = 1;

    [Fact]
    public async Task A_first_file_that_is_lost_is_damage_to_the_shards_that_may_have_had_their_last_events_in_it()
    {
        using var directory = new TempDirectory();
        var process = await FilledAsync(directory);
        process.Kill();
        File.Delete(PathOf(process, 0));
        using var next = new LogProcess(directory.Path);
        var damage = Assert.Throws<CorruptDataException>(() => next.TakeOver(Idle));
        Assert.Equal(process.Directory, damage.Path);
        Assert.Contains($"shard {new ShardId(Idle)}", damage.Message, StringComparison.Ordinal);
        // A gap to its later events shows it to the busy one, unless a header covers what is missing.
        Assert.Throws<CorruptDataException>(() => next.TakeOver(Busy));
        var covered = new HeaderCoverage(new Epoch(1), new SequenceNumber(2 * EventsPerFile));
        Assert.Equal(new SequenceNumber(4 * EventsPerFile), next.TakeOver(Busy, covered).LastSequence);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Files_that_were_freed_are_not_missed_whichever_slot_of_the_clock_can_be_read(int damagedSlot)
    {
        using var directory = new TempDirectory();
        var process = await FilledAsync(directory);
        Free(process);
        process.Kill();
        Damage(process, damagedSlot);
        using var next = new LogProcess(directory.Path);
        TakeOverBoth(next);
    }

    [Fact]
    public async Task A_file_that_is_lost_after_others_were_freed_is_missed()
    {
        using var directory = new TempDirectory();
        var process = await FilledAsync(directory);
        process.TakeOver(3);
        await TakeOverTests.Fill(process, 3, 1, 1);
        await TakeOverTests.Fill(process, Busy, (4 * EventsPerFile) + 1, 6 * EventsPerFile);
        Free(process);
        process.Kill();
        File.Delete(PathOf(process, FirstFile(process)));
        using var next = new LogProcess(directory.Path);
        Assert.Throws<CorruptDataException>(() => next.TakeOver(3));
        Assert.Throws<CorruptDataException>(() => next.TakeOver(Idle, new HeaderCoverage(new Epoch(1), new SequenceNumber(1))));
    }

    [Fact]
    public async Task A_file_goes_only_after_the_clock_said_so_in_both_slots()
    {
        using var directory = new TempDirectory();
        var process = await FilledAsync(directory);
        var clock = Path.Combine(process.Directory, LogLayout.ClockFile);
        for (var allowed = 0; allowed < 2; allowed++)
        {
            var syncs = 0;
            process.Hook((call, path) =>
            {
                if (call == FileCall.SyncData && path == clock && syncs++ == allowed) throw HookedFileSystem.Failure(path);
            });
            Assert.Throws<StoreIoException>(() => Free(process));
            process.Hook(null);
            Assert.Equal(0, FirstFile(process));
        }

        Free(process);
        Assert.NotEqual(0, FirstFile(process));
        process.Kill();
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    [InlineData(1, 1)]
    public async Task A_dead_log_whose_deletion_was_cut_short_is_not_damage(int damagedBefore, int damagedAfter)
    {
        using var directory = new TempDirectory();
        var dead = await FilledAsync(directory);
        dead.Kill();
        Damage(dead, damagedBefore);
        using (var second = new LogProcess(directory.Path))
        {
            TakeOverBoth(second);
            var deleted = 0;
            second.Hook((call, path) =>
            {
                if (call == FileCall.Delete && path.EndsWith(".wal", StringComparison.Ordinal) && deleted++ == 1) throw HookedFileSystem.Failure(path);
            });
            // What it took over is covered for both shards; the first release frees the log.
            Assert.Throws<StoreIoException>(() => second.Release(Idle, 2, 1));
            second.Kill();
        }

        Assert.NotEqual(0, FirstFile(dead));
        Damage(dead, damagedAfter);
        using var third = new LogProcess(directory.Path);
        TakeOverBoth(third, epoch: 2);
        third.Release(Idle, 3, 1);
        Assert.False(Directory.Exists(dead.Directory), "a log that cannot be told from a damaged one stays for ever");
    }

    /// <summary>A log of several files: one event of the idle shard in the first one, events of the busy one in all.</summary>
    private static async Task<LogProcess> FilledAsync(TempDirectory directory)
    {
        var process = new LogProcess(directory.Path);
        process.TakeOver(Busy);
        process.TakeOver(Idle);
        await process.Append(Idle, 1);
        await TakeOverTests.Fill(process, Busy, 1, 4 * EventsPerFile);
        Assert.True(Directory.GetFiles(process.Directory, "*.wal").Length >= 4);
        return process;
    }

    private static void Free(LogProcess process)
    {
        process.Release(Idle, 1, 1);
        process.Release(Busy, 1, 4 * EventsPerFile);
    }

    private static void TakeOverBoth(LogProcess process, long epoch = 1)
    {
        var covered = new HeaderCoverage(new Epoch(epoch), new SequenceNumber(4 * EventsPerFile));
        Assert.Equal(new SequenceNumber(4 * EventsPerFile), process.TakeOver(Busy, covered).LastSequence);
        Assert.Equal(new SequenceNumber(1), process.TakeOver(Idle, new HeaderCoverage(new Epoch(epoch), new SequenceNumber(1))).LastSequence);
    }

    private static void Damage(LogProcess process, int slot)
    {
        var path = Path.Combine(process.Directory, LogLayout.ClockFile);
        var bytes = File.ReadAllBytes(path);
        bytes[slot * LogLayout.SectorBytes] = 0xff;
        File.WriteAllBytes(path, bytes);
    }

    private static string PathOf(LogProcess process, long start) => Path.Combine(process.Directory, LogLayout.FileName(start));

    private static long FirstFile(LogProcess process) => Directory.GetFiles(process.Directory, "*.wal")
        .Min(path => LogLayout.TryParseFileName(Path.GetFileName(path), out var start) ? start : long.MaxValue);
}
