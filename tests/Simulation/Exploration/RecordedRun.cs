using EntityActors.Simulation.Tests.Disk;
using EntityActors.Simulation.Tests.Model;
using EntityActors.Simulation.Tests.Stores;
using EntityActors.Storage.Integrity;

namespace EntityActors.Simulation.Tests.Exploration;

/// <summary>One process from its start, with every point at which it may crash.</summary>
internal sealed class RecordedRun
{
    private const int StepsAfterCrashMax = 4;

    private readonly List<CrashPoint> _points = [];
    private readonly SimulatedStore _store;

    private RecordedRun(SimulatedStore store)
    {
        _store = store;
        store.Files.BeforeChange = (call, disk) => _points.Add(new CrashPoint(call, disk, store.Promises, store.Time.GetUtcNow()));
    }

    public IReadOnlyList<CrashPoint> Points => _points;

    /// <summary>Points of the start alone, before any client was served.</summary>
    public int RecoveryPoints { get; private set; }

    public ulong Trace => _store.Files.Trace;

    /// <summary>Merges of segments that were committed.</summary>
    public int Merges => _store.Merges;

    /// <summary>Whether any call failed.</summary>
    public bool HasFailed => _store.Files.HasFailed;

    public long Calls => _store.Files.Calls;

    /// <summary>A new store and a number of operations on it.</summary>
    public static RecordedRun Workload(long seed, int operations)
    {
        var family = WorkloadFamily.Of(seed);
        var store = new SimulatedStore(family, DiskState.Empty, SimulatedStore.NoPromises, SimulationOptions.Start, CrashPath.None.RandomFor(seed, purpose: 1));
        var run = new RecordedRun(store);
        store.Files.IsTraced = true;
        store.Files.FaultRandom = CrashPath.None.RandomFor(seed, purpose: 8);
        run.Open();
        var activity = new StoreActivity(store);
        for (var i = 0; i < operations; i++)
        {
            try
            {
                if (family.FillsDisk && store.Random.Next(12) == 0) run.FillDisk();
                _ = Supervision.Attempt(store, activity.Step);
            }
            catch (Exception failure)
            {
                throw new SimulationViolation($"operation {i} without any crash: {failure}");
            }
        }

        store.Files.Fault = null;
        _ = Supervision.Attempt(store, () => store.Compare(isThorough: true));
        run.End();
        return run;
    }

    /// <summary>What follows a crash: inspection, recovery, comparison, retries and some operations.</summary>
    /// <param name="twiceInterval">One in so many disks is recovered twice, and what was recovered once more. It changes nothing else.</param>
    public static RecordedRun Recovery(CrashPoint point, long seed, CrashPath path, DiskState disk, SegmentVerdicts verdicts, int twiceInterval)
    {
        var family = WorkloadFamily.Of(seed);
        return Recovery(family, disk, point, path.RandomFor(seed, purpose: 3), isSpaceChecked: !family.FillsDisk, verdicts,
            path.RandomFor(seed, purpose: 12).Next(twiceInterval) == 0 ? path.RandomFor(seed, purpose: 3) : null);
    }

    public static RecordedRun Recovery(CrashPoint point, long seed, CrashPath path) =>
        Recovery(point, seed, path, DiskAfter(point, seed, path), new SegmentVerdicts(), twiceInterval: 1);

    /// <summary>What the last crash of the path leaves.</summary>
    public static DiskState DiskAfter(CrashPoint point, long seed, CrashPath path)
    {
        var outcome = path.Steps[^1].Outcome;
        return outcome == CrashChoice.Kill ? point.Disk : point.Disk.Cut(CrashChoice.Of(outcome, path.RandomFor(seed, purpose: 2)));
    }

    /// <param name="isSpaceChecked">Whether everything that is no longer needed must be gone in the end; failing calls may leave something.</param>
    /// <param name="again">The same generator once more, to recover the same disk a second time.</param>
    public static RecordedRun Recovery(WorkloadFamily family, DiskState disk, CrashPoint point, Random random, bool isSpaceChecked,
        SegmentVerdicts? verdicts = null, Random? again = null)
    {
        Inspect(disk, isStore: point.Promises.Any(promise => promise.Acknowledged > 0), verdicts ?? new SegmentVerdicts());
        var store = new SimulatedStore(family, disk, point.Promises, point.Wall, random);
        var run = new RecordedRun(store);
        run.Open();
        if (again is not null) run.RecoverTwice(disk, point, again);
        store.Compare(isThorough: random.Next(8) == 0);
        var activity = new StoreActivity(store);
        activity.AfterCrash();
        for (var i = random.Next(StepsAfterCrashMax); i > 0; i--) activity.Step();
        if (random.Next(12) == 0 && isSpaceChecked) activity.Settle();
        run.End();
        return run;
    }

    /// <summary>Reads the whole disk as it lies and fails on any damage.</summary>
    private static void Inspect(DiskState disk, bool isStore, SegmentVerdicts verdicts)
    {
        var files = new SimulatedFileSystem(disk);
        if (!isStore && !files.FileExists("/data/store.json")) return;
        try
        {
            _ = StoreInspector.Inspect(files, SimulationOptions.DataDirectory, finding => SimulationViolation.Unless(
                finding.Severity != Severity.Damage, $"the inspector finds damage in {finding.Path}: {finding.Sentence}"), null,
                (path, info) => verdicts.IsWhole(files, path, info));
            verdicts.Accept();
        }
        finally
        {
            verdicts.Reject();
        }
    }

    /// <summary>The same disk recovered a second time must come to the same bytes, and what was recovered must be recovered from there on.</summary>
    private void RecoverTwice(DiskState disk, CrashPoint point, Random random)
    {
        var second = new SimulatedStore(_store.Family, disk, point.Promises, point.Wall, random);
        second.Open();
        SimulationViolation.Unless(second.Files.State.Digest() == _store.Files.State.Digest(), $"a second recovery of the same disk leaves other bytes");
        // Killed as soon as it serves: every event that it may have shown is promised, and none may appear beside them.
        var third = new SimulatedStore(_store.Family, _store.Files.State, second.Promises, second.Time.GetUtcNow(), random);
        third.Open();
    }

    private void FillDisk() => _store.Files.Fault =
        new DiskFault(_store.Files.Calls + 1 + _store.Random.Next(40), 1 + _store.Random.Next(40), DiskFault.NoSpace, LosesUnsynced: false);

    private void Open()
    {
        _store.Open();
        RecoveryPoints = _points.Count;
    }

    private void End() => _points.Add(new CrashPoint(null, _store.Files.State, _store.Promises, _store.Time.GetUtcNow()));
}
