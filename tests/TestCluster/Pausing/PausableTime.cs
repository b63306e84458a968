namespace EntityActors.TestCluster.Pausing;

/// <summary>The system's time, whose timers wait while their node stands still. The clock itself goes on, as it does for a frozen process.</summary>
internal sealed class PausableTime(PauseGate gate) : TimeProvider
{
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var isHeld = 0;
        return base.CreateTimer(inner =>
        {
            // However often it came due: once.
            if (Interlocked.Exchange(ref isHeld, 1) == 1) return;
            gate.Run(() =>
            {
                Volatile.Write(ref isHeld, 0);
                callback(inner);
            });
        }, state, dueTime, period);
    }
}
