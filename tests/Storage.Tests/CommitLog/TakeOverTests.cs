using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using Xunit;

namespace EntityActors.Storage.Tests.CommitLog;

/// <summary>Rules 1 to 6: several processes over one directory; whatever was acknowledged is there, whatever was sealed off never comes back.</summary>
public sealed class TakeOverTests
{
    [Fact]
    public async Task A_successor_of_a_killed_process_has_every_acknowledged_event()
    {
        using var directory = new TempDirectory();
        var first = new LogProcess(directory.Path);
        first.TakeOver(1);
        first.TakeOver(2);
        await Fill(first, 1, 1, 200);
        await Fill(first, 2, 1, 5);
        first.Kill();
        using var second = new LogProcess(directory.Path);
        Assert.Equal(new SequenceNumber(200), second.TakeOver(1).LastSequence);
        Assert.Equal(LogProcess.Events(1, 200), second.Read(1));
        second.TakeOver(2);
        Assert.Equal(LogProcess.Events(2, 5), second.Read(2));
    }

    [Fact]
    public async Task Events_that_were_visible_but_not_surely_durable_are_appended_again()
    {
        using var directory = new TempDirectory();
        var first = new LogProcess(directory.Path);
        first.TakeOver(1);
        await Fill(first, 1, 1, 3);
        // Written and never synced: the process dies in between.
        var log = first.Directory;
        first.Hook((call, path) =>
        {
            if (call == FileCall.SyncData && path.EndsWith(".wal", StringComparison.Ordinal)) throw HookedFileSystem.Failure(path);
        });
        await Assert.ThrowsAsync<CommitLogFailedException>(() => first.Append(1, 4));
        first.Kill();

        var second = new LogProcess(directory.Path);
        Assert.Equal(new SequenceNumber(4), second.TakeOver(1).LastSequence);
        second.Kill();
        // A power cut takes what was not synced; the new owner's copy of event 4 was synced before it served.
        Zero(Path.Combine(log, LogLayout.FileName(0)), 3 * LogLayout.SectorBytes);
        using var third = new LogProcess(directory.Path);
        Assert.Equal(new SequenceNumber(4), third.TakeOver(1).LastSequence);
        Assert.Equal(LogProcess.Events(1, 4), third.Read(1));
    }

    [Fact]
    public async Task An_unacknowledged_event_lost_with_its_power_is_no_corruption_even_if_a_claimant_that_never_served_had_copied_it()
    {
        using var directory = new TempDirectory();
        var first = new LogProcess(directory.Path);
        first.TakeOver(1);
        await Fill(first, 1, 1, 3);
        var log = first.Directory;
        first.Hook((call, path) =>
        {
            if (call == FileCall.SyncData && path.EndsWith(".wal", StringComparison.Ordinal)) throw HookedFileSystem.Failure(path);
        });
        await Assert.ThrowsAsync<CommitLogFailedException>(() => first.Append(1, 4));
        first.Kill();
        var second = new LogProcess(directory.Path);
        second.Hook((call, path) =>
        {
            if (call == FileCall.Link && path.EndsWith(".opened", StringComparison.Ordinal)) throw HookedFileSystem.Failure(path);
        });
        Assert.Throws<StoreIoException>(() => second.TakeOver(1));
        second.Kill();
        Zero(Path.Combine(log, LogLayout.FileName(0)), 3 * LogLayout.SectorBytes);
        using var third = new LogProcess(directory.Path);
        Assert.Equal((new Epoch(3), new SequenceNumber(3)), (third.TakeOver(1).Epoch, third.Log.LastSequence(new ShardId(1))));
        Assert.Equal(LogProcess.Events(1, 3), third.Read(1));
    }

    [Fact]
    public async Task What_a_zombie_writes_past_its_seal_is_ignored_for_three_generations()
    {
        using var directory = new TempDirectory();
        var zombies = new List<LogProcess>();
        var last = 0L;
        for (var generation = 0; generation < 4; generation++)
        {
            var owner = new LogProcess(directory.Path);
            Assert.Equal(new SequenceNumber(last), owner.TakeOver(1).LastSequence);
            Assert.Equal(LogProcess.Events(1, last), owner.Read(1));
            // Every former owner wakes up and writes on under its old epoch, twice, so that the first write is below a watermark.
            foreach (var zombie in zombies)
            {
                for (var i = 1; i <= 2; i++)
                    await Assert.ThrowsAsync<StaleEpochException>(() => zombie.Append(1, last + i, "from a zombie"));
            }

            await Fill(owner, 1, last + 1, last + 5);
            last += 5;
            Assert.Equal(LogProcess.Events(1, last), owner.Read(1));
            zombies.Add(owner);
        }

        foreach (var zombie in zombies) zombie.Kill();
        using var after = new LogProcess(directory.Path);
        Assert.Equal(new SequenceNumber(last), after.TakeOver(1).LastSequence);
        Assert.Equal(LogProcess.Events(1, last), after.Read(1));
    }

    [Fact]
    public async Task An_owner_that_is_replaced_between_write_and_reply_does_not_acknowledge_and_its_event_is_seen()
    {
        using var directory = new TempDirectory();
        using var first = new LogProcess(directory.Path);
        using var second = new LogProcess(directory.Path, node: "other");
        first.TakeOver(1);
        first.TakeOver(2);
        await Fill(first, 1, 1, 2);
        var seen = default(SequenceNumber);
        first.Hook((call, path) =>
        {
            // After the group was written, before its sync returns.
            if (call == FileCall.SyncData && path.EndsWith(".wal", StringComparison.Ordinal) && seen == default) seen = second.TakeOver(1).LastSequence;
        });
        // First in the queue, so that it is in the first group that is synced.
        var fenced = first.Append(1, 3);
        var other = first.Append(2, 1);
        // A fenced shard costs the others nothing, in whichever group they are.
        await other;
        await Assert.ThrowsAsync<StaleEpochException>(() => fenced);
        Assert.Equal(new SequenceNumber(3), seen);
        await first.Append(2, 2);
        Assert.False(first.Log.IsStillOwner(new ShardId(1), new Epoch(1)));
    }

    [Fact]
    public async Task An_epoch_that_was_never_opened_contributes_nothing_and_its_predecessor_is_read_again()
    {
        using var directory = new TempDirectory();
        using var first = new LogProcess(directory.Path);
        first.TakeOver(1);
        await Fill(first, 1, 1, 3);
        // Three claimants die before they serve; meanwhile the first owner, which does not know, writes on.
        for (var i = 0; i < 3; i++)
        {
            var claimant = new LogProcess(directory.Path, node: $"claimant{i}");
            claimant.Hook((call, path) =>
            {
                if (call == FileCall.Create && path.Contains(".opened", StringComparison.Ordinal)) throw HookedFileSystem.Failure(path);
            });
            Assert.Throws<StoreIoException>(() => claimant.TakeOver(1));
            claimant.Kill();
            await Assert.ThrowsAsync<StaleEpochException>(() => first.Append(1, 4 + i));
        }

        first.Kill();
        using var second = new LogProcess(directory.Path);
        var takeover = second.TakeOver(1);
        Assert.Equal((new Epoch(5), new SequenceNumber(6)), (takeover.Epoch, takeover.LastSequence));
        Assert.Equal(LogProcess.Events(1, 6), second.Read(1));
        await Fill(second, 1, 7, 9);
        second.Kill();
        using var third = new LogProcess(directory.Path);
        third.TakeOver(1);
        Assert.Equal(LogProcess.Events(1, 9), third.Read(1));
    }

    [Fact]
    public async Task A_slow_claimant_that_opens_after_its_successor_serves_nothing_and_changes_nothing()
    {
        using var directory = new TempDirectory();
        var first = new LogProcess(directory.Path);
        first.TakeOver(1);
        await Fill(first, 1, 1, 3);
        first.Kill();
        using var slow = new LogProcess(directory.Path, node: "slow");
        using var quick = new LogProcess(directory.Path, node: "quick");
        var isHeld = 0;
        slow.Hook((call, path) =>
        {
            if (call != FileCall.Link || !path.EndsWith(".opened", StringComparison.Ordinal) || Interlocked.Exchange(ref isHeld, 1) != 0) return;
            quick.TakeOver(1);
            quick.Append(1, 4).GetAwaiter().GetResult();
        });
        slow.TakeOver(1);
        await Assert.ThrowsAsync<StaleEpochException>(() => slow.Append(1, 4, "of the slow one"));
        Assert.False(slow.Log.IsStillOwner(new ShardId(1), new Epoch(2)));
        quick.Kill();
        slow.Kill();
        using var after = new LogProcess(directory.Path);
        Assert.Equal((new Epoch(4), new SequenceNumber(4)), (after.TakeOver(1).Epoch, after.Log.LastSequence(new ShardId(1))));
        Assert.Equal(LogProcess.Events(1, 4), after.Read(1));
    }

    [Fact]
    public async Task A_claimant_that_opens_and_writes_while_its_successor_reads_is_no_damage()
    {
        using var directory = new TempDirectory();
        var first = new LogProcess(directory.Path);
        first.TakeOver(1);
        await Fill(first, 1, 1, 3);
        first.Kill();
        using var slow = new LogProcess(directory.Path, node: "slow");
        using var quick = new LogProcess(directory.Path, node: "quick");
        using var isOpening = new SemaphoreSlim(0);
        using var go = new SemaphoreSlim(0);
        slow.Hook((call, path) =>
        {
            if (call != FileCall.Link || !path.EndsWith(".opened", StringComparison.Ordinal)) return;
            isOpening.Release();
            go.Wait();
        });
        var opening = Task.Run(() => slow.TakeOver(1));
        await isOpening.WaitAsync();
        var isRead = 0;
        quick.Hook((call, path) =>
        {
            // The successor has seen no opened file of epoch 2 and begins to read its log.
            if (call != FileCall.List || path != slow.Directory || Interlocked.Exchange(ref isRead, 1) != 0) return;
            go.Release();
            opening.GetAwaiter().GetResult();
            Assert.Throws<StaleEpochException>(() => slow.Append(1, 4, "of the slow one").GetAwaiter().GetResult());
        });
        Assert.Equal(new SequenceNumber(3), quick.TakeOver(1).LastSequence);
        await quick.Append(1, 4);
        Assert.Equal((1, 4), (isRead, quick.Read(1).Length));
        quick.Kill();
        slow.Kill();
        using var after = new LogProcess(directory.Path);
        after.TakeOver(1);
        Assert.Equal(LogProcess.Events(1, 4), after.Read(1));
    }

    [Fact]
    public async Task Two_take_overs_of_one_shard_in_one_process_leave_the_newer_one_in_force()
    {
        using var directory = new TempDirectory();
        using var process = new LogProcess(directory.Path);
        process.TakeOver(1);
        await Fill(process, 1, 1, 3);
        var isHeld = 0;
        ShardTakeover? newer = null;
        process.Hook((call, path) =>
        {
            if (call == FileCall.Link && path.EndsWith("2.opened", StringComparison.Ordinal) && Interlocked.Exchange(ref isHeld, 1) == 0)
                newer = process.TakeOver(1);
        });
        Assert.Throws<StaleEpochException>(() => process.Log.TakeOver(new ShardId(1), () => HeaderCoverage.None));
        process.Hook(null);
        Assert.Equal(new Epoch(3), newer!.Epoch);
        await Fill(process, 1, 4, 6);
        Assert.Equal(LogProcess.Events(1, 6), process.Read(1));
    }

    [Fact]
    public async Task An_append_under_an_epoch_that_does_not_serve_is_refused_before_anything_is_written()
    {
        using var directory = new TempDirectory();
        using var process = new LogProcess(directory.Path);
        var before = process.TakeOver(1).Epoch;
        var serving = process.TakeOver(1).Epoch;
        await process.Append(1, 1);
        var writes = 0;
        process.Hook((call, path) =>
        {
            if (call == FileCall.Write && path.EndsWith(".wal", StringComparison.Ordinal)) Interlocked.Increment(ref writes);
        });
        foreach (var epoch in new[] { before, serving.Next })
        {
            var append = new LogAppend(new ShardId(1), epoch, new SequenceNumber(2), new byte[8]);
            await Assert.ThrowsAsync<StaleEpochException>(() => process.Log.AppendAsync(append));
        }

        Assert.Equal(0, writes);
        await process.Append(1, 2);
        Assert.Equal(1, writes);
    }

    [Fact]
    public async Task The_barrier_drops_what_an_earlier_incarnation_has_queued()
    {
        using var directory = new TempDirectory();
        using var process = new LogProcess(directory.Path);
        process.TakeOver(1);
        process.TakeOver(2);
        await process.Append(1, 1);
        using var isSyncing = new SemaphoreSlim(0);
        using var go = new SemaphoreSlim(0);
        var isHeld = 0;
        process.Hook((call, path) =>
        {
            if (call != FileCall.SyncData || !path.EndsWith(".wal", StringComparison.Ordinal) || Interlocked.Exchange(ref isHeld, 1) != 0) return;
            isSyncing.Release();
            go.Wait();
        });
        var inFlight = process.Append(1, 2);
        await isSyncing.WaitAsync();
        var queued = process.Append(1, 3);
        var ofAnother = process.Append(2, 1);
        var restart = Task.Run(() => process.TakeOver(1));
        // The barrier stands when the old epoch is refused at once; what the tries before that have queued is dropped like the rest.
        var tries = new List<Task>();
        do
        {
            await Task.Delay(1);
            tries.Add(process.Append(1, 3, "a try"));
        }
        while (!tries[^1].IsFaulted && !restart.IsCompleted);
        // Without a barrier the take-over does not wait for what is in flight.
        var hasWaited = !restart.IsCompleted;
        go.Release();
        Assert.True(hasWaited);
        // What was in flight is durable and seen, but not acknowledged; what was queued never reaches the log.
        Assert.Equal(new SequenceNumber(2), (await restart).LastSequence);
        await Assert.ThrowsAsync<StaleEpochException>(() => inFlight);
        await Assert.ThrowsAsync<StaleEpochException>(() => queued);
        foreach (var attempt in tries) await Assert.ThrowsAsync<StaleEpochException>(() => attempt);
        await ofAnother;
        await process.Append(1, 3, "of the new incarnation");
        Assert.Equal(["1:1", "1:2", "of the new incarnation"], process.Read(1));
    }

    [Theory]
    [InlineData(FileCall.Write)]
    [InlineData(FileCall.SyncData)]
    public async Task A_failed_write_or_sync_acknowledges_nobody_from_then_on_and_a_new_log_has_all_that_was_acknowledged(FileCall failing)
    {
        using var directory = new TempDirectory();
        using var process = new LogProcess(directory.Path);
        process.TakeOver(1);
        process.TakeOver(2);
        await Fill(process, 1, 1, 3);
        await Fill(process, 2, 1, 1);
        var failedLog = process.Log.Current;
        process.Hook((call, path) =>
        {
            if (call == failing && path.EndsWith(".wal", StringComparison.Ordinal)) throw HookedFileSystem.Failure(path);
        });
        var lost = new[] { process.Append(1, 4), process.Append(2, 2) };
        foreach (var append in lost) await Assert.ThrowsAsync<CommitLogFailedException>(() => append);
        process.Hook(null);
        // The disk works again, the log does not.
        await Assert.ThrowsAsync<CommitLogFailedException>(() => process.Append(1, 4));
        process.TakeOver(1);
        Assert.NotEqual(failedLog, process.Log.Current);
        await Assert.ThrowsAsync<CommitLogFailedException>(() => process.Append(2, 2));
        Assert.Equal(LogProcess.Events(1, 3), process.Read(1));
        await Fill(process, 1, 4, 6);
        process.TakeOver(2);
        await Fill(process, 2, 2, 3);
        process.Kill();
        // What was written and not synced stands in the old log all the same; the seal keeps it out for ever.
        using var after = new LogProcess(directory.Path);
        after.TakeOver(1);
        after.TakeOver(2);
        Assert.Equal(LogProcess.Events(1, 6), after.Read(1));
        Assert.Equal(LogProcess.Events(2, 3), after.Read(2));
    }

    [Fact]
    public async Task Damage_to_another_shards_record_stops_only_that_shard()
    {
        using var directory = new TempDirectory();
        var first = new LogProcess(directory.Path);
        foreach (var shard in new[] { 1, 2 }) first.TakeOver(shard);
        await Fill(first, 1, 1, 2);
        await first.Append(2, 1);
        await Fill(first, 1, 3, 4);
        first.Log.Dispose();
        var path = Path.Combine(first.Directory, LogLayout.FileName(0));
        var bytes = File.ReadAllBytes(path);
        bytes[(2 * LogLayout.SectorBytes) + 65] ^= 1;
        File.WriteAllBytes(path, bytes);
        using var second = new LogProcess(directory.Path);
        second.TakeOver(1);
        Assert.Equal(LogProcess.Events(1, 4), second.Read(1));
        var failure = Assert.Throws<CorruptDataException>(() => second.TakeOver(2));
        Assert.Equal((path, 2L * LogLayout.SectorBytes), (failure.Path, failure.Offset));
        // Never cut: the next try says the same, and the bytes stay.
        Assert.Throws<CorruptDataException>(() => second.TakeOver(2));
        Assert.Equal(bytes, File.ReadAllBytes(path));
    }

    [Fact]
    public async Task A_shard_that_moves_away_from_a_process_that_goes_on_writing_loses_nothing()
    {
        using var directory = new TempDirectory();
        using var first = new LogProcess(directory.Path);
        using var second = new LogProcess(directory.Path, node: "other");
        const int shards = 24;
        for (var shard = 0; shard < shards; shard++) first.TakeOver(shard);
        using var stop = new CancellationTokenSource();
        // Shard 99 keeps the first log growing, so that its watermark moves while others read it.
        first.TakeOver(99);
        var traffic = Task.Run(async () =>
        {
            for (var i = 1; !stop.IsCancellationRequested; i++) await first.Append(99, i);
        });
        var acknowledged = new long[shards];
        var isMoved = new bool[shards];
        var writers = Enumerable.Range(0, shards).Select(shard => Task.Run(async () =>
        {
            try
            {
                for (var i = 1; ; i++)
                {
                    var wasMoved = Volatile.Read(ref isMoved[shard]);
                    await first.Append(shard, i);
                    Assert.False(wasMoved, $"shard {shard}: a replaced owner acknowledges");
                    Volatile.Write(ref acknowledged[shard], i);
                }
            }
            catch (StaleEpochException)
            {
                return;
            }
        })).ToArray();
        // Four at a time, as a node that joins takes shards over.
        await Task.WhenAll(Enumerable.Range(0, 4).Select(part => Task.Run(() =>
        {
            for (var shard = part; shard < shards; shard += 4)
            {
                second.Log.TakeOver(new ShardId(shard), () => HeaderCoverage.None);
                Volatile.Write(ref isMoved[shard], true);
            }
        })));
        await Task.WhenAll(writers);
        await stop.CancelAsync();
        await traffic;
        for (var shard = 0; shard < shards; shard++)
        {
            var last = second.Log.LastSequence(new ShardId(shard)).Value;
            Assert.True(last >= acknowledged[shard], $"shard {shard}: {acknowledged[shard]} acknowledged, {last} found");
            Assert.Equal(LogProcess.Events(shard, last), second.Read(shard));
        }
    }

    internal static async Task Fill(LogProcess process, int shard, long from, long to)
    {
        for (var i = from; i <= to; i++) await process.Append(shard, i);
    }

    private static void Zero(string path, long from)
    {
        var bytes = File.ReadAllBytes(path);
        bytes.AsSpan((int)from).Clear();
        File.WriteAllBytes(path, bytes);
    }
}
