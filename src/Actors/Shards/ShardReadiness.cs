using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Shards;

/// <summary>How many shards of this node serve; fed by their supervisors, read by health checks and start-up. Thread-safe.</summary>
public sealed class ShardReadiness
{
    private readonly Lock _lock = new();
    private readonly ShardStatus[] _status;

    public ShardReadiness(int shardCount)
    {
        _status = new ShardStatus[shardCount];
        Array.Fill(_status, ShardStatus.Unknown);
    }

    public int ShardCount => _status.Length;

    /// <summary>Shards that answer requests, degraded ones included.</summary>
    public int ServingCount => Count(ShardStatus.Serving) + Count(ShardStatus.Degraded);

    public int QuarantinedCount => Count(ShardStatus.Quarantined);

    public bool IsReady => ServingCount == ShardCount;

    /// <summary>Of every shard of the store; unknown where this node does not run it.</summary>
    public ShardStatus[] Statuses()
    {
        lock (_lock) return [.. _status];
    }

    /// <summary>Shards that this node serves.</summary>
    public IReadOnlyList<ShardId> Serving()
    {
        var statuses = Statuses();
        return [.. Enumerable.Range(0, statuses.Length).Where(shard => statuses[shard] is ShardStatus.Serving or ShardStatus.Degraded)
            .Select(shard => new ShardId(shard))];
    }

    public void Report(ShardId shard, ShardStatus status)
    {
        lock (_lock) _status[shard.Value] = status;
    }

    private int Count(ShardStatus status)
    {
        lock (_lock)
        {
            var count = 0;
            foreach (var one in _status) count += one == status ? 1 : 0;
            return count;
        }
    }
}
