using System.Diagnostics;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>The one thread that writes a log: gathers what waits, writes and syncs it once, checks the owners, then acknowledges.</summary>
/// <remarks>
/// Acknowledge = write → sync succeeded → still owner. A successor claims before it reads the log, so either it sees the event or
/// this owner does not acknowledge it; checking before the write would leave a gap between the two.
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
    private readonly Thread _thread;
    private CommitLogFailedException? _failure;
    private bool _stopping;

    public GroupCommitter(CommitLogWriter writer, CommitLogOptions options, Func<ShardId, Epoch, bool> isStillOwner)
    {
        (_writer, _options, _isStillOwner) = (writer, options, isStillOwner);
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
            _oldestAllowed[shard] = oldestAllowed;
            while (_unfinished.ContainsKey(shard)) Monitor.Wait(_gate);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
        }

        _thread.Join();
        _writer.Dispose();
    }

    private void Run()
    {
        var group = new List<Waiting>();
        while (true)
        {
            if (!TryGather(group)) return;
            if (group.Count == 0) TellWatermark();
            else Commit(group);
        }
    }

    /// <returns>False when the log is closed and everything queued is done. An empty group means that the log is idle.</returns>
    private bool TryGather(List<Waiting> group)
    {
        group.Clear();
        lock (_gate)
        {
            while (_queue.Count == 0)
            {
                var isTold = _writer.ToldWatermark == _writer.Synced || _writer.HasFailed;
                if (_stopping)
                {
                    if (isTold) return false;
                    break;
                }

                if (isTold) Monitor.Wait(_gate);
                else if (!Monitor.Wait(_gate, _options.IdleWatermark)) break;
            }

            var bytes = 0L;
            while (_queue.TryPeek(out var next))
            {
                bytes += LogLayout.RecordBytes(next.Append.Body.Length);
                if (group.Count > 0 && bytes > _options.GroupBytesMax) break;
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
            // The next group will say it; until there is room nothing can be appended anyway.
            _ = _writer.HasRoom;
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
                var started = Stopwatch.GetTimestamp();
                _writer.WriteGroup(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(appends));
                Count(appends, Stopwatch.GetElapsedTime(started));
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
