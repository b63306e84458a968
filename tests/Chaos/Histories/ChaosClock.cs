using System.Diagnostics;

namespace EntityActors.Chaos.Histories;

/// <summary>The one monotonic clock of a run. No two readings are equal, so calls and returns have one order. Thread-safe.</summary>
public sealed class ChaosClock
{
    private readonly long _origin = Stopwatch.GetTimestamp();
    private long _last;

    /// <summary>Ticks since the run began, from 1.</summary>
    public long Now()
    {
        var read = Stopwatch.GetTimestamp() - _origin;
        while (true)
        {
            var last = Volatile.Read(ref _last);
            var next = Math.Max(read, last + 1);
            if (Interlocked.CompareExchange(ref _last, next, last) == last) return next;
        }
    }

    public static double Seconds(long ticks) => (double)ticks / Stopwatch.Frequency;

    public static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Stopwatch.Frequency);
}
