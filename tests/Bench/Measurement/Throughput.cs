namespace EntityActors.Bench.Measurement;

/// <param name="PerSecond">Operations completed a second.</param>
/// <param name="P50Microseconds">Half of the operations took at most this long.</param>
/// <param name="P99Microseconds">99 of 100 operations took at most this long.</param>
internal readonly record struct Throughput(double PerSecond, double P50Microseconds, double P99Microseconds)
{
    /// <summary>Each figure's own median over several runs.</summary>
    public static Throughput Median(IReadOnlyList<Throughput> runs) => new(
        Statistics.Median(runs.Select(run => run.PerSecond)), Statistics.Median(runs.Select(run => run.P50Microseconds)),
        Statistics.Median(runs.Select(run => run.P99Microseconds)));
}
