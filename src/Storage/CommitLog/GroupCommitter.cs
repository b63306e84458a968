using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>The one writer of a log: gathers what waits, writes and syncs it once, checks the owners, then acknowledges.</summary>
/// <remarks>
/// Acknowledge = write → sync succeeded → still owner. A successor claims before it reads the log, so either it sees the event or
/// this owner does not acknowledge it; checking before the write would leave a gap between the two. A thread of its own takes turn
/// after turn; without one whoever waits here takes them.
/// </remarks>
internal sealed class GroupCommitter : IDisposable
{
    private readonly record struct Waiting(LogAppend Append, TaskCompletionSource Done);

    private readonly CommitLogWriter _writer;
    private readonly CommitLogOptions _options;
    private readonly Func<ShardId, Epoch, bool> _isStillOwner;
    private readonly object _gate = new();
    private readonly Queue<Waiting> _queue = new();
    private readonly Dictionary<ShardId, int> _unfinished = [];
    private readonly Dictionary<ShardId, Epoch> _oldestAllowed = [];
    private readonly Dictionary<ShardId, List<TaskCompletionSource>> _quietWaiters = [];
    private readonly TimeProvider _time;
    private readonly Thread? _thread;
    private CommitLogFailedException? _failure;
    private bool _stopping;
    private bool _isUntellable;

    public GroupCommitter(CommitLogWriter writer, CommitLogOptions options, Func<ShardId, Epoch, bool> isStillOwner, TimeProvider time,
        bool hasThread)
    {
        (_writer, _options, _isStillOwner, _time) = (writer, options, isStillOwner, time);
        if (!hasThread) return;
        _thread = new Thread(Run) { IsBackground = true, Name = $"commit-log-{writer.Log}" };
        _thread.Start();
    }

    public long Groups { get; private set; }

    public long Records { get; private set; }

    public long RecordBytes { get; private set; }

    public TimeSpan SyncTotal { get; private set; }

    public TimeSpan SyncMax { get; private set; }

    public Task AppendAsync(LogAppend append)
    {
        if (append.Body.Length > _options.RecordBytesMax)
            return Task.FromException(new ArgumentException($"a record of {append.Body.Length} bytes is over {_options.RecordBytesMax}"));
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_failure is not null) return Task.FromException(_failure);
            if (_stopping) return Task.FromException(new CommitLogFailedException("the log is closed"));
            if (_oldestAllowed.TryGetValue(append.Shard, out var allowed) && append.Epoch < allowed)
                return Task.FromException(new StaleEpochException(append.Shard, append.Epoch));
            if (_queue.Count >= _options.QueueRecordsMax) return Task.FromException(new CommitLogBusyException(_options.QueueRecordsMax));
            _queue.Enqueue(new Waiting(append, done));
            _unfinished[append.Shard] = _unfinished.GetValueOrDefault(append.Shard) + 1;
            Monitor.Pulse(_gate);
        }

        return done.Task;
    }

    /// <summary>Completes when no append of the shard is queued or in flight.</summary>
    public Task WhenQuiet(ShardId shard)
    {
        lock (_gate)
        {
            if (!_unfinished.ContainsKey(shard)) return Task.CompletedTask;
            var quiet = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (!_quietWaiters.TryGetValue(shard, out var waiters)) _quietWaiters[shard] = waiters = [];
            waiters.Add(quiet);
            return quiet.Task;
        }
    }

    /// <summary>Drops what superseded owners have queued and waits for what is in flight: nothing of them reaches the log afterwards.</summary>
    public void Barrier(ShardId shard, Epoch oldestAllowed)
    {
        lock (_gate)
        {
            if (_oldestAllowed.GetValueOrDefault(shard) < oldestAllowed) _oldestAllowed[shard] = oldestAllowed;
        }

        if (_thread is null) CommitWaiting();
        lock (_gate)
        {
            while (_unfinished.ContainsKey(shard)) Monitor.Wait(_gate);
        }
    }

    /// <summary>Blocks until these appends have completed; throws the first failure.</summary>
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Usage", "VSTHRD002",
        Justification = "The callers block their worker thread by contract; the committer completes on its own thread, or right here.")]
    public void WaitFor(IEnumerable<Task> appends)
    {
        if (_thread is null) CommitWaiting();
        Task.WhenAll(appends).GetAwaiter().GetResult();
    }

    /// <summary>The log goes on in its next file, with the next group or as soon as it is idle.</summary>
    public void EndFile()
    {
        lock (_gate)
        {
            _writer.EndsFile = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Without a thread: commits everything queued.</summary>
    public void CommitWaiting()
    {
        Invariant.Check(_thread is null, "a log with a thread is written by that thread alone");
        var group = new List<Waiting>();
        while (HasWaiting()) _ = TryTurn(group);
    }

    /// <summary>Without a thread: what the thread does when nothing came for a while.</summary>
    public void BeIdle()
    {
        CommitWaiting();
        _ = TryTurn([]);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
        }

        if (_thread is not null) _thread.Join();
        else Run();
        _writer.Dispose();
    }

    private bool HasWaiting()
    {
        lock (_gate) return _queue.Count > 0;
    }

    private void Run()
    {
        var group = new List<Waiting>();
        while (TryTurn(group)) { }
    }

    /// <summary>One group, or none: then the watermark is told.</summary>
    /// <returns>False when the log is closed and everything queued is done.</returns>
    private bool TryTurn(List<Waiting> group)
    {
        if (!TryGather(group)) return false;
        if (group.Count == 0) TellWatermark();
        else Commit(group);
        return true;
    }

    /// <returns>False when the log is closed and everything queued is done. An empty group means that the log is idle.</returns>
    private bool TryGather(List<Waiting> group)
    {
        group.Clear();
        lock (_gate)
        {
            while (_queue.Count == 0)
            {
                // At once: whoever asks again and again would put off for ever what waits for a quiet moment.
                var endsFile = _writer.CanEndFile && !_writer.HasFailed;
                var isTold = (_writer.ToldWatermark == _writer.Synced && !endsFile) || _writer.HasFailed;
                if (_stopping)
                {
                    if (isTold || _isUntellable) return false;
                    break;
                }

                if (_thread is null || endsFile) break;
                if (isTold) Monitor.Wait(_gate);
                else if (!Monitor.Wait(_gate, _options.IdleWatermark)) break;
            }

            var bytes = 0L;
            while (_queue.TryPeek(out var next))
            {
                bytes += LogLayout.RecordBytes(next.Append.Body.Length);
                if (group.Count > 0 && bytes > Math.Min(_options.GroupBytesMax, _options.FileBytes)) break;
                group.Add(_queue.Dequeue());
            }
        }

        return true;
    }

    private void TellWatermark()
    {
        try
        {
            _writer.WriteWatermark();
        }
        catch (StorageFullException)
        {
            // The next group will say it; until there is room nothing can be appended anyway. A log that is closed now ends untold.
            lock (_gate) _isUntellable = _stopping;
        }
        catch (CommitLogFailedException failure)
        {
            Fail(failure);
        }
    }

    private void Commit(List<Waiting> group)
    {
        Exception? refusal = null;
        var stale = Superseded(group);
        var appends = new List<LogAppend>(group.Count);
        for (var i = 0; i < group.Count; i++)
        {
            if (!stale.Contains(i)) appends.Add(group[i].Append);
        }

        try
        {
            if (appends.Count > 0)
            {
                var started = _time.GetTimestamp();
                _writer.WriteGroup(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(appends));
                Count(appends, _time.GetElapsedTime(started));
            }
        }
        catch (StorageFullException full)
        {
            refusal = full;
        }
        catch (CommitLogFailedException failure)
        {
            refusal = failure;
            Fail(failure);
        }

        Complete(group, stale, refusal);
    }

    private HashSet<int> Superseded(List<Waiting> group)
    {
        var stale = new HashSet<int>();
        lock (_gate)
        {
            for (var i = 0; i < group.Count; i++)
            {
                var append = group[i].Append;
                if (_oldestAllowed.TryGetValue(append.Shard, out var allowed) && append.Epoch < allowed) stale.Add(i);
            }
        }

        return stale;
    }

    private void Complete(List<Waiting> group, HashSet<int> stale, Exception? refusal)
    {
        var owners = new Dictionary<(ShardId, Epoch), Exception?>();
        for (var i = 0; i < group.Count; i++)
        {
            var (append, done) = group[i];
            var failure = stale.Contains(i) ? new StaleEpochException(append.Shard, append.Epoch) : refusal;
            if (failure is null && !owners.TryGetValue((append.Shard, append.Epoch), out failure))
            {
                failure = OwnershipFailure(append);
                owners[(append.Shard, append.Epoch)] = failure;
            }

            if (failure is null) done.SetResult();
            else done.SetException(failure);
        }

        lock (_gate)
        {
            foreach (var (append, _) in group) Finished(append.Shard);
            Monitor.PulseAll(_gate);
        }
    }

    private Exception? OwnershipFailure(LogAppend append)
    {
        try
        {
            return _isStillOwner(append.Shard, append.Epoch) ? null : new StaleEpochException(append.Shard, append.Epoch);
        }
        catch (StoreIoException failure)
        {
            return failure;
        }
    }

    private void Finished(ShardId shard)
    {
        var left = _unfinished[shard] - 1;
        if (left > 0)
        {
            _unfinished[shard] = left;
            return;
        }

        _unfinished.Remove(shard);
        if (!_quietWaiters.Remove(shard, out var waiters)) return;
        foreach (var waiter in waiters) waiter.SetResult();
    }

    private void Fail(CommitLogFailedException failure)
    {
        Waiting[] dropped;
        lock (_gate)
        {
            _failure = failure;
            dropped = [.. _queue];
            _queue.Clear();
            foreach (var (append, _) in dropped) Finished(append.Shard);
            Monitor.PulseAll(_gate);
        }

        foreach (var (_, done) in dropped) done.SetException(failure);
    }

    private void Count(List<LogAppend> appends, TimeSpan elapsed)
    {
        Groups++;
        Records += appends.Count;
        foreach (var append in appends) RecordBytes += RecordHeader.SizeBytes + append.Body.Length;
        SyncTotal += elapsed;
        if (elapsed > SyncMax) SyncMax = elapsed;
    }
}
