namespace EntityActors.TestCluster.Pausing;

/// <summary>Whether a node stands still, and what is to be done when it goes on. Thread-safe.</summary>
internal sealed class PauseGate
{
    private readonly Lock _lock = new();
    private readonly Queue<Action> _held = new();
    private TaskCompletionSource _resumed = Completed();
    private volatile bool _isPaused;

    public bool IsPaused => _isPaused;

    public void Pause()
    {
        lock (_lock)
        {
            if (_isPaused) return;
            _isPaused = true;
            _resumed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>Does what was held, in the order in which it came.</summary>
    public void Resume()
    {
        TaskCompletionSource resumed;
        List<Action> held;
        lock (_lock)
        {
            _isPaused = false;
            held = [.. _held];
            _held.Clear();
            resumed = _resumed;
        }

        foreach (var action in held) action();
        resumed.TrySetResult();
    }

    /// <summary>Does it now, or once the node goes on.</summary>
    /// <param name="action">Short: it only starts something.</param>
    public void Run(Action action)
    {
        lock (_lock)
        {
            if (_isPaused)
            {
                _held.Enqueue(action);
                return;
            }
        }

        action();
    }

    /// <summary>Completes when the node goes on; at once while it does.</summary>
    public Task AwakeAsync(CancellationToken cancellation)
    {
        lock (_lock) return _resumed.Task.WaitAsync(cancellation);
    }

    private static TaskCompletionSource Completed()
    {
        var done = new TaskCompletionSource();
        done.SetResult();
        return done;
    }
}
