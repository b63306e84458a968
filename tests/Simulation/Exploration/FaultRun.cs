using EntityActors.Simulation.Tests.Disk;
using EntityActors.Simulation.Tests.Stores;

namespace EntityActors.Simulation.Tests.Exploration;

/// <summary>One process whose disk refuses some calls, supervised as shards are, and what crashes of it leave.</summary>
internal static class FaultRun
{
    /// <summary>Calls that the same run makes when none fails.</summary>
    public static long CountCalls(long seed, int operations)
    {
        var store = Run(seed, operations, null, []);
        return store.Files.Calls;
    }

    /// <summary>Throws when a promise is broken during the faulty run or after a crash of it.</summary>
    /// <returns>Number of crash states that were tried.</returns>
    public static int Check(long seed, int operations, DiskFault fault)
    {
        var points = new List<CrashPoint>();
        var store = Run(seed, operations, fault, points);
        if (!store.Files.HasFailed) return 0;
        points.Add(new CrashPoint(null, store.Files.State, store.Promises, store.Time.GetUtcNow()));
        var path = CrashPath.None.Then((int)fault.First, fault.ErrorNumber);
        var random = path.RandomFor(seed, purpose: 5);
        // At the end with nothing and with everything kept, and at a moment in between.
        Crash(points[^1], 1);
        Crash(points[^1], CrashChoice.Kill);
        Crash(points[random.Next(points.Count)], CrashChoice.FirstDrawn + 1);
        return 3;

        void Crash(CrashPoint point, int outcome)
        {
            var crash = path.Then(0, outcome);
            var disk = outcome == CrashChoice.Kill ? point.Disk : point.Disk.Cut(CrashChoice.Of(outcome, crash.RandomFor(seed, purpose: 6)));
            _ = RecordedRun.Recovery(WorkloadFamily.Of(seed), disk, point, crash.RandomFor(seed, purpose: 7), isSpaceChecked: false);
        }
    }

    private static SimulatedStore Run(long seed, int operations, DiskFault? fault, List<CrashPoint> points)
    {
        var random = CrashPath.None.RandomFor(seed, purpose: 1);
        var store = new SimulatedStore(WorkloadFamily.Of(seed), DiskState.Empty, SimulatedStore.NoPromises, SimulationOptions.Start, random);
        store.Files.Fault = fault;
        store.Files.FaultRandom = CrashPath.None.RandomFor(seed, purpose: 8);
        store.Files.BeforeChange = (call, disk) =>
        {
            if (call.Number >= fault?.First) points.Add(new CrashPoint(call, disk, store.Promises, store.Time.GetUtcNow()));
        };
        var activity = new StoreActivity(store);
        _ = Supervision.Attempt(store, store.Open);
        for (var i = 0; i < operations; i++) _ = Supervision.Attempt(store, activity.Step);
        _ = Supervision.Attempt(store, () => store.Compare(isThorough: true));
        return store;
    }
}
