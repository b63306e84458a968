using EntityActors.Storage.Model;

namespace EntityActors.Storage.Segments;

/// <summary>What of trimmed histories a merge leaves out. For one merge.</summary>
/// <remarks>
/// Newer segments come first: the one that holds an entity's base gets the base, its whole state and content, in place of what was before it; from then
/// on older segments have nothing of the entity that counts, and their merges leave all of it out.
/// </remarks>
/// <param name="source">All segments of the shard. They hold everything that was recorded before the trims.</param>
/// <param name="merged">The segments to be merged.</param>
/// <param name="trims">By dataset, those that may take bytes away by now.</param>
internal sealed class HistoryCut(SegmentSet source, IReadOnlyList<Segment> merged, IReadOnlyDictionary<string, HistoryTrim> trims, Erasure erasure)
{
    private readonly Segment[] _newer = [.. source.Segments.SkipWhile(segment => segment != merged[^1]).Skip(1)];

    /// <summary>Datasets of which something goes once a newer segment holds the base.</summary>
    public HashSet<string> Waiting { get; } = [];

    /// <summary>Whether anything was left out.</summary>
    public bool IsAny { get; private set; }

    /// <param name="runs">All that the merged segments hold of one entity that was not purged, oldest first.</param>
    /// <param name="join">Makes one run of several that follow each other.</param>
    /// <returns>What stays of it, null when nothing does.</returns>
    public SegmentEntity? Cut(SegmentEntity[] runs, Func<SegmentEntity[], SegmentEntity> join)
    {
        var (key, ordinal) = (runs[0].After.Key, runs[0].After.Ordinal);
        foreach (var segment in _newer)
        {
            if (segment.Bases(key.Dataset).Contains(ordinal)) return LeaveOut(runs, runs.Length);
        }

        var begin = Array.FindLastIndex(runs, static run => run.IsTrimmed);
        if (begin > 0) _ = LeaveOut(runs, begin);
        var joined = join(begin > 0 ? runs[begin..] : runs);
        if (key.Dataset == HistoryTrim.StoredIn) return CutOwn(joined);
        if (!trims.TryGetValue(key.Dataset, out var trim)) return joined;
        // Nothing was before its only change, and nothing of it is elsewhere.
        if (joined.After.Revision == 1 && !_newer.Any(segment => segment.Holds(ordinal))) return joined;
        var revision = BaseOf(source, key, trim);
        if (revision > joined.After.Revision)
        {
            Waiting.Add(key.Dataset);
            return joined;
        }

        return revision < joined.FirstRevision || (revision == joined.FirstRevision && joined.Before is null) ? joined : CutAt(joined, revision);
    }

    /// <summary>Changes left out of entities that record trims. No reason to write a segment anew.</summary>
    public long OwnCount { get; private set; }

    /// <summary>Only the last trim counts, so earlier ones go whenever a merge has them all.</summary>
    private SegmentEntity CutOwn(SegmentEntity entity)
    {
        var last = entity.After.Revision;
        if (entity.Before is not null || entity.FirstRevision == last) return entity;
        OwnCount += last - entity.FirstRevision;
        erasure.LeftOut(0, last - entity.FirstRevision, 0);
        return new SegmentEntity(null, From(entity, last), entity.After) { BaseRevision = last };
    }

    /// <summary>Revision of an entity's base by a trim; 1 or less when nothing of it goes.</summary>
    private static long BaseOf(SegmentSet segments, EntityKey key, HistoryTrim trim)
    {
        var revision = segments.FindRevision(key, new AsOf(Timestamp.MaxValue, trim.Before));
        if (trim.KeepChanges == 1 || revision <= 1) return revision;
        return Math.Min(revision, segments.FindRevision(key, new AsOf(Timestamp.MaxValue, trim.RecordedAt)) - trim.KeepChanges + 1);
    }

    private SegmentEntity CutAt(SegmentEntity entity, long revision)
    {
        IsAny = true;
        erasure.LeftOut(entity.Before is null ? 0 : -1, revision - entity.FirstRevision, -(entity.Before?.Tags.Length ?? 0));
        return new SegmentEntity(null, From(entity, revision), entity.After) { BaseRevision = revision };
    }

    private IEnumerable<Change> From(SegmentEntity entity, long revision)
    {
        var (state, content) = (entity.Before, (Content?)null);
        foreach (var change in entity.Changes)
        {
            if (change.Revision <= revision)
            {
                state = EntityHead.Apply(state, change);
                content = change.Content ?? content;
            }

            if (change.Revision == revision)
                yield return change.AsBase(state!, content ?? (state!.ContentType is null ? null : source.ReadContent(change.Key, state.ContentRevision)));
            else if (change.Revision > revision)
                yield return change;
        }
    }

    private SegmentEntity? LeaveOut(SegmentEntity[] runs, int count)
    {
        IsAny = true;
        foreach (var run in runs.AsSpan(0, count)) erasure.LeftOut(run);
        return null;
    }
}
