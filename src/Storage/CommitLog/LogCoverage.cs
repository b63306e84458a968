using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>Up to which event two committed headers of each shard cover it, as far as this process was told or reads. Thread-safe.</summary>
/// <param name="readHeaders">What a shard's headers on disk cover; null when only owners tell.</param>
/// <param name="isOwned">Whether this process owns the shard now: then nobody else tells.</param>
internal sealed class LogCoverage(Func<ShardId, HeaderCoverage>? readHeaders, Func<ShardId, bool> isOwned)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ShardId, SequenceNumber> _released = [];
    private readonly Dictionary<ShardId, SequenceNumber> _takenOver = [];

    public void Raise(ShardId shard, SequenceNumber covered)
    {
        lock (_gate)
        {
            if (covered > _released.GetValueOrDefault(shard)) _released[shard] = covered;
        }
    }

    /// <param name="last">Last event that the shard had when it was taken over.</param>
    public void TakenOver(ShardId shard, SequenceNumber last)
    {
        lock (_gate) _takenOver[shard] = last;
    }

    public bool IsTakenOverAndCovered(ShardId shard)
    {
        lock (_gate) return _takenOver.TryGetValue(shard, out var last) && _released.GetValueOrDefault(shard) >= last;
    }

    public bool IsNeeded(ShardId shard, SequenceNumber sequence)
    {
        lock (_gate) return _released.GetValueOrDefault(shard) < sequence;
    }

    /// <summary>Whether two committed headers cover the shard's events up to this one: as its owner said, or as its headers say on disk.</summary>
    public bool IsCovered(ShardId shard, SequenceNumber last)
    {
        if (!IsNeeded(shard, last)) return true;
        if (readHeaders is null || isOwned(shard)) return false;
        try
        {
            var covered = readHeaders(shard).OlderSequence;
            Raise(shard, covered);
            return covered >= last;
        }
        catch (CorruptDataException)
        {
            // Its owner will say so; here it only means that nothing is freed.
            return false;
        }
    }
}
