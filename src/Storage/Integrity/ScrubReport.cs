using EntityActors.Storage.Model;

namespace EntityActors.Storage.Integrity;

/// <summary>What a scrub has read and found so far. For one thread at a time.</summary>
public sealed class ScrubReport
{
    /// <summary>Findings that are kept one by one; the rest of a disk that has gone bad is only counted.</summary>
    private const int FindingsMax = 1000;

    private readonly List<ScrubFinding> _findings = [];
    private readonly HashSet<ShardId> _wantsCheckpoints = [];
    private readonly HashSet<ShardId> _wantsRestarts = [];

    public long Bytes { get; internal set; }

    public long Count { get; private set; }

    public IReadOnlyList<ScrubFinding> Findings => _findings;

    /// <summary>Shards where two checkpoints end what was found.</summary>
    public IReadOnlyCollection<ShardId> WantsCheckpoints => _wantsCheckpoints;

    /// <summary>Those where a new epoch must follow the checkpoints, so that damage to the log lies before its start.</summary>
    /// <remarks>An owner that comes later could not tell whether a damaged record at the end of the log held something newer than the headers.</remarks>
    public IReadOnlyCollection<ShardId> WantsRestarts => _wantsRestarts;

    internal void Add(ScrubFinding finding, bool isInLog)
    {
        Count++;
        if (isInLog) _wantsRestarts.Add(finding.Shard);
        if (finding.Result == ScrubResult.Covered) _wantsCheckpoints.Add(finding.Shard);
        if (_findings.Count < FindingsMax) _findings.Add(finding);
    }
}
