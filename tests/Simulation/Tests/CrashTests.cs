using EntityActors.Simulation.Tests.Disk;
using EntityActors.Simulation.Tests.Exploration;
using EntityActors.Simulation.Tests.Stores;
using EntityActors.Tests.Shared;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Simulation.Tests.Tests;

/// <summary>Crashes and failing calls at every place, on a store that runs on a simulated disk. Longer runs: Program.cs.</summary>
public sealed class CrashTests(ITestOutputHelper output)
{
    private const int Operations = ExplorationLimits.OperationsDefault;

    /// <summary>Where the short search begins when no seed is given; the command goes through others.</summary>
    private const long SearchSeed = 1;
    private const long StatesMax = 200_000;
    private const long StatesPerWorkload = 3_000;
    private const long FaultsMax = 4_000;
    private const long TrimStatesMax = 8_000;
    private static readonly TimeSpan SearchTimeMax = TimeSpan.FromMinutes(8);

    /// <summary>A workload in which the directed tests find every kind of call.</summary>
    private const long DirectedSeed = 6;
    private const int DirectedOperations = 250;

    /// <summary>One whose log files come and go.</summary>
    private const long RecyclingSeed = 7;

    [Fact]
    public void The_same_seed_makes_the_same_calls_bit_for_bit()
    {
        var seed = SeedSource.Or(SearchSeed) & 0xFFFFFF;
        var (first, second) = (RecordedRun.Workload(seed, 300), RecordedRun.Workload(seed, 300));
        Assert.True((first.Calls, first.Trace) == (second.Calls, second.Trace), $"seed {seed}: {first.Calls} calls {first.Trace:x}, then {second.Calls} {second.Trace:x}");
        Assert.NotEqual(first.Trace, RecordedRun.Workload(seed + 1, 300).Trace);
    }

    [Fact]
    public void What_is_explored_of_a_seed_does_not_depend_on_the_workers()
    {
        var seed = SeedSource.Or(SearchSeed) & 0xFFFFFF;
        Assert.Equal(Explored(threads: 1), Explored(threads: 3));

        (long Seed, long States, long Same, int Made)[] Explored(int threads)
        {
            var explorer = new CrashExplorer(new ExplorationLimits(seed, long.MaxValue, SearchTimeMax, Operations: 40, Threads: threads)
            {
                StatesPerWorkload = 300,
                WorkloadsMax = WorkloadFamily.All.Count,
            });
            explorer.Run();
            Assert.True(explorer.Findings.Count == 0, string.Join('\n', explorer.Findings));
            return [.. explorer.Workloads.OrderBy(done => done.Seed).Select(done => (done.Seed, done.States, done.Same, done.Made.Count))];
        }
    }

    [Fact]
    public void No_crash_loses_what_was_acknowledged()
    {
        var seed = SeedSource.Or(SearchSeed) & 0xFFFFFF;
        var explorer = new CrashExplorer(new ExplorationLimits(seed, StatesMax, SearchTimeMax, Operations, Threads: Environment.ProcessorCount)
        {
            StatesPerWorkload = StatesPerWorkload,
        });
        explorer.Run();
        var report = $"{Report.Places(explorer)}\n{Report.Of(explorer)}";
        output.WriteLine(report);
        Assert.True(explorer.Findings.Count == 0, string.Join('\n', explorer.Findings));
        // A machine that is busy with something else may need all the time; what was tried by then must still be worth its name.
        Assert.True(explorer.States >= StatesMax || explorer.Elapsed >= SearchTimeMax, report);
        Assert.True(explorer.States > StatesMax / 10, report);
        Assert.Equal(WorkloadFamily.All.Count, explorer.Workloads.DistinctBy(done => done.Family).Count());
        foreach (var family in explorer.Workloads.GroupBy(done => done.Family))
        {
            Assert.True(family.Sum(done => done.Merges) > 0 || family.Count() < 4, $"{family.Key.Name}: no segments were merged\n{report}");
            Assert.True(family.Any(done => done.HasFailed) == family.Key.FillsDisk, $"{family.Key.Name}: a full disk refuses, and no other\n{report}");
            var crashed = family.SelectMany(done => done.Crashed).ToHashSet();
            Assert.True(family.SelectMany(done => done.Made).All(crashed.Contains), $"{family.Key.Name}: a call was made and never crashed at\n{report}");
            var missed = StoreCalls.All.Where(place => !crashed.Contains(place)).ToArray();
            Assert.True(missed.Length == 0, $"{family.Key.Name}: never crashed before {string.Join(", ", missed)}\n{report}");
        }
    }

    /// <summary>Every recovery is compared with the trims that were acknowledged, and some go on until no byte of what they took is left.</summary>
    [Fact]
    public void No_crash_loses_a_trim_or_brings_back_what_it_took()
    {
        var seed = WorkloadFamily.FirstTrimmingSeed + (SeedSource.Or(SearchSeed) & 0xFFFFFF);
        var explorer = new CrashExplorer(new ExplorationLimits(seed, TrimStatesMax, TimeSpan.FromMinutes(2), Operations, Threads: Environment.ProcessorCount)
        {
            StatesPerWorkload = TrimStatesMax / 8,
        });
        explorer.Run();
        output.WriteLine(Report.Of(explorer));
        Assert.True(explorer.Findings.Count == 0, string.Join('\n', explorer.Findings));
        Assert.True(explorer.States > 200 && explorer.Workloads.Sum(static done => done.Merges) > 0, Report.Of(explorer));
    }

    [Fact]
    public void No_failing_call_loses_what_was_acknowledged()
    {
        var seed = SeedSource.Or(SearchSeed) & 0xFFFFFF;
        var explorer = new FaultExplorer(new FaultLimits(seed, FaultsMax, TimeSpan.FromSeconds(25), Threads: Environment.ProcessorCount));
        explorer.Run();
        output.WriteLine(Report.Of(explorer));
        Assert.True(explorer.Findings.Count == 0, string.Join('\n', explorer.Findings));
        Assert.True(explorer.Faults > 100, Report.Of(explorer));
    }

    /// <remarks>
    /// A header, a claim or a directory that was made but not synced when its owner was killed is there for the successor. It must not
    /// rest anything on it that a later power cut takes away.
    /// </remarks>
    [Fact]
    public void What_a_killed_owner_had_not_synced_does_not_vanish_under_its_successor()
    {
        var run = RecordedRun.Workload(DirectedSeed, DirectedOperations);
        var tried = 0;
        for (var i = 0; i < run.Points.Count; i++)
        {
            if (run.Points[i].Call?.Kind != DiskCallKind.SyncDirectory) continue;
            var killed = CrashPath.None.Then(i, CrashChoice.Kill);
            var recovery = Recover(run.Points[i], DirectedSeed, killed);
            for (var j = 0; j < recovery.Points.Count; j += 3, tried++)
            {
                Recover(recovery.Points[j], DirectedSeed, killed.Then(j, 1));
                Recover(recovery.Points[j], DirectedSeed, killed.Then(j, 3));
            }
        }

        output.WriteLine($"{tried} pairs of crashes");
        Assert.True(tried > 500, $"{tried}");
    }

    /// <remarks>
    /// Of two names in a directory that are both not synced a power cut may keep the newer one alone. A claim that is missing below a newer one
    /// reads as lost, with all that was acknowledged under it.
    /// </remarks>
    [Fact]
    public void A_claim_that_a_killed_claimant_had_not_synced_does_not_vanish_below_the_next_one()
    {
        var run = RecordedRun.Workload(DirectedSeed, DirectedOperations);
        var tried = 0;
        for (var i = 0; i < run.Points.Count && tried < 1000; i++)
        {
            if (run.Points[i].Call is not { Kind: DiskCallKind.SyncDirectory } call || CallPlace.KindOf(call.Path) != FileKind.EpochDirectory) continue;
            var killed = CrashPath.None.Then(i, CrashChoice.Kill);
            var recovery = Recover(run.Points[i], DirectedSeed, killed);
            for (var j = 1; j < recovery.RecoveryPoints; j++)
            {
                if (recovery.Points[j - 1].Call is not { Kind: DiskCallKind.Link } link || CallPlace.KindOf(link.Path) != FileKind.Claim) continue;
                for (var outcome = CrashChoice.FirstDrawn; outcome < CrashChoice.FirstDrawn + 16; outcome++, tried++)
                    Recover(recovery.Points[j], DirectedSeed, killed.Then(j, outcome));
            }
        }

        output.WriteLine($"{tried} pairs of crashes");
        Assert.True(tried > 500, $"{tried}");
    }

    /// <remarks>Deletions of log files that a power cut undoes singly must not leave a log with a hole, which reads as damage.</remarks>
    [Fact]
    public void Log_files_that_come_back_after_a_power_cut_are_not_taken_for_damage()
    {
        var run = RecordedRun.Workload(RecyclingSeed, DirectedOperations);
        var tried = 0;
        for (var i = 0; i < run.Points.Count; i++)
        {
            var call = i == 0 ? null : run.Points[i - 1].Call;
            if (call?.Kind is not (DiskCallKind.Delete or DiskCallKind.Rename) || !call.Value.Path.EndsWith(".wal", StringComparison.Ordinal)) continue;
            for (var outcome = CrashChoice.FirstDrawn; outcome < CrashChoice.FirstDrawn + 12; outcome++, tried++)
                Recover(run.Points[i], RecyclingSeed, CrashPath.None.Then(i, outcome));
        }

        output.WriteLine($"{tried} crashes");
        Assert.True(tried > 100, $"{tried}");
    }

    /// <remarks>A directory whose creation was not synced, because that sync failed, exists at the next try and is not durable.</remarks>
    [Fact]
    public void A_failed_sync_of_a_directory_is_made_up_for_before_anything_in_it_counts()
    {
        var calls = FaultRun.CountCalls(DirectedSeed, 30);
        for (var call = 1L; call <= Math.Min(calls, 250); call++)
            Guard($"call {call}", () => FaultRun.Check(DirectedSeed, 30, new DiskFault(call, 1, DiskFault.InputOutput, LosesUnsynced: true)));
    }

    private static RecordedRun Recover(CrashPoint point, long seed, CrashPath path) =>
        Guard($"seed {seed}, crash {path}", () => RecordedRun.Recovery(point, seed, path));

    private static T Guard<T>(string where, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception failure)
        {
            throw new InvalidOperationException($"{where}: {failure.Message}", failure);
        }
    }
}
