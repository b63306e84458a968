using EntityActors.Storage.Blobs;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using EntityActors.Storage.Shards;

namespace EntityActors.Storage.Integrity;

/// <summary>Reads what the shards of a running node rest on and mends what it can: headers, segments, claims, events that no header covers.</summary>
/// <remarks>
/// Reads past every cache, through files of its own, so that a merge may delete what is being read. Writes nothing when all is well. A
/// damaged segment is written anew (<see cref="SegmentRepair"/>); a damaged header or event is only reported, since the shard holds
/// what they say in memory: two checkpoints put it into segments under two new headers. Each step returns the bytes it moved, so
/// that the caller may take its time. Several scrubs may run at once.
/// </remarks>
/// <param name="repairs">Whether damaged segments are written anew.</param>
public sealed class StoreScrubber(NodeStore store, bool repairs)
{
    private static long _lastRepair;

    /// <summary>Every shard that this node owns, one after another.</summary>
    public IEnumerable<long> Pass(ScrubReport report)
    {
        for (var i = 0; i < store.Descriptor.ShardCount; i++)
        {
            foreach (var bytes in Shard(new ShardId(i), report)) yield return bytes;
        }
    }

    /// <summary>One shard; nothing is looked at when another node owns it.</summary>
    public IEnumerable<long> Shard(ShardId shard, ScrubReport report)
    {
        if (!store.Log.Owns(shard)) yield break;
        var before = store.Damage.Of(shard);
        // Asked before the files are listed: what it names was committed then.
        var inForce = store.Served(shard)?.Header;
        yield return Count(report, CheckHeaders(shard, inForce, report));
        foreach (var info in SegmentsOf(shard, inForce))
        {
            foreach (var bytes in Segment(shard, info, report)) yield return Count(report, bytes);
        }

        var events = store.Log.Check(shard,
            damage => Add(report, shard, damage.Path, damage.Offset, damage.Message, ScrubResult.Damaged),
            (damage, isInOwnLog) => Add(report, shard, damage.Path, damage.Offset, damage.Message, ScrubResult.Covered, isInOwnLog));
        foreach (var bytes in events) yield return Count(report, bytes);
        foreach (var id in store.BlobFiles.List(shard))
        {
            var blocks = BlobCheck.Run(store.Files, store.BlobFiles.PathOf(shard, id), id,
                damage => Add(report, shard, damage.Path, damage.Offset, damage.Message, ScrubResult.Lost));
            foreach (var bytes in blocks) yield return Count(report, bytes);
        }

        ForgetMended(before, report);
    }

    /// <summary>What was known before and was not found again is no more: two headers cover it, or its file is gone.</summary>
    private void ForgetMended(IReadOnlyList<DamageReport> before, ScrubReport report)
    {
        foreach (var known in before)
        {
            if (!report.Findings.Any(finding => finding.Path == known.Path && finding.Result != ScrubResult.Rewritten)) store.Damage.Forget(known.Path);
        }
    }

    private static long Count(ScrubReport report, long bytes)
    {
        report.Bytes += bytes;
        return bytes;
    }

    private long CheckHeaders(ShardId shard, ShardHeader? inForce, ScrubReport report)
    {
        var bytes = 0L;
        var files = store.Headers.ListFiles(shard);
        foreach (var file in files)
        {
            if (file.Damage is { } damage) Add(report, shard, damage.Path, damage.Offset, damage.Message, ScrubResult.Covered);
            else bytes += file.Header!.Encode().Length;
        }

        if (inForce is not null && store.Log.Owns(shard) && files.All(file => file.Generation < inForce.Generation))
        {
            var path = store.Layout.Header(shard, inForce.Epoch, inForce.Generation);
            Add(report, shard, path, 0, $"{path}: the header in force has no file", ScrubResult.Covered);
        }

        return bytes;
    }

    private IEnumerable<long> Segment(ShardId shard, SegmentInfo info, ScrubReport report)
    {
        var path = store.Layout.Segment(shard, info.Id);
        var repair = new SegmentRepair(store.Files, path, info, $"{store.Log.Current}-{Interlocked.Increment(ref _lastRepair)}");
        using var steps = repair.Run(repairs).GetEnumerator();
        while (true)
        {
            if (!TryStep(steps, shard, info, path, report, out var hasMore)) yield break;
            if (!hasMore) break;
            yield return steps.Current;
        }

        if (repair.Damaged.Count == 0) yield break;
        foreach (var place in repair.Damaged)
        {
            var result = repair.Lost.Contains(place) ? ScrubResult.Lost : repair.IsRewritten ? ScrubResult.Rewritten : ScrubResult.Damaged;
            Add(report, shard, path, place.Offset, place.In(path), result);
        }

        if (repair.IsRewritten) ReadAnew(shard, info, path);
    }

    /// <returns>False when the segment cannot be read on: it is gone with a checkpoint, or that was reported.</returns>
    private bool TryStep(IEnumerator<long> steps, ShardId shard, SegmentInfo info, string path, ScrubReport report, out bool hasMore)
    {
        try
        {
            hasMore = steps.MoveNext();
            return true;
        }
        catch (StoreException failure) when (failure is CorruptDataException or StoreIoException)
        {
            hasMore = false;
            var result = failure is CorruptDataException ? ScrubResult.Lost : ScrubResult.Damaged;
            if (IsNeeded(shard, info.Id)) Add(report, shard, path, 0, failure.Message, result);
            return false;
        }
    }

    private bool IsNeeded(ShardId shard, SegmentId id) =>
        store.Log.Owns(shard) && SegmentsOf(shard, store.Served(shard)?.Header).Any(info => info.Id == id);

    /// <summary>Those of every header on disk, and of the one in force, whose file may be the damaged one.</summary>
    private SegmentInfo[] SegmentsOf(ShardId shard, ShardHeader? inForce) =>
        [.. store.Headers.List(shard).Append(inForce).SelectMany(header => header?.Segments ?? []).DistinctBy(info => info.Id)];

    /// <summary>The shard's open segment goes on with the new file, and nothing more is known to be wrong with it.</summary>
    private void ReadAnew(ShardId shard, SegmentInfo info, string path)
    {
        store.Damage.Forget(path);
        if (store.Served(shard)?.TryAcquireSegments() is not { } segments) return;
        try
        {
            foreach (var segment in segments.Segments)
            {
                if (segment.Info.Id == info.Id) segment.ReadFromFileNow(store.Files);
            }
        }
        catch (StoreIoException failure) when (failure.IsMissing)
        {
            // A checkpoint has deleted it in this moment; its readers go on with the file they have open.
            return;
        }
        finally
        {
            segments.Release();
        }
    }

    private void Add(ScrubReport report, ShardId shard, string path, long offset, string sentence, ScrubResult result, bool isInOwnLog = false)
    {
        report.Add(new ScrubFinding(shard, path, offset, sentence, result), isInOwnLog);
        if (result != ScrubResult.Rewritten) store.Damage.Add(new DamageReport(shard, path, offset, sentence, result == ScrubResult.Covered));
    }
}
