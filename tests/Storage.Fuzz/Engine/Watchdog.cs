using System.Diagnostics;

namespace EntityActors.Storage.Fuzz.Engine;

/// <summary>Ends the process when one execution takes too long: nothing else stops a loop of managed code.</summary>
/// <remarks>Counts processor time, since a busy machine may keep a sound execution waiting; one that waits itself is found by the clock.</remarks>
internal sealed class Watchdog : IDisposable
{
    private static readonly TimeSpan CpuMax = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(200);

    private readonly Action _hung;
    private readonly Timer _timer;
    private long _execution;
    private long _seen;
    private TimeSpan _cpuAtStart;
    private long _startedAt;

    /// <param name="hung">Called on another thread; must not return.</param>
    public Watchdog(Action hung)
    {
        _hung = hung;
        _timer = new Timer(_ => Look(), null, Period, Period);
    }

    /// <summary>An execution begins or ends here.</summary>
    public void Step() => Volatile.Write(ref _execution, _execution + 1);

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        var execution = Volatile.Read(ref _execution);
        var cpu = Environment.CpuUsage.TotalTime;
        // Between executions the number is even.
        if (execution != _seen || execution % 2 == 0)
        {
            (_seen, _cpuAtStart, _startedAt) = (execution, cpu, Stopwatch.GetTimestamp());
            return;
        }

        if (cpu - _cpuAtStart > CpuMax || Stopwatch.GetElapsedTime(_startedAt) > WaitMax) _hung();
    }
}
