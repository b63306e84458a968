using System.Collections.Concurrent;
using System.Diagnostics;
using EntityActors.Simulation.Tests.Disk;
using EntityActors.Simulation.Tests.Model;
using EntityActors.Simulation.Tests.Stores;

namespace EntityActors.Simulation.Tests.Exploration;

/// <param name="Seed">Of the first workload; further ones follow when all outcomes of one are explored.</param>
/// <param name="States">Crash states to explore, over all depths.</param>
/// <param name="Time">Ends the exploration earlier.</param>
/// <param name="Depth">Crashes in a row: 1 is no crash during a recovery.</param>
/// <param name="Threads">Workers; the states explored do not depend on them, only their order.</param>
internal sealed record ExplorationLimits(long Seed, long States, TimeSpan Time, int Operations = 2000, int Depth = 3, int Threads = 2)
{
    /// <summary>Outcomes tried at each point of a workload: kill, four fixed ones, the rest drawn.</summary>
    public int OutcomesPerPoint { get; init; } = 12;

    /// <summary>One in so many recoveries is crashed at each of its points, the others at one of them.</summary>
    public int ExhaustiveRecoveryInterval { get; init; } = 200;
}

/// <summary>A broken promise, with what replays it alone.</summary>
internal sealed record ExplorationFinding(long Seed, CrashPath Path, string Call, string Sentence)
{
    public override string ToString() => $"seed {Seed}, crash {Path} (before {Call}): {Sentence}";
}

/// <summary>Runs a workload once and tries what every crash of it leaves behind.</summary>
internal sealed class CrashExplorer(ExplorationLimits limits)
{
    private const int FindingsMax = 20;

    private readonly ConcurrentQueue<ExplorationFinding> _findings = new();
    private readonly Stopwatch _clock = new();
    private readonly long[] _statesByDepth = new long[limits.Depth];
    private readonly ConcurrentDictionary<(int Point, ulong Fingerprint), bool> _seen = [];
    private long _states;
    private long _same;

    public long States => Math.Min(_states, limits.States);

    public IReadOnlyList<long> StatesByDepth => _statesByDepth;

    /// <summary>Outcomes that left the same disk as another one at the same point.</summary>
    public long Same => _same;

    public int Workloads { get; private set; }

    /// <summary>Crash points of the workloads that were tried with at least one outcome.</summary>
    public long Points { get; private set; }

    public TimeSpan Elapsed => _clock.Elapsed;

    public IReadOnlyCollection<ExplorationFinding> Findings => _findings;

    private bool IsOver => Volatile.Read(ref _states) >= limits.States || _clock.Elapsed >= limits.Time || _findings.Count >= FindingsMax;

    public void Run()
    {
        _clock.Start();
        for (var seed = limits.Seed; !IsOver; seed++)
        {
            var workload = RecordedRun.Workload(seed, limits.Operations);
            Workloads++;
            _seen.Clear();
            for (var round = 0; round < limits.OutcomesPerPoint && !IsOver; round++) Explore(workload, seed, round);
        }

        _clock.Stop();
    }

    /// <summary>Replays one path, tells what lies on the disk after each crash, and throws what it meets.</summary>
    public static void Replay(long seed, int operations, CrashPath path, Action<string> report)
    {
        var run = RecordedRun.Workload(seed, operations);
        var taken = CrashPath.None;
        foreach (var step in path.Steps)
        {
            taken = taken.Then(step.Point, step.Outcome);
            var point = run.Points[step.Point];
            report($"crash {taken} before {point.Call}, promised {string.Join(' ', point.Promises.Select(promise => $"{promise.Acknowledged}-{promise.Submitted}"))}");
            report(DiskListing.Of(RecordedRun.DiskAfter(point, seed, taken)));
            run = RecordedRun.Recovery(point, seed, taken);
        }
    }

    /// <summary>Each point with one outcome: another at each round, and different ones at neighbours, so that a short run sees all kinds.</summary>
    private void Explore(RecordedRun workload, long seed, int round)
    {
        var points = Enumerable.Range(0, workload.Points.Count).ToArray();
        CrashPath.None.RandomFor(seed, purpose: 10 + round).Shuffle(points);
        var next = -1;
        var tried = 0;
        var workers = new Thread[limits.Threads];
        for (var i = 0; i < workers.Length; i++)
        {
            workers[i] = new Thread(() =>
            {
                while (!IsOver && Interlocked.Increment(ref next) is var index && index < points.Length)
                {
                    Interlocked.Increment(ref tried);
                    Crash(workload, seed, CrashPath.None.Then(points[index], (points[index] + round) % limits.OutcomesPerPoint));
                }
            });
            workers[i].Start();
        }

        foreach (var worker in workers) worker.Join();
        if (round == 0) Points += tried;
    }

    private void Crash(RecordedRun run, long seed, CrashPath path)
    {
        var step = path.Steps[^1];
        var point = run.Points[step.Point];
        RecordedRun recovery;
        try
        {
            if (path.Steps.Count == 1 && step.Outcome != CrashChoice.Kill && IsSeen(point, seed, path)) return;
            Interlocked.Increment(ref _states);
            Interlocked.Increment(ref _statesByDepth[path.Steps.Count - 1]);
            recovery = RecordedRun.Recovery(point, seed, path);
        }
        catch (Exception failure)
        {
            _findings.Enqueue(new ExplorationFinding(seed, path, point.Call is { } call ? $"{call.Kind} {call.Path}" : "the end",
                failure is SimulationViolation ? failure.Message : failure.ToString()));
            return;
        }

        if (path.Steps.Count == limits.Depth) return;
        foreach (var (next, outcome) in Following(recovery, path.RandomFor(seed, purpose: 4), path.Steps.Count))
        {
            if (IsOver) return;
            Crash(recovery, seed, path.Then(next, outcome));
        }
    }

    private IEnumerable<(int Point, int Outcome)> Following(RecordedRun recovery, Random random, int depth)
    {
        if (random.Next(limits.ExhaustiveRecoveryInterval) == 0)
        {
            for (var point = 0; point < recovery.Points.Count; point++) yield return (point, random.Next(CrashChoice.FirstDrawn + 3));
            yield break;
        }

        // Not each recovery is crashed: what it was compared with is worth more breadth.
        if (random.Next(depth + 1) != 0) yield break;
        var last = random.Next(3) == 0 ? recovery.Points.Count : recovery.RecoveryPoints;
        yield return (random.Next(last), random.Next(CrashChoice.FirstDrawn + 3));
    }

    private bool IsSeen(CrashPoint point, long seed, CrashPath path)
    {
        var step = path.Steps[0];
        var disk = RecordedRun.DiskAfter(point, seed, path);
        // The same disk under other promises is another state; the point stands for the promises.
        if (_seen.TryAdd((step.Point, disk.Fingerprint()), true)) return false;
        Interlocked.Increment(ref _same);
        return true;
    }
}
