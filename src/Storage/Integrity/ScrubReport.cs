using EntityActors.Storage.Model;

namespace EntityActors.Storage.Integrity;

/// <summary>What a scrub has read and found so far. For one thread at a time.</summary>
public sealed class ScrubReport
{
    /// <summary>Findings that are kept one by one; the rest of a disk that has gone bad is only counted.</summary>
    private const int FindingsMax = 1000;

    private readonly List<ScrubFinding> _findings = [];
    private readonly HashSet<ShardId> _wantsCheckpoints = [];

    public long Bytes { get; internal set; }

    public long Count { get; private set; }

    public IReadOnlyList<ScrubFinding> Findings => _findings;

    /// <summary>Shards where two checkpoints end what was found.</summary>
    public IReadOnlyCollection<ShardId> WantsCheckpoints => _wantsCheckpoints;

    /// <summary>Whether every shard of the node must start under a new epoch after the checkpoints, so that damage to its log lies before its start.</summary>
    /// <remarks>
    /// An owner that comes later cannot tell whose event a damaged record was: for each shard whose last event stands before it, it may be
    /// a newer one.
    /// </remarks>
    public bool WantsRestarts { get; private set; }

    internal void Add(ScrubFinding finding, bool isInOwnLog)
    {
        Count++;
        WantsRestarts |= isInOwnLog;
        if (finding.Result == ScrubResult.Covered) _wantsCheckpoints.Add(finding.Shard);
        if (_findings.Count < FindingsMax) _findings.Add(finding);
    }
}
