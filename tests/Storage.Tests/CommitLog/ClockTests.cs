using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using Xunit;

namespace EntityActors.Storage.Tests.CommitLog;

/// <summary>Rule 18: a time is given out only below a durable reservation, and every successor starts above it.</summary>
public sealed class ClockTests
{
    private static readonly CommitLogOptions Options = LogProcess.Small with
    {
        ClockReservation = TimeSpan.FromMilliseconds(400), ClockRenewal = TimeSpan.FromMilliseconds(150),
    };

    [Fact]
    public void Times_end_at_the_reservation_and_go_on_when_it_is_renewed()
    {
        using var directory = new TempDirectory();
        var time = new ManualTime();
        using var process = new LogProcess(directory.Path, Options, time);
        Assert.True(process.Log.Clock.TryNow(out _));
        // The disk refuses renewals: what was reserved runs out.
        process.Hook((_, path) =>
        {
            if (path.EndsWith("clock", StringComparison.Ordinal)) throw HookedFileSystem.Failure(path);
        });
        for (var i = 0; i < 40; i++)
        {
            time.Advance(TimeSpan.FromMilliseconds(10));
            Assert.Equal(i < 39, process.Log.Clock.TryNow(out var now));
            Assert.Equal(i < 39, now < process.Log.Clock.Reserved);
        }

        process.Hook(null);
        time.Advance(TimeSpan.FromMilliseconds(150));
        Assert.True(process.Log.Clock.TryNow(out _));
    }

    [Fact]
    public void A_reservation_is_durable_before_a_time_below_it_is_given_out()
    {
        using var directory = new TempDirectory();
        var time = new ManualTime();
        using var process = new LogProcess(directory.Path, Options, time);
        var before = process.Log.Clock.Reserved;
        var isSynced = false;
        process.Hook((call, path) =>
        {
            if (!path.EndsWith("clock", StringComparison.Ordinal)) return;
            Assert.Equal(before, process.Log.Clock.Reserved);
            isSynced |= call == FileCall.SyncData;
        });
        time.Advance(TimeSpan.FromMilliseconds(150));
        Assert.True(isSynced && process.Log.Clock.Reserved > before);
        process.Hook(null);
        Assert.Equal(process.Log.Clock.Reserved, NodeClock.ReadReserved(process.Files, process.Directory));
    }

    [Fact]
    public void A_successor_starts_at_the_reservation_whatever_the_machines_clock_says()
    {
        using var directory = new TempDirectory();
        var time = new ManualTime();
        var first = new LogProcess(directory.Path, Options, time);
        first.TakeOver(1);
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.True(first.Log.Clock.TryNow(out var answered));
        var reserved = first.Log.Clock.Reserved;
        first.Kill();
        time.Set(time.GetUtcNow() - TimeSpan.FromHours(1));
        using var second = new LogProcess(directory.Path, Options, time);
        Assert.True(second.TakeOver(1).ClockFloor >= reserved);
        Assert.True(second.Log.Clock.TryNow(out var now) && now >= reserved && now > answered);
        // And its own successor again.
        Assert.True(second.Log.Clock.Reserved > reserved);
    }

    [Fact]
    public void A_process_that_was_there_first_starts_a_shard_above_what_its_owner_reserved_since()
    {
        using var directory = new TempDirectory();
        var ahead = new ManualTime();
        var behind = new ManualTime();
        using var successor = new LogProcess(directory.Path, Options, behind, node: "b");
        var owner = new LogProcess(directory.Path, Options, ahead, node: "a");
        owner.TakeOver(1);
        ahead.Advance(TimeSpan.FromMinutes(10));
        var reserved = owner.Log.Clock.Reserved;
        owner.Kill();
        Assert.True(successor.TakeOver(1).ClockFloor >= reserved);
        // It may stamp above that at once, and a successor of its own starts above that again.
        Assert.True(successor.Log.Clock.Reserved > reserved);
        var third = new LogProcess(directory.Path, Options, behind, node: "c");
        Assert.True(third.TakeOver(1).ClockFloor > reserved);
        third.Kill();
    }

    [Fact]
    public void Processes_that_hand_a_shard_back_and_forth_do_not_drive_the_clock_ahead()
    {
        using var directory = new TempDirectory();
        var time = new ManualTime();
        using var one = new LogProcess(directory.Path, Options, time, node: "a");
        using var two = new LogProcess(directory.Path, Options, time, node: "b");
        for (var i = 0; i < 20; i++) (i % 2 == 0 ? one : two).TakeOver(1);
        Assert.True(one.Log.Clock.TryNow(out var now));
        var wall = Timestamp.FromDateTimeOffset(time.GetUtcNow());
        Assert.True(now < wall.Plus(TimeSpan.FromMilliseconds(401)));
        Assert.True(one.Log.Clock.Reserved < wall.Plus(TimeSpan.FromMilliseconds(900)));
    }

    [Fact]
    public void Processes_that_start_together_do_not_drive_the_clock_ahead()
    {
        using var directory = new TempDirectory();
        var time = new ManualTime();
        List<LogProcess> processes = [];
        for (var i = 0; i < 8; i++)
        {
            processes.Add(new LogProcess(directory.Path, Options, time, node: $"n{i}"));
            time.Advance(TimeSpan.FromMilliseconds(i % 2 * 150));
        }

        var wall = Timestamp.FromDateTimeOffset(time.GetUtcNow());
        foreach (var process in processes)
        {
            // What one of them stamps can be asked about at every other: nobody asks further ahead than half a second.
            Assert.True(process.Log.Clock.TryNow(out _));
            Assert.True(process.Log.Clock.Reserved < wall.Plus(TimeSpan.FromMilliseconds(500)), $"{process.Log.Clock.Reserved} at {wall}");
            process.Dispose();
        }
    }

    [Fact]
    public void Steps_of_the_machines_clock_never_make_times_go_back()
    {
        using var directory = new TempDirectory();
        var seed = SeedSource.Next();
        var random = SeedSource.For(seed, 0);
        var time = new ManualTime();
        using var process = new LogProcess(directory.Path, Options, time);
        var last = default(Timestamp);
        for (var i = 0; i < 2000; i++)
        {
            if (random.Next(10) == 0) time.Set(time.GetUtcNow() + TimeSpan.FromMilliseconds(random.Next(-5000, 2000)));
            else time.Advance(TimeSpan.FromMilliseconds(random.Next(100)));
            var isValid = process.Log.Clock.TryNow(out var now);
            if (!isValid) continue;
            Assert.True(now >= last && now < process.Log.Clock.Reserved, $"seed {seed}, step {i}: {now} after {last}");
            Assert.True(NodeClock.ReadReserved(process.Files, process.Directory) > now, $"seed {seed}, step {i}");
            last = now;
        }

        Assert.True(last.Nanoseconds > 0);
    }

    [Fact]
    public void The_clock_of_another_log_reserves_nothing()
    {
        using var directory = new TempDirectory();
        using var one = new LogProcess(directory.Path, Options, new ManualTime(), node: "a");
        using var two = new LogProcess(directory.Path, Options, new ManualTime(), node: "b");
        Assert.True(NodeClock.ReadReserved(two.Files, two.Directory).Nanoseconds > 0);
        // What a power cut may leave of an unsynced file: sectors that were another file's.
        File.Copy(Path.Combine(one.Directory, LogLayout.ClockFile), Path.Combine(two.Directory, LogLayout.ClockFile), overwrite: true);
        Assert.Equal(default, NodeClock.ReadReserved(two.Files, two.Directory));
        Assert.Equal(0, NodeClock.ReadSynced(two.Files, two.Directory));
        var (valid, damaged) = NodeClock.CountSlots(two.Files, two.Directory);
        Assert.True(valid == 0 && damaged > 0);
    }

    [Fact]
    public void Every_flipped_bit_of_a_slot_costs_that_slot_alone()
    {
        using var directory = new TempDirectory();
        var time = new ManualTime();
        using var process = new LogProcess(directory.Path, Options, time);
        time.Advance(TimeSpan.FromMilliseconds(150));
        var path = Path.Combine(process.Directory, LogLayout.ClockFile);
        var whole = File.ReadAllBytes(path);
        Assert.Equal((2, 0), NodeClock.CountSlots(process.Files, process.Directory));
        var reserved = NodeClock.ReadReserved(process.Files, process.Directory);
        foreach (var slot in new[] { 0, 4096 })
        {
            // Magic, log, reserved time, synced position, freed position, checksum.
            for (var bit = 0; bit < 44 * 8; bit++)
            {
                var bytes = whole.ToArray();
                bytes[slot + (bit / 8)] ^= (byte)(1 << (bit % 8));
                File.WriteAllBytes(path, bytes);
                Assert.Equal((1, 1), NodeClock.CountSlots(process.Files, process.Directory));
                Assert.True(NodeClock.ReadReserved(process.Files, process.Directory) <= reserved, $"bit {bit} of the slot at {slot}");
            }
        }

        File.WriteAllBytes(path, whole);
    }

    [Fact]
    public void Tearing_the_slot_that_is_being_written_leaves_the_other_one()
    {
        using var directory = new TempDirectory();
        var time = new ManualTime();
        var process = new LogProcess(directory.Path, Options, time);
        var path = Path.Combine(process.Directory, LogLayout.ClockFile);
        for (var i = 0; i < 5; i++)
        {
            var published = process.Log.Clock.Reserved;
            var before = File.ReadAllBytes(path);
            process.Hook((call, at) =>
            {
                if (call == FileCall.SyncData && at == path) throw HookedFileSystem.Failure(at);
            });
            time.Advance(TimeSpan.FromMilliseconds(150));
            process.Hook(null);
            // The slot that was written and not synced may hold anything.
            var torn = File.ReadAllBytes(path);
            var slot = before.AsSpan(0, 4096).SequenceEqual(torn.AsSpan(0, 4096)) ? 4096 : 0;
            for (var cut = 0; cut < 44; cut++)
            {
                var bytes = torn.ToArray();
                bytes.AsSpan(slot + cut, 4096 - cut).Clear();
                File.WriteAllBytes(path, bytes);
                Assert.True(NodeClock.ReadReserved(process.Files, process.Directory) >= published);
            }

            File.WriteAllBytes(path, torn);
            time.Advance(TimeSpan.FromMilliseconds(150));
            Assert.True(process.Log.Clock.Reserved > published);
        }

        process.Kill();
    }

    [Fact]
    public async Task The_reservation_survives_the_deletion_of_a_failed_log()
    {
        using var directory = new TempDirectory();
        var time = new ManualTime();
        var process = new LogProcess(directory.Path, Options, time);
        process.TakeOver(1);
        await process.Append(1, 1);
        var failed = process.Directory;
        process.Hook((call, path) =>
        {
            if (call == FileCall.SyncData && path.EndsWith(".wal", StringComparison.Ordinal)) throw HookedFileSystem.Failure(path);
        });
        await Assert.ThrowsAsync<CommitLogFailedException>(() => process.Append(1, 2));
        process.Hook(null);
        process.TakeOver(1);
        process.Release(1, 2, 1);
        Assert.False(Directory.Exists(failed));
        time.Advance(TimeSpan.FromMinutes(1));
        var reserved = process.Log.Clock.Reserved;
        process.Kill();
        time.Set(time.GetUtcNow() - TimeSpan.FromMinutes(30));
        using var second = new LogProcess(directory.Path, Options, time);
        Assert.True(second.Log.Clock.Floor >= reserved);
    }

    [Fact]
    public void A_later_incarnation_stamps_above_what_an_earlier_one_answered_ahead_of_now()
    {
        using var directory = new TempDirectory();
        using var process = new LogProcess(directory.Path, Options, new ManualTime());
        process.TakeOver(1);
        Assert.True(process.Log.Clock.TryNow(out var now));
        var answered = now.Plus(TimeSpan.FromMilliseconds(300));
        process.Log.Clock.Answer(answered);
        Assert.True(process.TakeOver(1).ClockFloor >= answered);
    }
}
