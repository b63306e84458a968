using EntityActors.Actors.Protocol;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Shards;

/// <summary>A serving shard as its owner sees it.</summary>
internal static class ShardStateReport
{
    public static ShardState Of(ShardStore store, NodeStore node, ShardCheckpoints checkpoints, long restarts)
    {
        var now = store.Statistics;
        var detail = store.LossDetail ?? checkpoints.Failing;
        // Damage that something stands in for is told and degrades nothing: every answer is right.
        return new ShardState(store.Shard, detail is null ? ShardStatus.Serving : ShardStatus.Degraded, detail ?? node.Damage.DetailOf(store.Shard),
            node.Log.Node, now.Epoch.Value, now.Generation, now.Sequence.Value, now.CheckpointedSequence.Value, now.EntityCount,
            now.TagCount, now.SegmentCount, now.SegmentBytes, now.MemtableBytes,
            checkpoints.CommittedCount, checkpoints.RestoredCount, restarts);
    }
}
