using EntityActors.Simulation.Tests.Model;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Simulation.Tests.Stores;

/// <summary>A checkpoint that is done step by step, as the coordinator does it, with other work in between.</summary>
internal sealed class CheckpointProgress(NodeStore node, ShardStore store, CheckpointPlan plan)
{
    private CheckpointResult? _result;
    private int _step;

    public bool IsMerge => plan.Kind == CheckpointKind.Merge;

    /// <summary>Takes the next step.</summary>
    /// <returns>False when it was the last.</returns>
    public bool Advance()
    {
        switch (_step++)
        {
            case 0:
                _result = CheckpointWriter.Write(node, plan);
                return true;
            case 1:
                CheckpointValidator.Validate(node, plan, _result!);
                return true;
            case 2:
                node.Headers.Commit(_result!.Header);
                store.Commit(node, _result);
                return true;
            default:
                node.Trim(_result!);
                return false;
        }
    }

    /// <summary>Whether a failure now is undone by going back to the header snapshot; later it is only a trim that is missing.</summary>
    public bool IsUncommitted => _step <= 3;

    public void Restore()
    {
        if (IsUncommitted) store.Restore(plan);
    }

    /// <summary>A coordinator that does not know yet that its shard was taken over goes on: it must be refused, and must have changed nothing.</summary>
    public void AdvanceFenced()
    {
        // A merge reads segments that the closed shard gave back; its coordinator loses them with the shard.
        if (plan.Kind == CheckpointKind.Merge && _step == 0) return;
        if (_step == 3)
        {
            node.Trim(_result!);
            return;
        }

        try
        {
            while (_step < 3) _ = Advance();
        }
        catch (StaleEpochException)
        {
            return;
        }

        throw new SimulationViolation("a fenced checkpoint was committed");
    }
}
