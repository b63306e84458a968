using Akka.Actor;
using Akka.Persistence;
using EntityActors.Actors.Checkpoints;
using EntityActors.Actors.Persistence;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Shards;

/// <summary>
/// The shard's side of a checkpoint: plan, save the header, adopt it, or go back to the snapshot; and what else the coordinator's looks bring about.
/// Runs on the shard's actor.
/// </summary>
/// <remarks>
/// The header is sent to the snapshot store directly, under the number it covers: the actor's own SaveSnapshot would stamp the
/// number of the last event, and recovery would skip what lies between.
/// </remarks>
internal sealed class ShardCheckpoints(ShardStore store, NodeStore node, ICanTell coordinator, DispatcherWork work, IActorRef self,
    IActorRef snapshotStore, ICanTell supervisor, Action<Exception> fail)
{
    private readonly ShardExpiry _expiry = new(store, node, work, self, supervisor);
    private CommitCheckpoint? _committing;
    private IActorRef? _committer;
    private ICanTell _coordinator = coordinator;
    private CheckpointPlan? _plan;
    private bool _wanted;

    /// <summary>After a failed save: whether the header is on disk all the same.</summary>
    internal sealed record HeaderLooked(long Attempt, bool IsThere, Exception Cause) : INoSerializationVerificationNeeded;

    public long CommittedCount { get; private set; }

    public long RestoredCount { get; private set; }

    /// <summary>Why checkpoints fail again and again; null when they do not.</summary>
    public string? Failing { get; set; }

    // A header that is being saved for an earlier coordinator decides itself first.
    private string? Obstacle => _committing is not null ? "an earlier checkpoint is being committed" : store.LossDetail;

    public void Register(IActorRef restarted)
    {
        (_coordinator, _wanted) = (restarted, false);
        // The plan's coordinator is gone. What is being saved decides itself; anything earlier is given up and planned again.
        if (_committing is not null) _committer = null;
        else Restore();
        restarted.Tell(new RegisterShard(store.Shard, store.Epoch), self);
        AfterApply();
    }

    public void AfterApply()
    {
        if (!_wanted && store.NeedsCheckpoint) Want();
    }

    public void Want()
    {
        _wanted = true;
        _coordinator.Tell(new CheckpointWanted(store.Shard), self);
    }

    public void Request(Ticket ticket) =>
        // The coordinator answers a stand-in, so that the answer passes through the ticket and gives its place back.
        _coordinator.Tell(new CheckpointRequested(store.Shard, new TicketRef(ticket)), self);

    public void Handle(ICheckpointMessage message, IActorRef sender)
    {
        switch (message)
        {
            case BeginCheckpoint begin:
                _wanted = false;
                var obstacle = Obstacle;
                var plan = obstacle is null ? Plan(begin.Force) : null;
                sender.Tell(new CheckpointPlanned(begin.Attempt, plan, store.Header?.Generation ?? 0, obstacle), self);
                break;
            case LookForCheckpoint:
                AfterApply();
                _expiry.Look();
                break;
            case ShardExpiry.Looked looked:
                _expiry.OnLooked(looked);
                break;
            case CommitCheckpoint commit:
                if (!ReferenceEquals(_plan, commit.Result.Plan)) break;
                (_committing, _committer) = (commit, sender);
                snapshotStore.Tell(new SaveSnapshot(EntityActorsSnapshotStore.MetadataOf(commit.Result.Header), commit.Result.Header), self);
                break;
            case RestoreHeader restore:
                if (!ReferenceEquals(_plan, restore.Plan)) break;
                Restore();
                sender.Tell(new HeaderRestored(restore.Attempt), self);
                break;
            default:
                throw new InvariantViolationException($"{message.GetType()} is not for a shard");
        }
    }

    public void OnHeaderSaved(SnapshotMetadata metadata)
    {
        if (IsCommitting(metadata)) Adopt();
    }

    /// <summary>A save that timed out may have landed: what counts is what is on disk.</summary>
    public void OnHeaderNotSaved(SnapshotMetadata metadata, Exception cause)
    {
        if (!IsCommitting(metadata)) return;
        var (attempt, header) = (_committing!.Attempt, _committing.Result.Header);
        _ = work.Run(() => IsOnDisk(header)).PipeTo(self,
            success: found => new HeaderLooked(attempt, found, cause),
            failure: _ => new HeaderLooked(attempt, false, cause));
    }

    public void OnHeaderLooked(HeaderLooked looked)
    {
        if (_committing?.Attempt != looked.Attempt) return;
        if (looked.IsThere)
        {
            Adopt();
            return;
        }

        var attempt = _committing.Attempt;
        _committing = null;
        var cause = SupervisionPolicy.Unwrap(looked.Cause);
        if (SupervisionPolicy.IsFenced(cause)) fail(cause);
        else if (_committer is null) Restore();
        else _committer.Tell(new CheckpointCommitFailed(attempt, cause), self);
    }

    private CheckpointPlan? Plan(bool force)
    {
        Restore();
        return _plan = store.Plan(force);
    }

    private void Restore()
    {
        if (_plan is null) return;
        store.Restore(_plan);
        _plan = null;
        RestoredCount++;
    }

    private bool IsCommitting(SnapshotMetadata metadata) =>
        _committing is not null && metadata.SequenceNr == _committing.Result.Header.Sequence.Value;

    private void Adopt()
    {
        var (attempt, result) = (_committing!.Attempt, _committing.Result);
        _committing = null;
        try
        {
            store.Commit(node, result);
        }
        catch (StoreException cause)
        {
            // The header on disk is valid and lists a segment that cannot be opened: start again from disk.
            fail(cause);
            return;
        }

        CommittedCount++;
        _plan = null;
        _committer?.Tell(new CheckpointCommitted(attempt, result), self);
        AfterApply();
    }

    private bool IsOnDisk(ShardHeader header)
    {
        foreach (var found in node.Headers.List(header.Shard))
        {
            if (found.Epoch == header.Epoch && found.Generation == header.Generation)
                return node.Log.IsStillOwner(header.Shard, header.Epoch);
        }

        return false;
    }
}
