using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Checkpoints;

internal sealed class NodeCheckpointWork(NodeStore store) : ICheckpointWork
{
    public CheckpointResult WriteAndValidate(CheckpointPlan plan)
    {
        var result = CheckpointWriter.Write(store, plan);
        CheckpointValidator.Validate(store, plan, result);
        return result;
    }

    public void Trim(CheckpointResult committed) => store.Trim(committed);

    public ShardId? PinningShard(CheckpointLimits limits)
    {
        var logs = store.Log.Statistics;
        var isOverLimit = logs.Files > limits.LogFileCountMax || logs.DeadLogs > limits.DeadLogCountMax;
        return (isOverLimit ? logs.PinningShard : null) ?? store.Purges.EraseLogs();
    }
}
