using EntityActors.Actors.Protocol;
using EntityActors.Storage.Integrity;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Shards;

/// <summary>Checks every byte that a shard rests on and every invariant of its segments. Blocks on disk; touches no actor.</summary>
internal static class ShardVerification
{
    /// <param name="repairs">Whether damaged segments are written anew.</param>
    public static VerifyOutcome Run(NodeStore store, ShardId shard, bool repairs)
    {
        if (repairs) store.Log.FreesDamagedLogs = true;
        var scrub = new ScrubReport();
        foreach (var bytes in new StoreScrubber(store, repairs).Shard(shard, scrub)) Invariant.Check(bytes >= 0, "a step of a scrub reads bytes");
        // In the order they were found, each once: the segments are read again for what their rows mean.
        var findings = new List<string>();
        foreach (var finding in scrub.Findings)
        {
            if (finding.Result != ScrubResult.Rewritten) Add(findings, finding.Sentence);
        }

        var checkedBytes = VerifySegments(store, shard, sentence => Add(findings, sentence));
        var remedy = scrub.WantsRestarts ? VerifyRemedy.CheckpointsAndRestart
            : scrub.WantsCheckpoints.Count > 0 ? VerifyRemedy.Checkpoints
            : VerifyRemedy.None;
        var repaired = scrub.Findings.Where(finding => finding.Result == ScrubResult.Rewritten).Select(finding => finding.Sentence);
        return new VerifyOutcome(shard, [.. findings], [.. repaired.Distinct()], remedy, checkedBytes);
    }

    private static void Add(List<string> findings, string sentence)
    {
        if (!findings.Contains(sentence)) findings.Add(sentence);
    }

    private static long VerifySegments(NodeStore store, ShardId shard, Action<string> finding)
    {
        long checkedBytes = 0;
        var named = new NamedBlobs(store.Files, store.Layout, shard);
        var seen = new HashSet<SegmentId>();
        foreach (var header in store.Headers.List(shard))
        {
            checkedBytes += header.Encode().Length;
            foreach (var info in header.Segments)
            {
                if (seen.Add(info.Id) && TryVerify(store, shard, info, finding, named)) checkedBytes += info.LengthBytes;
            }
        }

        store.AddChangesInMemory(shard, named.Add);
        foreach (var problem in named.Problems()) finding(problem.Message);
        return checkedBytes;
    }

    private static bool TryVerify(NodeStore store, ShardId shard, SegmentInfo info, Action<string> finding, NamedBlobs named)
    {
        try
        {
            using var segment = Segment.Open(store.Files, store.Layout.Segment(shard, info.Id), info, new BlockCache(0));
            segment.Verify(finding, named.Add);
            return true;
        }
        catch (CorruptDataException damage)
        {
            finding(damage.Message);
            return true;
        }
        catch (StoreIoException failure)
        {
            // A checkpoint may have trimmed the segment since its header was listed; only a segment still needed is missing.
            if (store.Headers.List(shard).Any(header => header.Segments.Any(needed => needed.Id == info.Id))) finding(failure.Message);
            return false;
        }
    }
}
