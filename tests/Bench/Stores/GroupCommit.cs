namespace EntityActors.Bench.Stores;

/// <summary>
/// One thread that gathers waiting writers and commits them together, as our own log does: the peers get the same help, so that
/// the comparison is about the stores.
/// </summary>
internal sealed class GroupCommit : IDisposable
{
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _arrived = new(0);
    private readonly Action<IReadOnlyList<BenchEntity>> _commit;
    private readonly int _groupMax;
    private readonly Thread _thread;
    private readonly Queue<(BenchEntity Entity, TaskCompletionSource Done)> _waiting = new();
    private volatile bool _isStopping;

    /// <param name="commit">Makes a group durable; called from one thread.</param>
    public GroupCommit(string name, int groupMax, Action<IReadOnlyList<BenchEntity>> commit)
    {
        _commit = commit;
        _groupMax = groupMax;
        _thread = new Thread(Run) { Name = name + " group commit", IsBackground = true };
        _thread.Start();
    }

    public Task WriteAsync(BenchEntity entity)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        bool wasEmpty;
        lock (_gate)
        {
            wasEmpty = _waiting.Count == 0;
            _waiting.Enqueue((entity, done));
        }

        if (wasEmpty) _arrived.Release();
        return done.Task;
    }

    public void Dispose()
    {
        _isStopping = true;
        _arrived.Release();
        _thread.Join();
        _arrived.Dispose();
    }

    private void Run()
    {
        var entities = new List<BenchEntity>(_groupMax);
        var done = new List<TaskCompletionSource>(_groupMax);
        while (true)
        {
            _arrived.Wait();
            while (Gather(entities, done)) Commit(entities, done);
            if (_isStopping) return;
        }
    }

    private bool Gather(List<BenchEntity> entities, List<TaskCompletionSource> done)
    {
        entities.Clear();
        done.Clear();
        lock (_gate)
        {
            while (done.Count < _groupMax && _waiting.TryDequeue(out var next))
            {
                entities.Add(next.Entity);
                done.Add(next.Done);
            }
        }

        return done.Count > 0;
    }

    private void Commit(List<BenchEntity> entities, List<TaskCompletionSource> done)
    {
        try
        {
            _commit(entities);
            foreach (var waiter in done) waiter.SetResult();
        }
        catch (Exception cause)
        {
            // The writers get the error; the thread lives on to answer those behind them.
            foreach (var waiter in done) waiter.SetException(cause);
        }
    }
}
