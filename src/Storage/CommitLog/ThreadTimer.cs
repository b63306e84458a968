namespace EntityActors.Storage.CommitLog;

/// <summary>Calls back at a fixed period on a thread of its own.</summary>
/// <remarks>
/// For what has to happen in time also while all threads of the pool are busy. It is cheaper too: a timer of the pool wakes two threads,
/// which look for more work before they sleep again.
/// </remarks>
internal sealed class ThreadTimer : IDisposable
{
    private readonly object _gate = new();
    private readonly Action _action;
    private readonly TimeSpan _period;
    private bool _isOver;

    /// <param name="action">Must not throw. It may still run when <see cref="Dispose"/> has returned.</param>
    private ThreadTimer(string name, Action action, TimeSpan period)
    {
        (_action, _period) = (action, period);
        new Thread(Run) { IsBackground = true, Name = name }.Start();
    }

    /// <summary>A timer on a thread, unless the time is not the machine's: then its own timers tell when a period is over.</summary>
    public static IDisposable Start(TimeProvider time, string name, Action action, TimeSpan period) =>
        ReferenceEquals(time, TimeProvider.System) ? new ThreadTimer(name, action, period) : time.CreateTimer(_ => action(), null, period, period);

    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
            Monitor.Pulse(_gate);
        }
    }

    private void Run()
    {
        while (true)
        {
            lock (_gate)
            {
                if (!_isOver) Monitor.Wait(_gate, _period);
                if (_isOver) return;
            }

            _action();
        }
    }
}
