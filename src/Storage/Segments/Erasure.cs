using EntityActors.Storage.Indexes;

namespace EntityActors.Storage.Segments;

/// <summary>What of purged entities a merge leaves out, and how much it leaves out of all. For one merge.</summary>
/// <remarks>
/// The purge itself stands in the newest segment that has the entity, alone. Whatever older segments have of it is history that nobody may read.
/// </remarks>
/// <param name="purged">Ordinals of purged entities whose history is still in segments.</param>
public sealed class Erasure(OrdinalSet purged)
{
    /// <summary>Entities left out whose first revision was among what was merged.</summary>
    public long NewEntityCount { get; private set; }

    public long ChangeCount { get; private set; }

    /// <summary>Tags added less those removed by the changes left out.</summary>
    public long TagCount { get; private set; }

    /// <param name="runs">All that the merged segments hold of one entity, oldest first.</param>
    /// <param name="purge">What stays of it: its purge if that is among the runs, else nothing.</param>
    /// <returns>False when the entity is not purged and stays whole.</returns>
    internal bool TryErase(SegmentEntity[] runs, out SegmentEntity? purge)
    {
        var last = runs[^1];
        purge = last.IsPurged ? last : null;
        if (purge is null && !purged.Contains(last.After.Ordinal)) return false;
        foreach (var run in runs)
        {
            if (!run.IsPurged) LeftOut(run);
        }

        return true;
    }

    /// <summary>Counts what a merge leaves out; fewer than 0 when what stays counts more than before, until older segments lose theirs.</summary>
    internal void LeftOut(long newEntities, long changes, long tags) =>
        (NewEntityCount, ChangeCount, TagCount) = (NewEntityCount + newEntities, ChangeCount + changes, TagCount + tags);

    /// <summary>Counts a run that goes.</summary>
    internal void LeftOut(SegmentEntity run) =>
        LeftOut(run.Before is null ? 1 : 0, run.ChangeCount, run.After.Tags.Length - (run.Before?.Tags.Length ?? 0));

    /// <summary>The segments to be merged next so that history of purged entities goes, oldest first; empty when there is none.</summary>
    /// <param name="oldestFirst">All segments of the shard.</param>
    /// <remarks>One segment at a time. One that holds nothing else is merged with what follows it, since a segment is never empty.</remarks>
    internal static Segment[] Pick(IReadOnlyList<Segment> oldestFirst, OrdinalSet purged)
    {
        var erased = CountErased(oldestFirst, purged);
        var first = Array.FindIndex(erased, static count => count > 0);
        if (first < 0) return [];
        var end = first;
        while (oldestFirst[end].Info.EntityCount == erased[end]) end++;
        return [.. oldestFirst.Skip(first).Take(end - first + 1)];
    }

    /// <summary>Whether a merge of these segments would leave nothing.</summary>
    internal static bool LeavesNothing(IReadOnlyList<Segment> oldestFirst, OrdinalSet purged, IEnumerable<SegmentId> run)
    {
        if (purged.IsEmpty) return false;
        var (erased, ids) = (CountErased(oldestFirst, purged), run.ToHashSet());
        for (var i = 0; i < erased.Length; i++)
        {
            if (ids.Contains(oldestFirst[i].Info.Id) && oldestFirst[i].Info.EntityCount > erased[i]) return false;
        }

        return true;
    }

    /// <summary>Purged entities whose history is still in segments when these have been merged.</summary>
    internal static OrdinalSet After(IReadOnlyList<Segment> oldestFirst, OrdinalSet purged, IReadOnlyCollection<Segment> merged)
    {
        var left = new OrdinalSet();
        foreach (var ordinal in purged.From(0))
        {
            var isNewest = true;
            for (var i = oldestFirst.Count - 1; i >= 0; i--)
            {
                if (!oldestFirst[i].Holds(ordinal)) continue;
                if (!isNewest && !merged.Contains(oldestFirst[i])) left.Add(ordinal);
                isNewest = false;
            }
        }

        return left;
    }

    /// <summary>For each segment the number of purged entities of which it holds history. The newest one that has the entity holds the purge.</summary>
    private static long[] CountErased(IReadOnlyList<Segment> oldestFirst, OrdinalSet purged)
    {
        var counts = new long[oldestFirst.Count];
        foreach (var ordinal in purged.From(0))
        {
            var isNewest = true;
            for (var i = counts.Length - 1; i >= 0; i--)
            {
                if (!oldestFirst[i].Holds(ordinal)) continue;
                if (!isNewest) counts[i]++;
                isNewest = false;
            }
        }

        return counts;
    }
}
