using Xunit;
using System.Collections.Immutable;
using EntityActors.Actors.Persistence;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Tests.Persistence;

/// <summary>A node's files in memory. Appends can be held, fenced or failed; replay can be held.</summary>
internal sealed class MemoryFiles : IShardFiles
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ShardId, List<LogEvent>> _events = [];
    private readonly Dictionary<ShardId, List<ShardHeader>> _headers = [];
    private readonly Dictionary<ShardId, TaskCompletionSource> _held = [];
    private readonly Dictionary<ShardId, Exception> _failures = [];
    private readonly Dictionary<ShardId, Task> _appending = [];

    public ManualResetEventSlim ReadsMayPass { get; } = new(true);

    public ManualResetEventSlim ReadBegan { get; } = new(false);

    /// <summary>After the header was kept, the save fails all the same: what a time-out looks like.</summary>
    public Exception? AfterHeaderKept { get; set; }

    public TaskCompletionSource Hold(ShardId shard)
    {
        lock (_lock) return _held[shard] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public void Fail(ShardId shard, Exception cause)
    {
        lock (_lock) _failures[shard] = cause;
    }

    public Task AppendAsync(LogAppend append)
    {
        var appending = AppendOneAsync(append);
        lock (_lock) _appending[append.Shard] = appending;
        return appending;
    }

    /// <summary>As the log does it: quiet is a shard whose appends have ended and can be read.</summary>
    public Task WhenQuiet(ShardId shard)
    {
        lock (_lock) return _appending.TryGetValue(shard, out var appending) ? appending.ContinueWith(_ => { }, TaskScheduler.Default) : Task.CompletedTask;
    }

    private async Task AppendOneAsync(LogAppend append)
    {
        Task held;
        lock (_lock)
        {
            if (_failures.TryGetValue(append.Shard, out var cause)) throw cause;
            held = _held.TryGetValue(append.Shard, out var hold) ? hold.Task : Task.CompletedTask;
        }

        await held;
        lock (_lock)
        {
            if (!_events.TryGetValue(append.Shard, out var events)) _events.Add(append.Shard, events = []);
            Assert.Equal((events.Count == 0 ? 0 : events[^1].Sequence.Value) + 1, append.Sequence.Value);
            events.Add(new LogEvent(append.Sequence, append.Epoch, append.Body));
        }
    }

    public IEnumerable<LogEvent> Read(ShardId shard, SequenceNumber from, SequenceNumber to)
    {
        ReadBegan.Set();
        ReadsMayPass.Wait();
        lock (_lock) return _events[shard].Where(one => one.Sequence >= from && one.Sequence <= to).ToArray();
    }

    public SequenceNumber LastSequence(ShardId shard)
    {
        lock (_lock) return _events.TryGetValue(shard, out var events) && events.Count > 0 ? events[^1].Sequence : default;
    }

    public ImmutableArray<ShardHeader> Headers(ShardId shard)
    {
        lock (_lock) return _headers.TryGetValue(shard, out var headers) ? [.. headers.AsEnumerable().Reverse()] : [];
    }

    public void CommitHeader(ShardHeader header)
    {
        lock (_lock)
        {
            if (!_headers.TryGetValue(header.Shard, out var headers)) _headers.Add(header.Shard, headers = []);
            headers.Add(header);
        }

        if (AfterHeaderKept is not null) throw AfterHeaderKept;
    }

    /// <summary>Everything before this event is gone from the log, as after trimming.</summary>
    public void TrimAll(ShardId shard)
    {
        lock (_lock) _events[shard].Clear();
    }

    public LogEvent Event(ShardId shard, int index)
    {
        lock (_lock) return _events[shard][index];
    }
}
