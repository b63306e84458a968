using System.Diagnostics;

namespace EntityActors.Bench.Measurement;

/// <summary>Latencies of one worker, in stopwatch ticks. Not shared between workers, so that recording costs nothing.</summary>
internal sealed class LatencyRecorder
{
    private readonly List<long> _ticks = new(16 * 1024);

    public void Add(long startedTicks) => Record(Stopwatch.GetTimestamp() - startedTicks);

    public void Record(long ticks) => _ticks.Add(ticks);

    /// <summary>Rate and exact percentiles over all workers.</summary>
    public static Throughput Summarize(IEnumerable<LatencyRecorder> workers, TimeSpan elapsed)
    {
        var all = workers.SelectMany(worker => worker._ticks).ToArray();
        Array.Sort(all);
        return new Throughput(all.Length / elapsed.TotalSeconds, Percentile(all, 0.50), Percentile(all, 0.99));
    }

    private static double Percentile(long[] sorted, double share) =>
        sorted.Length == 0 ? double.NaN : sorted[(int)Math.Min(sorted.Length - 1, sorted.Length * share)] * 1e6 / Stopwatch.Frequency;
}
