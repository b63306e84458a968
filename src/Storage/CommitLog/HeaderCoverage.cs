using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>What the headers of a shard say about its log: what both retained ones cover, and that the newest one's epoch served.</summary>
/// <param name="OlderEpoch">Epoch of the older retained header; 0 while there are not two: then every record is needed.</param>
public sealed record HeaderCoverage(Epoch OlderEpoch, SequenceNumber OlderSequence)
{
    public static readonly HeaderCoverage None = new(default, default);

    /// <summary>Epoch of the newest header; 0 when there is none.</summary>
    public Epoch NewestEpoch { get; init; } = OlderEpoch;

    /// <summary>Events up to this one were acknowledged: the newest header covers them.</summary>
    public SequenceNumber NewestSequence { get; init; } = OlderSequence;
}
