using System.Diagnostics;
using System.Globalization;

namespace EntityActors.Chaos.Nodes;

/// <summary>The machine's clock, off by the ticks that a file holds.</summary>
internal sealed class SteppedTimeProvider(string path) : TimeProvider
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(20);
    private readonly Lock _gate = new();
    private long _lookedAt;
    private TimeSpan _offset;

    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate)
        {
            if (_lookedAt == 0 || Stopwatch.GetElapsedTime(_lookedAt) > LookInterval)
            {
                _lookedAt = Stopwatch.GetTimestamp();
                _offset = new TimeSpan(long.Parse(File.ReadAllText(path), CultureInfo.InvariantCulture));
            }

            return base.GetUtcNow() + _offset;
        }
    }
}
