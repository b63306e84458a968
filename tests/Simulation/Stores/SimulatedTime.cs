namespace EntityActors.Simulation.Tests.Stores;

/// <summary>A clock that stands still until it is moved. Timers fire while it moves, in their order, on the caller's thread.</summary>
/// <param name="late">How late a timer that is due at once fires at most; every second one is on time.</param>
internal sealed class SimulatedTime(DateTimeOffset start, TimeSpan late, Random random) : TimeProvider
{
    private readonly List<SimulatedTimer> _timers = [];
    private DateTimeOffset _wall = start;
    private long _ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => _wall;

    public override long GetTimestamp() => _ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new SimulatedTimer(this, callback, state);
        timer.Change(dueTime, period);
        _timers.Add(timer);
        return timer;
    }

    public void Advance(TimeSpan span)
    {
        var end = _ticks + span.Ticks;
        while (NextDue(end) is { } timer)
        {
            MoveTo(Math.Max(timer.Due, _ticks));
            timer.Fire();
        }

        MoveTo(end);
    }

    private long Lateness() => late == TimeSpan.Zero || random.Next(2) == 0 ? 0 : random.NextInt64(late.Ticks);

    private SimulatedTimer? NextDue(long end)
    {
        SimulatedTimer? next = null;
        foreach (var timer in _timers)
        {
            if (timer.Due <= end && (next is null || timer.Due < next.Due)) next = timer;
        }

        return next;
    }

    private void MoveTo(long ticks)
    {
        _wall += TimeSpan.FromTicks(ticks - _ticks);
        _ticks = ticks;
    }

    private sealed class SimulatedTimer(SimulatedTime time, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan _period;

        public long Due { get; private set; } = long.MaxValue;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _period = period;
            Due = dueTime == Timeout.InfiniteTimeSpan ? long.MaxValue : time._ticks + (dueTime == TimeSpan.Zero ? time.Lateness() : dueTime.Ticks);
            return true;
        }

        public void Fire()
        {
            Due = _period == Timeout.InfiniteTimeSpan || _period == TimeSpan.Zero ? long.MaxValue : Due + _period.Ticks;
            callback(state);
        }

        public void Dispose() => time._timers.Remove(this);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
