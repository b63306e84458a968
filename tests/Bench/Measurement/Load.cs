using System.Diagnostics;

namespace EntityActors.Bench.Measurement;

/// <summary>Workers that each send one operation after the other until the time or the prepared input is used up.</summary>
internal static class Load
{
    /// <param name="operation">Gets the number of the operation, counted over all workers.</param>
    /// <param name="countMax">Operations prepared. When they run out the measured time ends early, and the rate stays right.</param>
    public static async Task<Throughput> RunAsync(int workers, TimeSpan duration, int countMax, Func<int, Task> operation)
    {
        var next = -1;
        var recorders = Enumerable.Range(0, workers).Select(_ => new LatencyRecorder()).ToList();
        var started = Stopwatch.GetTimestamp();
        var end = started + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        await Task.WhenAll(recorders.Select(recorder => Task.Run(async () =>
        {
            while (Stopwatch.GetTimestamp() < end)
            {
                var number = Interlocked.Increment(ref next);
                if (number >= countMax) return;
                var sent = Stopwatch.GetTimestamp();
                await operation(number);
                recorder.Add(sent);
            }
        })));
        return LatencyRecorder.Summarize(recorders, Stopwatch.GetElapsedTime(started));
    }
}
