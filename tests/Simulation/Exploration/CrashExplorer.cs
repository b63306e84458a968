using System.Collections.Concurrent;
using System.Diagnostics;

namespace EntityActors.Simulation.Tests.Exploration;

/// <param name="Seed">Of the first workload; further ones follow. The seed also chooses the family.</param>
/// <param name="States">Distinct crash states to explore, over all depths.</param>
/// <param name="Time">Ends the exploration earlier.</param>
/// <param name="Depth">Crashes in a row: 1 is no crash during a recovery.</param>
/// <param name="Threads">Workers, each with workloads of its own: what is explored of a seed does not depend on them.</param>
internal sealed record ExplorationLimits(long Seed, long States, TimeSpan Time, int Operations = ExplorationLimits.OperationsDefault, int Depth = 3,
    int Threads = 2)
{
    /// <summary>Long enough that files fill up, rotate, merge and go; short enough that a recovery is cheap.</summary>
    public const int OperationsDefault = 160;

    public const int TwiceIntervalDefault = 8;

    /// <summary>Outcomes tried at each point of a workload: kill, four fixed ones, the rest drawn.</summary>
    public int OutcomesPerPoint { get; init; } = 12;

    /// <summary>Distinct states after which the next workload begins.</summary>
    public long StatesPerWorkload { get; init; } = 10_000;

    /// <summary>One in so many states is recovered twice.</summary>
    public int TwiceInterval { get; init; } = TwiceIntervalDefault;

    /// <summary>Workloads after which the search ends.</summary>
    public long WorkloadsMax { get; init; } = long.MaxValue;

    /// <summary>Findings that end the search.</summary>
    public int FindingsMax { get; init; } = 20;
}

/// <summary>A broken promise, with what replays it alone.</summary>
internal sealed record ExplorationFinding(long Seed, int Operations, CrashPath Path, string Call, string Sentence)
{
    public override string ToString() => $"seed {Seed}, crash {Path} (before {Call}): {Sentence}\n  crashes --seed {Seed} --operations {Operations} --crash {Path}";
}

/// <summary>Runs workloads and tries what crashes of them leave behind.</summary>
/// <param name="progress">Told of each finding at once, and now and then how far the search has come.</param>
internal sealed class CrashExplorer(ExplorationLimits limits, Action<string>? progress = null)
{
    private const int WorkloadsPerReport = 10;

    private readonly ConcurrentQueue<ExplorationFinding> _findings = new();
    private readonly ConcurrentQueue<WorkloadExploration> _done = new();
    private readonly Stopwatch _clock = new();
    private readonly long[] _statesByDepth = new long[limits.Depth];
    private long _lastSeed = limits.Seed - 1;
    private long _states;
    private long _same;

    public ExplorationLimits Limits { get; } = limits;

    /// <summary>Distinct crash states: each was recovered and fully checked.</summary>
    public long States => Volatile.Read(ref _states);

    public IReadOnlyList<long> StatesByDepth => _statesByDepth;

    /// <summary>Crashes that left the same disk, promises and time as another one of the same workload; they were not recovered again.</summary>
    public long Same => Volatile.Read(ref _same);

    /// <summary>What was tried of each workload.</summary>
    public IReadOnlyCollection<WorkloadExploration> Workloads => _done;

    public TimeSpan Elapsed => _clock.Elapsed;

    public IReadOnlyCollection<ExplorationFinding> Findings => _findings;

    internal bool IsOver => States >= Limits.States || _clock.Elapsed >= Limits.Time || _findings.Count >= Limits.FindingsMax;

    public void Run()
    {
        _clock.Start();
        var workers = new Thread[Limits.Threads];
        for (var i = 0; i < workers.Length; i++)
        {
            workers[i] = new Thread(Work);
            workers[i].Start();
        }

        foreach (var worker in workers) worker.Join();
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

    internal void Count(int depth)
    {
        Interlocked.Increment(ref _states);
        Interlocked.Increment(ref _statesByDepth[depth - 1]);
    }

    internal void CountSame() => Interlocked.Increment(ref _same);

    internal void Found(ExplorationFinding finding)
    {
        _findings.Enqueue(finding);
        progress?.Invoke(finding.ToString());
    }

    private void Work()
    {
        while (!IsOver)
        {
            var seed = Interlocked.Increment(ref _lastSeed);
            if (seed - Limits.Seed >= Limits.WorkloadsMax) return;
            var exploration = new WorkloadExploration(this, seed);
            exploration.Run();
            _done.Enqueue(exploration);
            if (_done.Count % WorkloadsPerReport == 0) progress?.Invoke(Report.Of(this));
        }
    }
}
