using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Shards;

/// <summary>How many shards of this node serve; fed by their supervisors, read by health checks and start-up. Thread-safe.</summary>
public sealed class ShardReadiness
{
    private readonly Lock _lock = new();
    private readonly ShardStatus[] _status;
    private readonly TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);

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

    public void Report(ShardId shard, ShardStatus status)
    {
        lock (_lock)
        {
            _status[shard.Value] = status;
            foreach (var one in _status)
            {
                if (one is ShardStatus.Unknown or ShardStatus.Recovering) return;
            }
        }

        _settled.TrySetResult();
    }

    /// <summary>Completes when every shard has, at one moment, been serving or quarantined.</summary>
    public Task WhenSettledAsync(CancellationToken cancellation) => _settled.Task.WaitAsync(cancellation);

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
