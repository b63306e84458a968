using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>What the headers of a shard say about its log: what may have been trimmed, what is still needed, and who served.</summary>
/// <param name="OlderEpoch">Epoch of the older of two retained headers; 0 while there are not two: then nothing was trimmed.</param>
/// <param name="OlderSequence">Events up to this one may be gone from the log.</param>
public sealed record HeaderCoverage(Epoch OlderEpoch, SequenceNumber OlderSequence)
{
    public static readonly HeaderCoverage None = new(default, default);

    /// <summary>Highest epoch that committed a header, whether or not it can be read; 0 when there is none.</summary>
    public Epoch NewestEpoch { get; init; } = OlderEpoch;

    /// <summary>Epoch of the newest header that can be read: the shard needs nothing from earlier ones.</summary>
    public Epoch UsableEpoch { get; init; } = OlderEpoch;

    /// <summary>Events up to this one are in the newest header that can be read.</summary>
    public SequenceNumber UsableSequence { get; init; } = OlderSequence;
}
