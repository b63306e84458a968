using Akka.Event;

namespace EntityActors.Actors.Tls;

/// <summary>Warnings that anybody who reaches the port can cause: one a second at most, with the number of those left out.</summary>
internal sealed class SparseWarnings(ILoggingAdapter log, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private long? _last;
    private int _leftOutCount;

    public void Add(string text)
    {
        int leftOutCount;
        lock (_lock)
        {
            if (_last is { } last && time.GetElapsedTime(last) < Interval)
            {
                _leftOutCount++;
                return;
            }

            _last = time.GetTimestamp();
            (leftOutCount, _leftOutCount) = (_leftOutCount, 0);
        }

        if (leftOutCount == 0) log.Warning("{0}", text);
        else log.Warning("{0} ({1} more before it)", text, leftOutCount);
    }
}
