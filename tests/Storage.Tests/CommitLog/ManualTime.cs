namespace EntityActors.Storage.Tests.CommitLog;

/// <summary>A machine's clock that a test steps and whose timers fire when time is advanced past them.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly List<ManualTimer> _timers = [];
    private DateTimeOffset _wall = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private long _elapsed;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => _wall;

    public override long GetTimestamp() => _elapsed;

    /// <summary>A step of the wall clock: no time passes.</summary>
    public void Set(DateTimeOffset wall) => _wall = wall;

    public void Advance(TimeSpan by)
    {
        _wall += by;
        _elapsed += by.Ticks;
        foreach (var timer in _timers.ToArray()) timer.Fire(_elapsed);
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state, _elapsed + dueTime.Ticks, period.Ticks);
        _timers.Add(timer);
        return timer;
    }

    private sealed class ManualTimer(ManualTime owner, TimerCallback callback, object? state, long due, long period) : ITimer
    {
        private long _due = due;
        private long _period = period;

        /// <summary>Once, however many periods have passed: a timer does not catch up.</summary>
        public void Fire(long now)
        {
            if (now < _due) return;
            _due = now + _period;
            callback(state);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            (_due, _period) = (owner._elapsed + dueTime.Ticks, period.Ticks);
            return true;
        }

        public void Dispose() => owner._timers.Remove(this);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
