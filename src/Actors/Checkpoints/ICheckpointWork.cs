using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Checkpoints;

/// <summary>The blocking steps of a checkpoint, on the coordinator's worker threads.</summary>
internal interface ICheckpointWork
{
    /// <summary>Writes the segment and drafts the header, then opens both afresh and checks them.</summary>
    /// <exception cref="CheckpointInvalidException">What was written is not what was meant.</exception>
    CheckpointResult WriteAndValidate(CheckpointPlan plan);

    /// <summary>Removes what two committed headers no longer need.</summary>
    void Trim(CheckpointResult committed);

    /// <summary>The shard whose checkpoint would free the log's oldest file, when the logs have grown past their limits or hold what was purged.</summary>
    ShardId? PinningShard(CheckpointLimits limits);
}
