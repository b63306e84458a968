using System.Collections.Concurrent;
using System.Diagnostics;
using EntityActors.Simulation.Tests.Disk;
using EntityActors.Simulation.Tests.Model;

namespace EntityActors.Simulation.Tests.Exploration;

/// <param name="Seed">Of the first workload; further ones follow.</param>
/// <param name="Faults">Faulty runs.</param>
/// <param name="Time">Ends the exploration earlier.</param>
internal sealed record FaultLimits(long Seed, long Faults, TimeSpan Time, int Operations = FaultLimits.OperationsDefault, int Threads = 2)
{
    public const int OperationsDefault = 60;

    /// <summary>Findings that end the search.</summary>
    public int FindingsMax { get; init; } = 20;
}

/// <summary>A broken promise after a failed call, with what replays it alone.</summary>
internal sealed record FaultFinding(long Seed, int Operations, int Kind, DiskFault Fault, string Sentence)
{
    public override string ToString() => $"seed {Seed}, call {Fault.First} and {Fault.Count - 1} more fail with errno {Fault.ErrorNumber}"
        + $"{(Fault.LosesUnsynced ? ", losing what was not synced" : "")}: {Sentence}\n"
        + $"  faults --seed {Seed} --operations {Operations} --call {Fault.First} --kind {Kind}";
}

/// <summary>Fails each call of a workload in turn, in several ways.</summary>
internal sealed class FaultExplorer(FaultLimits limits)
{
    private readonly ConcurrentQueue<FaultFinding> _findings = new();
    private readonly Stopwatch _clock = new();
    private long _faults;
    private long _crashes;

    public long Faults => _faults;

    public long Crashes => _crashes;

    public int Workloads { get; private set; }

    public TimeSpan Elapsed => _clock.Elapsed;

    public IReadOnlyCollection<FaultFinding> Findings => _findings;

    private bool IsOver => Volatile.Read(ref _faults) >= limits.Faults || _clock.Elapsed >= limits.Time || _findings.Count >= limits.FindingsMax;

    /// <summary>The ways in which a call can fail: alone or with the next ones, with and without losing the dirty pages, for lack of room.</summary>
    public static IReadOnlyList<DiskFault> At(long call) =>
    [
        new DiskFault(call, 1, DiskFault.InputOutput, LosesUnsynced: true),
        new DiskFault(call, 1, DiskFault.InputOutput, LosesUnsynced: false),
        new DiskFault(call, 4, DiskFault.InputOutput, LosesUnsynced: true),
        new DiskFault(call, 1, DiskFault.NoSpace, LosesUnsynced: false),
        new DiskFault(call, 25, DiskFault.NoSpace, LosesUnsynced: false),
    ];

    public void Run()
    {
        _clock.Start();
        for (var seed = limits.Seed; !IsOver; seed++)
        {
            var calls = Enumerable.Range(1, (int)FaultRun.CountCalls(seed, limits.Operations)).ToArray();
            CrashPath.None.RandomFor(seed, purpose: 9).Shuffle(calls);
            Workloads++;
            var next = -1;
            var number = seed;
            var workers = new Thread[limits.Threads];
            for (var i = 0; i < workers.Length; i++)
            {
                workers[i] = new Thread(() =>
                {
                    while (!IsOver && Interlocked.Increment(ref next) is var index && index < calls.Length) Check(number, calls[index]);
                });
                workers[i].Start();
            }

            foreach (var worker in workers) worker.Join();
        }

        _clock.Stop();
    }

    /// <summary>Fails one call, in one of the ways of <see cref="At"/> or in each, and throws what it meets.</summary>
    public static void Replay(long seed, int operations, long call, int kind, Action<string> report)
    {
        var faults = At(call);
        for (var i = 0; i < faults.Count; i++)
        {
            if (kind >= 0 && i != kind) continue;
            var states = FaultRun.Check(seed, operations, faults[i]);
            report($"kind {i}, {faults[i]}: {(states > 0 ? $"{states} crash states after it" : "nothing failed")}");
        }
    }

    private void Check(long seed, long call)
    {
        var kind = -1;
        foreach (var fault in At(call))
        {
            kind++;
            if (IsOver) return;
            Interlocked.Increment(ref _faults);
            try
            {
                Interlocked.Add(ref _crashes, FaultRun.Check(seed, limits.Operations, fault));
            }
            catch (Exception failure)
            {
                _findings.Enqueue(new FaultFinding(seed, limits.Operations, kind, fault, failure is SimulationViolation ? failure.Message : failure.ToString()));
            }
        }
    }
}
