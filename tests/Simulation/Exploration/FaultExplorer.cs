using System.Collections.Concurrent;
using System.Diagnostics;
using EntityActors.Simulation.Tests.Disk;
using EntityActors.Simulation.Tests.Model;

namespace EntityActors.Simulation.Tests.Exploration;

/// <param name="Seed">Of the first workload; further ones follow.</param>
/// <param name="Faults">Faulty runs.</param>
/// <param name="Time">Ends the exploration earlier.</param>
internal sealed record FaultLimits(long Seed, long Faults, TimeSpan Time, int Operations = 60, int Threads = 2);

/// <summary>A broken promise after a failed call, with what replays it alone.</summary>
internal sealed record FaultFinding(long Seed, DiskFault Fault, string Sentence)
{
    public override string ToString() => $"seed {Seed}, call {Fault.First} and {Fault.Count - 1} more fail with errno {Fault.ErrorNumber}"
        + $"{(Fault.LosesUnsynced ? ", losing what was not synced" : "")}: {Sentence}";
}

/// <summary>Fails each call of a workload in turn, in several ways.</summary>
internal sealed class FaultExplorer(FaultLimits limits)
{
    private const int FindingsMax = 20;

    private readonly ConcurrentQueue<FaultFinding> _findings = new();
    private readonly Stopwatch _clock = new();
    private long _faults;
    private long _crashes;

    public long Faults => _faults;

    public long Crashes => _crashes;

    public int Workloads { get; private set; }

    public TimeSpan Elapsed => _clock.Elapsed;

    public IReadOnlyCollection<FaultFinding> Findings => _findings;

    private bool IsOver => Volatile.Read(ref _faults) >= limits.Faults || _clock.Elapsed >= limits.Time || _findings.Count >= FindingsMax;

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

    private void Check(long seed, long call)
    {
        foreach (var fault in At(call))
        {
            if (IsOver) return;
            Interlocked.Increment(ref _faults);
            try
            {
                Interlocked.Add(ref _crashes, FaultRun.Check(seed, limits.Operations, fault));
            }
            catch (Exception failure)
            {
                _findings.Enqueue(new FaultFinding(seed, fault, failure is SimulationViolation ? failure.Message : failure.ToString()));
            }
        }
    }
}
