using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using Xunit;

namespace EntityActors.Storage.Tests.CommitLog;

/// <summary>Groups, watermarks, full and failing disks.</summary>
public sealed class GroupCommitTests
{
    [Fact]
    public async Task No_reply_precedes_the_sync_and_the_owner_check_follows_it()
    {
        using var directory = new TempDirectory();
        using var process = new LogProcess(directory.Path);
        process.TakeOver(1);
        await process.Append(1, 1);
        var calls = new List<string>();
        process.Hook((call, path) =>
        {
            var isLog = path.EndsWith(".wal", StringComparison.Ordinal) && call is FileCall.Write or FileCall.SyncData;
            if (isLog || (call == FileCall.Exists && path.Contains("epoch", StringComparison.Ordinal))) calls.Add($"{call} {Path.GetFileName(path)}");
        });
        await process.Append(1, 2);
        process.Hook(null);
        Assert.Equal(["Write 0000000000000000.wal", "SyncData 0000000000000000.wal", "Exists 2", "Exists 1"], calls);
    }

    [Fact]
    public async Task A_group_never_reaches_past_its_file()
    {
        using var directory = new TempDirectory();
        var process = new LogProcess(directory.Path);
        process.TakeOver(1);
        using var go = new SemaphoreSlim(0);
        var isHeld = 0;
        process.Hook((call, path) =>
        {
            if (call == FileCall.SyncData && path.EndsWith(".wal", StringComparison.Ordinal) && Interlocked.Exchange(ref isHeld, 1) == 0) go.Wait();
        });
        // Everything that waits behind the first group would be four files long.
        var appends = Enumerable.Range(1, 260).Select(i => process.Append(1, i, new string('x', 1000) + i)).ToArray();
        go.Release();
        await Task.WhenAll(appends);
        Assert.All(Directory.GetFiles(process.Directory, "*.wal"), path => Assert.Equal(LogProcess.Small.FileBytes, new FileInfo(path).Length));
        process.Kill();
        using var after = new LogProcess(directory.Path);
        Assert.Equal(new SequenceNumber(260), after.TakeOver(1).LastSequence);
        Assert.Equal(260, after.Read(1).Length);
    }

    [Fact]
    public async Task An_idle_log_says_within_the_idle_time_that_all_of_it_is_synced()
    {
        using var directory = new TempDirectory();
        using var process = new LogProcess(directory.Path, LogProcess.Small with { IdleWatermark = TimeSpan.FromMilliseconds(100) });
        process.TakeOver(1);
        using var isTold = new SemaphoreSlim(0);
        await process.Append(1, 1);
        process.Hook((call, path) =>
        {
            if (call == FileCall.SyncData && path.EndsWith(".wal", StringComparison.Ordinal)) isTold.Release();
        });
        Assert.True(await isTold.WaitAsync(TimeSpan.FromSeconds(5)));
        // Once: an idle log does not grow.
        Assert.False(await isTold.WaitAsync(TimeSpan.FromMilliseconds(350)));
        process.Hook(null);
        using var index = Scan(process);
        Assert.Equal(LogLayout.SectorBytes, index.Watermark);
    }

    [Fact]
    public async Task A_file_that_shall_end_is_ended_however_often_it_is_asked_for()
    {
        using var directory = new TempDirectory();
        // Nothing waits for a quiet moment here: there is none as long as the test runs.
        using var process = new LogProcess(directory.Path, LogProcess.Small with { IdleWatermark = TimeSpan.FromHours(1) });
        process.TakeOver(1);
        await process.Append(1, 1);
        var next = Path.Combine(process.Directory, LogLayout.FileName(LogProcess.Small.FileBytes));
        var deadline = DateTime.UtcNow + TimeSpan.FromMinutes(1);
        while (!File.Exists(next))
        {
            Assert.True(DateTime.UtcNow < deadline, "the file was not ended");
            _ = process.Log.Erase(static _ => new SequenceNumber(1));
            await Task.Delay(TimeSpan.FromMilliseconds(1));
        }

        await process.Append(1, 2);
        Assert.Equal(LogProcess.Events(1, 2), process.Read(1));
    }

    [Fact]
    public async Task A_clean_stop_says_that_all_is_synced()
    {
        using var directory = new TempDirectory();
        var process = new LogProcess(directory.Path);
        process.TakeOver(1);
        await TakeOverTests.Fill(process, 1, 1, 3);
        process.Log.Dispose();
        using var index = Scan(process);
        Assert.True(index.Watermark >= 3 * LogLayout.SectorBytes);
        // So the loss of the last file's records is seen even where the records that told of them went, too.
        var path = Path.Combine(process.Directory, LogLayout.FileName(0));
        var bytes = File.ReadAllBytes(path);
        bytes.AsSpan(2 * LogLayout.SectorBytes).Clear();
        File.WriteAllBytes(path, bytes);
        using var after = new LogProcess(directory.Path);
        var failure = Assert.Throws<CorruptDataException>(() => after.TakeOver(1));
        Assert.Equal((path, 2L * LogLayout.SectorBytes), (failure.Path, failure.Offset));
    }

    [Fact]
    public async Task A_full_disk_refuses_without_ending_the_log_and_a_stop_does_not_wait_for_room()
    {
        using var directory = new TempDirectory();
        var process = new LogProcess(directory.Path, LogProcess.Small with { FileBytes = 8192, RecordBytesMax = 4000 });
        process.TakeOver(1);
        var isFull = true;
        process.Hook((call, path) =>
        {
            if (isFull && call == FileCall.Create && path.Contains("spare", StringComparison.Ordinal)) throw HookedFileSystem.Failure(path, 28);
        });
        var acknowledged = 0L;
        await Assert.ThrowsAsync<StorageFullException>(async () =>
        {
            while (true)
            {
                await process.Append(1, acknowledged + 1);
                acknowledged++;
            }
        });
        Assert.True(process.Log.IsDiskFull);
        isFull = false;
        await process.Append(1, acknowledged + 1);
        isFull = true;
        await Assert.ThrowsAsync<StorageFullException>(async () =>
        {
            for (var i = 2; ; i++) await process.Append(1, acknowledged + i);
        });
        var stop = Task.Run(process.Log.Dispose);
        Assert.Same(stop, await Task.WhenAny(stop, Task.Delay(TimeSpan.FromSeconds(10))));
    }

    [Fact]
    public async Task A_disk_that_fails_while_the_next_file_is_made_fails_the_log_and_not_the_process()
    {
        using var directory = new TempDirectory();
        using var process = new LogProcess(directory.Path, LogProcess.Small with { FileBytes = 8192, RecordBytesMax = 4000 });
        process.TakeOver(1);
        process.Hook((call, path) =>
        {
            if (call == FileCall.Create && path.Contains("spare", StringComparison.Ordinal)) throw HookedFileSystem.Failure(path);
        });
        var acknowledged = 0L;
        await Assert.ThrowsAsync<CommitLogFailedException>(async () =>
        {
            while (true)
            {
                await process.Append(1, acknowledged + 1);
                acknowledged++;
            }
        });
        process.Hook(null);
        Assert.Equal(new SequenceNumber(acknowledged), process.TakeOver(1).LastSequence);
        await TakeOverTests.Fill(process, 1, acknowledged + 1, acknowledged + 5);
        Assert.Equal(LogProcess.Events(1, acknowledged + 5), process.Read(1));
    }

    [Fact]
    public async Task A_full_queue_refuses_and_nothing_of_it_is_written()
    {
        using var directory = new TempDirectory();
        using var process = new LogProcess(directory.Path, LogProcess.Small with { QueueRecordsMax = 3 });
        process.TakeOver(1);
        using var isSyncing = new SemaphoreSlim(0);
        using var go = new SemaphoreSlim(0);
        var isHeld = 0;
        process.Hook((call, path) =>
        {
            if (call != FileCall.SyncData || !path.EndsWith(".wal", StringComparison.Ordinal) || Interlocked.Exchange(ref isHeld, 1) != 0) return;
            isSyncing.Release();
            go.Wait();
        });
        var first = process.Append(1, 1);
        await isSyncing.WaitAsync();
        var queued = new[] { process.Append(1, 2), process.Append(1, 3), process.Append(1, 4) };
        await Assert.ThrowsAsync<CommitLogBusyException>(() => process.Append(1, 5));
        go.Release();
        await first;
        await Task.WhenAll(queued);
        Assert.Equal(LogProcess.Events(1, 4), process.Read(1));
    }

    private static LogIndex Scan(LogProcess process)
    {
        var index = new LogIndex(process.Files, process.Directory, process.Log.Current, isOwn: false);
        index.Scan();
        return index;
    }
}
