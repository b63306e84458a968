namespace EntityActors.Storage.Tests.Shards;

/// <summary>A machine's time that stands still between steps: all clocks may be moved on, the wall clock alone either way. Timers are real.</summary>
internal sealed class SteppedTime : TimeProvider
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private long _elapsedTicks = 1;
    private long _wallTicks;

    public override DateTimeOffset GetUtcNow() => Start.AddTicks(Volatile.Read(ref _elapsedTicks) + Volatile.Read(ref _wallTicks));

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Volatile.Read(ref _elapsedTicks);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        System.CreateTimer(callback, state, dueTime, period);

    public void Advance(TimeSpan span) => Interlocked.Add(ref _elapsedTicks, span.Ticks);

    public void StepWall(TimeSpan span) => Interlocked.Add(ref _wallTicks, span.Ticks);
}
