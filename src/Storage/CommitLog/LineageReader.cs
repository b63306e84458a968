using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>What a shard's predecessors left: the events that count, where each epoch ends, and what is to be made durable again.</summary>
/// <param name="Pieces">Events before the seals, oldest epoch first.</param>
/// <param name="Unsealed">Events of the last epoch that served past its seal: visible, but not surely durable. Null when none served.</param>
/// <param name="Floor">Last event that is known to have counted, whether or not the logs still hold it.</param>
internal sealed record Predecessors(IReadOnlyList<LineagePiece> Pieces, LineagePiece? Unsealed, IReadOnlyList<Seal> Seals, SequenceNumber Floor);

/// <summary>Reads claims, seals and logs of the epochs before one. Changes nothing.</summary>
internal sealed class LineageReader(EpochClaims claims, string data, Func<string, LogId, LogIndex> indexOf)
{
    /// <param name="own">The epoch that asks; everything below it that two headers do not cover is read.</param>
    /// <param name="needed">Oldest epoch whose claim must be there.</param>
    /// <exception cref="CorruptDataException">An event that may have been acknowledged is damaged, or what tells of it is missing.</exception>
    public Predecessors Read(ShardId shard, Epoch own, HeaderCoverage coverage, Epoch needed)
    {
        var claimed = ReadClaims(shard, own, coverage, needed);
        // The newest epoch that served knows where all before it ended; epochs claimed after it but never opened hold nothing.
        OpenedEpoch? opened = null;
        for (var i = claimed.Count - 1; i >= 0 && opened is null; i--) opened = claims.ReadOpened(shard, claimed[i].Epoch);
        if (coverage.NewestEpoch > (opened?.Epoch ?? default)) throw Lost(shard, $"{coverage.NewestEpoch}.opened, since that epoch committed a header");
        var pieces = new List<LineagePiece>();
        var seals = new List<Seal>();
        LineagePiece? unsealed = null;
        foreach (var claim in claimed)
        {
            if (opened is null || claim.Epoch > opened.Epoch)
            {
                CheckNeverServed(shard, claim);
                continue;
            }

            var index = indexOf(claim.Node, claim.Log);
            index.Scan();
            var position = claim.Epoch == opened.Epoch ? SealNow(shard, claim, index) : SealIn(opened, claim.Epoch);
            seals.Add(new Seal(claim.Epoch, claim.Node, claim.Log, position));
            pieces.Add(new LineagePiece(index, claim.Epoch, claim.StartPosition, position));
            // From the position just taken: the log of a process that still runs may be read on at any time.
            if (claim.Epoch == opened.Epoch) unsealed = new LineagePiece(index, claim.Epoch, position, long.MaxValue);
        }

        var floor = opened?.LastSequence ?? default;
        if (coverage.OlderSequence > floor) floor = coverage.OlderSequence;
        if (coverage.UsableSequence > floor) floor = coverage.UsableSequence;
        return new Predecessors(pieces, unsealed, seals, floor);
    }

    private List<EpochClaim> ReadClaims(ShardId shard, Epoch own, HeaderCoverage coverage, Epoch needed)
    {
        if (own <= coverage.NewestEpoch) throw Lost(shard, $"claim {coverage.NewestEpoch}, since that epoch committed a header");
        if (claims.ReadOpened(shard, own) is not null) throw Lost(shard, $"claim {own}, since that epoch served");
        var found = claims.List(shard).ToHashSet();
        var oldest = new Epoch(Math.Max(coverage.OlderEpoch.Value, 1));
        var claimed = new List<EpochClaim>();
        for (var epoch = own.Value - 1; epoch >= oldest.Value; epoch--)
        {
            if (found.Contains(new Epoch(epoch))) claimed.Add(claims.Read(shard, new Epoch(epoch)));
            else if (epoch >= needed.Value) throw Lost(shard, $"claim {epoch}");
            else break;
        }

        claimed.Reverse();
        return claimed;
    }

    /// <summary>An epoch without an opened file holds at most events of its predecessors that it appended again.</summary>
    private void CheckNeverServed(ShardId shard, EpochClaim claim)
    {
        var index = indexOf(claim.Node, claim.Log);
        index.Scan();
        foreach (var entry in index.Find(shard, claim.Epoch, claim.StartPosition, long.MaxValue))
        {
            if (entry.IsAgain) continue;
            // It may have opened since we looked. Its claim is no longer the newest: nothing of it was or will be acknowledged.
            if (claims.ReadOpened(shard, claim.Epoch) is not null) return;
            throw Lost(shard, $"{claim.Epoch}.opened, since that epoch wrote event {entry.Sequence}");
        }
    }

    /// <summary>The watermark of a predecessor's log: up to it everything was durable, past it that is not known.</summary>
    private static long SealNow(ShardId shard, EpochClaim claim, LogIndex index)
    {
        // A log goes only when every shard that served from it has served from another one since.
        if (!index.IsOwn && index.FileStarts().Count == 0)
            throw new CorruptDataException(index.Directory, 0, $"the log that epoch {claim.Epoch} of shard {shard} served from", "no file");
        var watermark = index.Watermark;
        var known = index.FindLast(shard, claim.Epoch, claim.StartPosition, long.MaxValue)?.Position ?? claim.StartPosition;
        if (index.DamageAfter(known) is { } damage)
        {
            var (path, offset) = index.PlaceOf(damage.From);
            throw new CorruptDataException(path, offset, $"{damage.To - damage.From} synced bytes that may hold events of shard {shard}", "other bytes");
        }

        return Math.Max(watermark, claim.StartPosition);
    }

    private static long SealIn(OpenedEpoch opened, Epoch epoch)
    {
        foreach (var seal in opened.Seals)
        {
            if (seal.Epoch == epoch) return seal.Position;
        }

        // Claimed before it but never opened.
        return 0;
    }

    private CorruptDataException Lost(ShardId shard, string what) => new(LogLayout.EpochDirectory(data, shard), 0, what, "none");
}
