using EntityActors.Storage.Model;

namespace EntityActors.Storage.Integrity;

/// <summary>What became of a damaged place.</summary>
public enum ScrubResult
{
    /// <summary>It is as it was before the damage.</summary>
    Rewritten = 1,

    /// <summary>Something else stands in for it; two checkpoints of the shard make it unneeded.</summary>
    Covered = 2,

    /// <summary>Only found: no repair was asked for, or the disk did not let it happen.</summary>
    Damaged = 3,

    /// <summary>Nothing can rebuild it.</summary>
    Lost = 4,
}

/// <summary>One damaged place that a scrub found, as a sentence.</summary>
public sealed record ScrubFinding(ShardId Shard, string Path, long Offset, string Sentence, ScrubResult Result);
