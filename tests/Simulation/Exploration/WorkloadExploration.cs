using System.Numerics;
using EntityActors.Simulation.Tests.Disk;
using EntityActors.Simulation.Tests.Model;
using EntityActors.Simulation.Tests.Stores;

namespace EntityActors.Simulation.Tests.Exploration;

/// <summary>One workload, run once, and the crashes of it. Deterministic as long as neither the time nor the states of the whole search run out.</summary>
internal sealed class WorkloadExploration(CrashExplorer explorer, long seed)
{
    /// <summary>One in so many recoveries is crashed at each of its points, the others at one of them.</summary>
    private const int ExhaustiveRecoveryInterval = 400;

    private readonly ExplorationLimits _limits = explorer.Limits;
    private readonly HashSet<ulong> _seen = [];
    private readonly SegmentVerdicts _verdicts = new();
    private readonly HashSet<CallPlace> _made = [];
    private readonly HashSet<CallPlace> _crashed = [];

    public long Seed { get; } = seed;

    public WorkloadFamily Family { get; } = WorkloadFamily.Of(seed);

    /// <summary>Distinct states of this workload.</summary>
    public long States { get; private set; }

    /// <summary>Crashes that left one of those states again.</summary>
    public long Same { get; private set; }

    /// <summary>Crash points of the workload that were tried with at least one outcome.</summary>
    public int Points { get; private set; }

    /// <summary>What the workload, and the recoveries that may be crashed, did to the disk.</summary>
    public IReadOnlySet<CallPlace> Made => _made;

    /// <summary>What a crash came before.</summary>
    public IReadOnlySet<CallPlace> Crashed => _crashed;

    /// <summary>Merges of segments in the workload itself.</summary>
    public int Merges { get; private set; }

    /// <summary>Whether calls of the workload failed.</summary>
    public bool HasFailed { get; private set; }

    private bool IsOver => States >= _limits.StatesPerWorkload || explorer.IsOver;

    public void Run()
    {
        RecordedRun workload;
        try
        {
            workload = RecordedRun.Workload(Seed, _limits.Operations);
        }
        catch (SimulationViolation violation)
        {
            explorer.Found(new ExplorationFinding(Seed, _limits.Operations, CrashPath.None, "no crash", violation.Message));
            return;
        }

        AddMade(workload);
        (Merges, HasFailed) = (workload.Merges, workload.HasFailed);
        // Each point with one outcome before any has a second one: another at each round, and different ones at neighbours.
        for (var round = 0; round < _limits.OutcomesPerPoint && !IsOver; round++)
        {
            var points = Enumerable.Range(0, workload.Points.Count).ToArray();
            CrashPath.None.RandomFor(Seed, purpose: 10 + round).Shuffle(points);
            foreach (var point in points)
            {
                if (IsOver) return;
                if (round == 0) Points++;
                Crash(workload, CrashPath.None.Then(point, (point + round) % _limits.OutcomesPerPoint));
            }
        }
    }

    private void Crash(RecordedRun run, CrashPath path)
    {
        var point = run.Points[path.Steps[^1].Point];
        RecordedRun recovery;
        try
        {
            if (point.Call is { } before) _crashed.Add(CallPlace.Of(before));
            var disk = RecordedRun.DiskAfter(point, Seed, path);
            if (IsSeen(point, disk))
            {
                Same++;
                explorer.CountSame();
                return;
            }

            States++;
            explorer.Count(path.Steps.Count);
            recovery = RecordedRun.Recovery(point, Seed, path, disk, _verdicts, _limits.TwiceInterval);
        }
        catch (Exception failure)
        {
            explorer.Found(new ExplorationFinding(Seed, _limits.Operations, path, point.Call is { } call ? $"{call.Kind} {call.Path}" : "the end",
                failure is SimulationViolation ? failure.Message : failure.ToString()));
            return;
        }

        if (path.Steps.Count == _limits.Depth) return;
        AddMade(recovery);
        foreach (var (next, outcome) in Following(recovery, path.RandomFor(Seed, purpose: 4), path.Steps.Count))
        {
            if (IsOver) return;
            Crash(recovery, path.Then(next, outcome));
        }
    }

    private IEnumerable<(int Point, int Outcome)> Following(RecordedRun recovery, Random random, int depth)
    {
        // What nothing was crashed at so far comes first.
        for (var point = 0; point < recovery.Points.Count; point++)
        {
            if (recovery.Points[point].Call is { } call && !_crashed.Contains(CallPlace.Of(call))) yield return (point, random.Next(CrashChoice.FirstDrawn + 3));
        }

        if (random.Next(ExhaustiveRecoveryInterval) == 0)
        {
            for (var point = 0; point < recovery.Points.Count; point++) yield return (point, random.Next(CrashChoice.FirstDrawn + 3));
            yield break;
        }

        // Not each recovery is crashed: what it was compared with is worth more breadth.
        if (random.Next(depth + 1) != 0) yield break;
        var last = random.Next(3) == 0 ? recovery.Points.Count : recovery.RecoveryPoints;
        yield return (random.Next(last), random.Next(CrashChoice.FirstDrawn + 3));
    }

    private void AddMade(RecordedRun run)
    {
        foreach (var point in run.Points)
        {
            if (point.Call is { } call) _made.Add(CallPlace.Of(call));
        }
    }

    /// <summary>Whether the same bytes were recovered under the same promises at the same time. A disk with anything unsynced is like no other.</summary>
    private bool IsSeen(CrashPoint point, DiskState disk)
    {
        if (!disk.IsDurable) return false;
        var hash = disk.Digest();
        Add((ulong)point.Wall.Ticks);
        foreach (var promise in point.Promises)
        {
            Add(promise.Shard.DigestOf(promise.Submitted));
            Add((ulong)promise.Acknowledged);
            Add((ulong)promise.Answered.Nanoseconds);
        }

        return !_seen.Add(hash);

        void Add(ulong value) => hash = BitOperations.RotateLeft((hash ^ value) * 0x9E3779B97F4A7C15, 29);
    }
}
