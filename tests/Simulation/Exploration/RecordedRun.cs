using EntityActors.Simulation.Tests.Disk;
using EntityActors.Simulation.Tests.Stores;
using EntityActors.Storage.Integrity;
using EntityActors.Simulation.Tests.Model;

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

    public long Calls => _store.Files.Calls;

    /// <summary>A new store and a number of operations on it.</summary>
    public static RecordedRun Workload(long seed, int operations)
    {
        var store = new SimulatedStore(DiskState.Empty, SimulatedStore.NoPromises, SimulationOptions.Start, CrashPath.None.RandomFor(seed, purpose: 1));
        var run = new RecordedRun(store);
        store.Files.IsTraced = true;
        run.Open();
        var activity = new StoreActivity(store);
        for (var i = 0; i < operations; i++)
        {
            try
            {
                activity.Step();
            }
            catch (Exception failure)
            {
                throw new SimulationViolation($"operation {i} without any crash: {failure}");
            }
        }

        store.Compare(isThorough: true);
        run.End();
        return run;
    }

    /// <summary>What follows a crash: inspection, recovery, comparison, retries and some operations.</summary>
    public static RecordedRun Recovery(CrashPoint point, long seed, CrashPath path) =>
        Recovery(DiskAfter(point, seed, path), point, path.RandomFor(seed, purpose: 3), isSpaceChecked: true);

    /// <summary>What the last crash of the path leaves.</summary>
    public static DiskState DiskAfter(CrashPoint point, long seed, CrashPath path)
    {
        var outcome = path.Steps[^1].Outcome;
        return outcome == CrashChoice.Kill ? point.Disk : point.Disk.Cut(CrashChoice.Of(outcome, path.RandomFor(seed, purpose: 2)));
    }

    /// <param name="isSpaceChecked">Whether everything that is no longer needed must be gone in the end; failing calls may leave something.</param>
    public static RecordedRun Recovery(DiskState disk, CrashPoint point, Random random, bool isSpaceChecked)
    {
        var store = new SimulatedStore(disk, point.Promises, point.Wall, random);
        var run = new RecordedRun(store);
        run.Open();
        store.Compare(isThorough: random.Next(8) == 0);
        var activity = new StoreActivity(store);
        activity.AfterCrash();
        for (var i = random.Next(StepsAfterCrashMax); i > 0; i--) activity.Step();
        if (random.Next(12) == 0 && isSpaceChecked) activity.Settle();
        run.End();
        Inspect(disk, isStore: point.Promises.Any(promise => promise.Acknowledged > 0));
        return run;
    }

    /// <summary>Reads the whole disk as it lies and fails on any damage.</summary>
    public static void Inspect(DiskState disk, bool isStore)
    {
        var files = new SimulatedFileSystem(disk);
        if (!isStore && !files.FileExists("/data/store.json")) return;
        _ = StoreInspector.Inspect(files, SimulationOptions.Store.DataDirectory, finding => SimulationViolation.Unless(
            finding.Severity != Severity.Damage, $"the inspector finds damage in {finding.Path}: {finding.Sentence}"), null);
    }

    private void Open()
    {
        _store.Open();
        RecoveryPoints = _points.Count;
    }

    private void End() => _points.Add(new CrashPoint(null, _store.Files.State, _store.Promises, _store.Time.GetUtcNow()));
}
