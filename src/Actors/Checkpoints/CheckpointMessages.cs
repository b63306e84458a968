using Akka.Actor;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Checkpoints;

/// <summary>Between the shards of a node and its coordinator; these messages hold references and never leave the process.</summary>
internal interface ICheckpointMessage : INoSerializationVerificationNeeded;

/// <summary>The coordinator has (re)started: every serving shard registers with it.</summary>
internal sealed record CoordinatorStarted(IActorRef Coordinator) : ICheckpointMessage;

/// <summary>The sender serves this shard under this epoch.</summary>
internal sealed record RegisterShard(ShardId Shard, Epoch Epoch) : ICheckpointMessage;

/// <summary>A limit was reached in the sender's shard.</summary>
internal sealed record CheckpointWanted(ShardId Shard) : ICheckpointMessage;

/// <summary>Someone asked for a checkpoint and waits for the outcome.</summary>
internal sealed record CheckpointRequested(ShardId Shard, IActorRef ReplyTo) : ICheckpointMessage;

/// <summary>Freeze and plan. Every message that follows carries the attempt, so that stale ones are told apart.</summary>
/// <param name="Force">Also when nothing is due.</param>
internal sealed record BeginCheckpoint(long Attempt, bool Force) : ICheckpointMessage;

/// <param name="Plan">Null when there is nothing to do; it holds the header snapshot.</param>
/// <param name="Obstacle">Why there is no plan though there may be something to do; null otherwise.</param>
internal sealed record CheckpointPlanned(long Attempt, CheckpointPlan? Plan, long Generation, string? Obstacle = null) : ICheckpointMessage;

/// <summary>Written and validated: save the header, then adopt it.</summary>
internal sealed record CommitCheckpoint(long Attempt, CheckpointResult Result) : ICheckpointMessage;

internal sealed record CheckpointCommitted(long Attempt, CheckpointResult Result) : ICheckpointMessage;

internal sealed record CheckpointCommitFailed(long Attempt, Exception Cause) : ICheckpointMessage;

/// <summary>Not valid: go back to the header snapshot in the plan.</summary>
internal sealed record RestoreHeader(long Attempt, CheckpointPlan Plan) : ICheckpointMessage;

internal sealed record HeaderRestored(long Attempt) : ICheckpointMessage;

/// <param name="Detail">Why checkpoints of this shard fail again and again; null when they work again.</param>
internal sealed record CheckpointsFailing(string? Detail) : ICheckpointMessage;

/// <summary>Something may be due that only time brings about.</summary>
internal sealed record LookForCheckpoint : ICheckpointMessage
{
    public static readonly LookForCheckpoint Instance = new();
}
