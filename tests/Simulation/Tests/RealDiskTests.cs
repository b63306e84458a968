using EntityActors.Simulation.Tests.RealDisks;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Processes;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Simulation.Tests.Tests;

/// <summary>Power cuts of real file systems. Longer runs: Program.cs.</summary>
public sealed class RealDiskTests(ITestOutputHelper output)
{
    private const int Cycles = 25;

    [SkippableTheory]
    [InlineData("ext4")]
    [InlineData("xfs")]
    public void No_power_cut_of_a_real_file_system_loses_what_was_acknowledged(string type)
    {
        var reason = ShutdownCycles.Unavailable(type);
        Skip.If(reason is not null, reason);
        var cycles = new ShutdownCycles(type, SeedSource.Next() & 0xFFFFFF);
        cycles.Run(SeedSource.Runs(Cycles), TimeSpan.FromMinutes(2));
        output.WriteLine($"{type}: {cycles.Cycles} cuts, {cycles.DuringStart} of them during a start, {cycles.Acknowledged} acknowledged events found");
        Assert.True(cycles.Acknowledged > 0);
    }

    [SkippableFact]
    public void No_failing_system_call_loses_what_was_acknowledged_and_a_log_whose_sync_failed_is_never_written_again()
    {
        var reason = CallFaults.Unavailable();
        Skip.If(reason is not null, reason);
        var seed = SeedSource.Next() & 0xFFFFFF;
        // With the workload of seed 1 the first two are syncs of the log.
        var numbers = new[] { 23, 57, 1 + SeedSource.For(seed, 0).Next(200) };
        var faults = new CallFaults(seed: 1, steps: 200);
        faults.Run(CallFaults.At(numbers), TimeSpan.FromMinutes(3));
        output.WriteLine($"calls {string.Join(' ', numbers)}: {faults.Reached} failing calls met, {faults.FailedLogSyncs} of them syncs of the log");
        Assert.True(faults.FailedLogSyncs >= 8 && faults.Reached > 20, $"{faults.Reached} met, {faults.FailedLogSyncs} of the log");
    }

    /// <remarks>A store that seems to be missing would be created anew.</remarks>
    [SkippableTheory]
    [InlineData("ext4")]
    [InlineData("xfs")]
    public void A_disk_that_fails_does_not_look_empty(string type)
    {
        var reason = ShutdownCycles.Unavailable(type);
        Skip.If(reason is not null, reason);
        using var disk = new SmallFileSystem(ShutdownCycles.DiskMegabytes, type);
        var files = PosixFileSystem.Instance;
        var directory = Path.Combine(disk.Path, "a");
        files.CreateDirectory(directory);
        using (files.Create(Path.Combine(directory, "b"))) { }
        files.SyncDirectory(directory);
        disk.Reattach();
        disk.ShutDown(flushesJournal: false);
        AssertFailsOr(true, () => files.DirectoryExists(directory));
        AssertFailsOr(true, () => files.FileExists(Path.Combine(directory, "b")));
        AssertFailsOr(1, () => files.List(directory).Count);
        disk.Reattach();
        Assert.True(files.FileExists(Path.Combine(directory, "b")));
        Assert.False(files.DirectoryExists(Path.Combine(directory, "b")));
        Assert.False(files.DirectoryExists(Path.Combine(directory, "c")));
        Assert.Empty(files.List(Path.Combine(directory, "c")));
    }

    private static void AssertFailsOr<T>(T expected, Func<T> call)
    {
        try
        {
            Assert.Equal(expected, call());
        }
        catch (StoreIoException failure)
        {
            Assert.False(failure.IsMissing);
        }
    }
}
