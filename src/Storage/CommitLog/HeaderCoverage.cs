using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>What both retained headers of a shard cover: epoch and sequence of the older one.</summary>
/// <remarks>The default, epoch 0 and sequence 0, says that there are not two headers yet: every record is needed.</remarks>
public sealed record HeaderCoverage(Epoch OlderEpoch, SequenceNumber OlderSequence)
{
    public static readonly HeaderCoverage None = new(default, default);
}
