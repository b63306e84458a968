using EntityActors.Storage.Model;

namespace EntityActors.Actors.Checkpoints;

/// <summary>Which shard is checkpointed next: a bounded number at once, first come first served, failed ones after a delay. Pure.</summary>
internal sealed class CheckpointSchedule(CheckpointLimits limits)
{
    private const int DoublingsMax = 20;

    private readonly List<ShardId> _queue = [];
    private readonly HashSet<ShardId> _running = [];
    private readonly HashSet<ShardId> _forced = [];
    private readonly HashSet<ShardId> _urgent = [];
    private readonly Dictionary<ShardId, (int Count, TimeSpan NotBefore)> _failures = [];

    public int RunningCount => _running.Count;

    public bool IsRunning(ShardId shard) => _running.Contains(shard);

    /// <param name="force">Also when nothing is due.</param>
    /// <param name="urgent">Without waiting for the delay after a failure.</param>
    public void Want(ShardId shard, bool force, bool urgent)
    {
        if (!_queue.Contains(shard)) _queue.Add(shard);
        if (force) _forced.Add(shard);
        if (urgent) _urgent.Add(shard);
    }

    /// <summary>The next shard that may start at this moment; it counts as running from now on.</summary>
    public bool TryStart(TimeSpan now, out ShardId shard, out bool force)
    {
        (shard, force) = (default, false);
        if (_running.Count >= limits.RunningCountMax) return false;
        for (var i = 0; i < _queue.Count; i++)
        {
            shard = _queue[i];
            if (_running.Contains(shard) || MustWait(shard, now)) continue;
            _queue.RemoveAt(i);
            _running.Add(shard);
            force = _forced.Remove(shard);
            _urgent.Remove(shard);
            return true;
        }

        return false;
    }

    public void Succeeded(ShardId shard)
    {
        _running.Remove(shard);
        _failures.Remove(shard);
    }

    /// <summary>There was nothing to do; earlier failures still count.</summary>
    public void Skipped(ShardId shard) => _running.Remove(shard);

    /// <summary>It is queued again, to start after a delay that doubles.</summary>
    /// <returns>Failures in a row.</returns>
    public int Failed(ShardId shard, TimeSpan now)
    {
        _running.Remove(shard);
        var count = _failures.TryGetValue(shard, out var before) ? before.Count + 1 : 1;
        var delay = limits.RetryDelayMin * Math.Pow(2, Math.Min(count - 1, DoublingsMax));
        _failures[shard] = (count, now + (delay < limits.RetryDelayMax ? delay : limits.RetryDelayMax));
        Want(shard, force: false, urgent: false);
        return count;
    }

    /// <summary>The shard is no longer here.</summary>
    public void Forget(ShardId shard)
    {
        _queue.Remove(shard);
        _running.Remove(shard);
        _forced.Remove(shard);
        _urgent.Remove(shard);
        _failures.Remove(shard);
    }

    private bool MustWait(ShardId shard, TimeSpan now) =>
        !_urgent.Contains(shard) && _failures.TryGetValue(shard, out var failed) && failed.NotBefore > now;
}
