using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;

namespace EntityActors.Storage.Shards;

/// <summary>What a shard held when the view was taken; usable on any thread until disposed. Reads block on disk.</summary>
/// <remarks>
/// Memtables go on changing under a view, but only by changes recorded after it, which its readers' <see cref="AsOf"/> hides.
/// Feeds are read by one thread at a time. Every method throws <see cref="CorruptDataException"/> when stored bytes are damaged beyond repair.
/// </remarks>
public sealed class ShardView : IDisposable
{
    private readonly Memtable _active;
    private readonly Memtable? _frozen;
    private readonly SegmentSet _segments;
    private readonly LostEntities _lost;
    private readonly TrimmedHistories _histories;
    private readonly Dictionary<string, OrdinalSet> _purged = [];
    private int _disposed;

    internal ShardView(Memtable active, Memtable? frozen, SegmentSet segments, LostEntities lost, IReadOnlyDictionary<string, HistoryTrim> trims)
    {
        (_active, _frozen, _segments, _lost) = (active, frozen, segments, lost);
        _histories = new TrimmedHistories(trims, segments, Find, (key, revision) => Read(key, revision, revision, long.MaxValue)[0]);
    }

    /// <summary>State of the entity, null when none of its changes is visible. A purged one is purged at every moment.</summary>
    /// <exception cref="HistoryTrimmedException">Changes that the read would see were trimmed.</exception>
    public EntityHead? Get(EntityKey key, AsOf asOf) => _histories.Checked(key, asOf, Find(key, asOf));

    /// <summary>The state as it is found, trimmed or not.</summary>
    private EntityHead? Find(EntityKey key, AsOf asOf)
    {
        var (active, frozen) = (_active.Find(key), _frozen?.Find(key));
        if ((active ?? frozen)?.Current is { Lifecycle: Lifecycle.Purged } purged) return purged;
        return active?.StateAt(asOf) ?? frozen?.StateAt(asOf) ?? FindInSegments(key, asOf);
    }

    /// <summary>Content of the entity in this state; null when it has none.</summary>
    public Content? ContentOf(EntityHead head)
    {
        if (head.ContentType is null) return null;
        var change = _active.Find(head.Key)?.Find(head.ContentRevision) ?? _frozen?.Find(head.Key)?.Find(head.ContentRevision);
        return change is not null ? change.Content : _segments.ReadContent(head.Key, head.ContentRevision);
    }

    /// <summary>Entities that match.</summary>
    public OrdinalSet Find(TagQuery query, AsOf asOf)
    {
        _lost.ThrowIfAnySeen(query.Dataset, asOf);
        _histories.Require(query.Dataset, asOf);
        return TagQueryEvaluator.Evaluate(Sources(), query, asOf);
    }

    /// <summary>Tags held by active entities, in order, with the number of their holders.</summary>
    public IEnumerable<(string Tag, long Count)> Tags(string dataset, string prefix, string? after, AsOf asOf)
    {
        _lost.ThrowIfAnySeen(dataset, asOf);
        _histories.Require(dataset, asOf);
        return TagQueryEvaluator.CountTags(Sources(), dataset, prefix, after, asOf);
    }

    /// <summary>Datasets after one in order, with the number of their active entities.</summary>
    public IEnumerable<(string Dataset, long Count)> Datasets(string? after, AsOf asOf)
    {
        // Those, too, that were trimmed so far that nothing of them is seen.
        _histories.RequireAll(asOf);
        foreach (var counted in TagQueryEvaluator.CountDatasets(Sources(), after, asOf))
        {
            // The store's own, which no caller asks about.
            if (counted.Dataset == HistoryTrim.StoredIn) continue;
            _lost.ThrowIfAnySeen(counted.Dataset, asOf);
            yield return counted;
        }
    }

    /// <summary>Names that tags of this dataset have or had, in order.</summary>
    /// <exception cref="HistoryTrimmedException">Those of this moment may have gone.</exception>
    public IEnumerable<string> TagNames(string dataset, AsOf asOf)
    {
        _histories.Require(dataset, asOf);
        return TagQueryEvaluator.TagNames(Sources(), dataset);
    }

    /// <summary>Moment from which on a dataset can be asked about as a whole; 0 when nothing of it was trimmed.</summary>
    public Timestamp HorizonOf(string dataset) => _histories.HorizonOf(dataset);

    /// <summary>The last trim of a dataset that the view obeys; null when there was none.</summary>
    internal HistoryTrim? TrimOf(string dataset) => _histories.TrimOf(dataset);

    /// <summary>Number of changes that a trim would take from an entity, besides those that are gone.</summary>
    public TrimCount CountTrimmable(EntityHead head, HistoryTrim trim) => _histories.CountTrimmable(head, trim);

    /// <summary>State of the entity with this ordinal.</summary>
    public EntityHead? GetByOrdinal(uint ordinal, AsOf asOf)
    {
        if ((_active.KeyOf(ordinal) ?? _frozen?.KeyOf(ordinal)) is { } key) return Get(key, asOf);
        var head = _segments.FindHeadByOrdinal(ordinal);
        if (head is null) return null;
        _lost.ThrowIfSeen(head.Key, asOf);
        return IsAnswer(head, asOf) ? head : _histories.Checked(head.Key, asOf, _segments.FindState(head.Key, asOf));
    }

    /// <summary>Visible changes with <paramref name="from"/> ≤ at ≤ <paramref name="to"/> after a revision, oldest first; of a purged one the purge.</summary>
    /// <param name="bytesMax">No further change is taken once those taken hold this many bytes of content and tags.</param>
    /// <param name="exists">Whether any change of the entity is visible.</param>
    /// <param name="hasMore">Whether there are more than were taken.</param>
    /// <exception cref="CorruptDataException">A change that must be in a segment is not there.</exception>
    /// <exception cref="HistoryTrimmedException">
    /// What was between <paramref name="from"/> and its base was trimmed. Without that time it begins at the base.
    /// </exception>
    public IReadOnlyList<Change> History(EntityKey key, Timestamp? from, Timestamp? to, long afterRevision, int limit, long bytesMax,
        AsOf asOf, out bool exists, out bool hasMore)
    {
        if (Get(key, asOf) is { Lifecycle: Lifecycle.Purged } purged)
        {
            (exists, hasMore) = (true, false);
            return Read(key, purged.Revision, purged.Revision, bytesMax);
        }

        var last = Get(key, asOf with { At = to is { } end && end < asOf.At ? end : asOf.At })?.Revision ?? 0;
        exists = last > 0 || Get(key, asOf) is not null;
        var first = _histories.BaseOf(key);
        if (from is { } asked && first > 1 && Change(key, first) is { } begin && asked < begin.At) throw new HistoryTrimmedException(begin.At);
        var before = from is { Nanoseconds: > 1 } start
            ? Find(key, asOf with { At = new Timestamp(start.Nanoseconds - 1) })?.Revision ?? 0
            : 0;
        var skipped = Math.Max(Math.Max(afterRevision, before), first - 1);
        hasMore = false;
        if (skipped >= last) return [];
        var count = (int)Math.Min(last - skipped, limit);
        var changes = Read(key, skipped + 1, skipped + count, bytesMax, first);
        hasMore = skipped + 1 + changes.Count <= last;
        // Purged while it was read: a base has lost its state.
        return first > 1 && Get(key, asOf) is { Lifecycle: Lifecycle.Purged }
            ? History(key, from, to, afterRevision, limit, bytesMax, asOf, out exists, out hasMore)
            : changes;
    }

    /// <summary>Changes of all entities recorded after a time and up to the read's, in the order in which they were recorded.</summary>
    /// <exception cref="CorruptDataException">The next change, or where it might be, is lost.</exception>
    /// <exception cref="CursorExpiredException">Changes of a dataset that the filter lets through may have been trimmed after the time.</exception>
    public ChangePage ChangesAfter(Timestamp after, ChangeFilter filter, ChangePageLimits limits, Timestamp recordedBy)
    {
        var (end, isCut, horizon) = (recordedBy, false, _histories.HorizonOf(filter));
        if (_lost.FirstAfter(after, filter.Dataset) is { } lost && lost.RecordedAt <= recordedBy)
        {
            // What lies before it is given; the next page starts at it and says so.
            if (lost.RecordedAt.Nanoseconds == after.Nanoseconds + 1) throw lost.Damage;
            (end, isCut) = (new Timestamp(lost.RecordedAt.Nanoseconds - 1), true);
        }

        var (changes, bytes, examined, through) = (new List<Change>(), 0L, 0, after);
        foreach (var change in Recorded(after))
        {
            if (change.RecordedAt > end && change.RecordedAt > horizon) break;
            if (change.RecordedAt <= through) throw NotRising(change, through);
            if (change.RecordedAt <= horizon && _histories.MayMiss(change, filter) && !IsErased(change) && !_lost.IsPurged(change.Key))
                throw new CursorExpiredException(_histories.HorizonOf(change.Key.Dataset));
            if (change.RecordedAt > end) continue;
            if (changes.Count == limits.CountMax || bytes >= limits.BytesMax || examined == limits.ExaminedMax) return new ChangePage(changes, through, true);
            examined++;
            through = change.RecordedAt;
            if (change.Key.Dataset == HistoryTrim.StoredIn || !filter.Matches(change) || IsErased(change) || _lost.IsPurged(change.Key)) continue;
            changes.Add(change);
            bytes += BytesOf(change);
        }

        return new ChangePage(changes, end > after ? end : after, isCut);
    }

    /// <summary>Changes that are in no segment of the view, each memtable's in their order.</summary>
    public IEnumerable<Change> ChangesInMemory() => After(_frozen?.Recorded.Snapshot() ?? default, default).Concat(After(_active.Recorded.Snapshot(), default));

    /// <summary>Entities that have expired, those that are due longest first.</summary>
    /// <param name="from">Where the scan before this one says to go on; 0 at first.</param>
    public ExpiryScan FindExpired(Timestamp from, Timestamp now, int limit, AsOf asOf)
    {
        var after = from.Nanoseconds > 0 ? ExpiryTags.Of(new Timestamp(from.Nanoseconds - 1)) : null;
        var expired = new List<EntityHead>();
        foreach (var tag in TagQueryEvaluator.TagsOf(Sources(), ExpiryTags.Dataset, ExpiryTags.Prefix, after))
        {
            var start = ExpiryTags.StartOf(tag);
            // Whatever was written since sees to itself.
            if (start > now) return new ExpiryScan(expired, from, start);
            Timestamp? next = null;
            foreach (var ordinal in TagQueryEvaluator.Holders(Sources(), ExpiryTags.Dataset, tag, asOf).From(0))
            {
                if (GetByOrdinal(ordinal, asOf) is not { ExpiresAt: { } expiresAt } head) continue;
                if (expiresAt <= now) expired.Add(head);
                else if (next is null || expiresAt < next) next = expiresAt;
                if (expired.Count == limit) return new ExpiryScan(expired, from, now);
            }

            if (next is not null) return new ExpiryScan(expired, from, next);
            // What was found here is asked about again, until it is deleted.
            if (expired.Count == 0) from = start;
        }

        return new ExpiryScan(expired, from, null);
    }

    /// <summary>The visible change of this entity made at exactly this time, or null.</summary>
    public Change? ChangeAt(EntityKey key, Timestamp at, AsOf asOf)
    {
        if (at > asOf.At) return null;
        var head = Get(key, asOf with { At = at });
        if (head is null || head.UpdatedAt != at) return null;
        var change = Change(key, head.Revision);
        // Purged while it was read.
        return change.IsBase && Get(key, asOf) is { Lifecycle: Lifecycle.Purged, Revision: var purge } && purge != change.Revision ? null : change;
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0) _segments.Release();
    }

    private EntityHead? FindInSegments(EntityKey key, AsOf asOf)
    {
        _lost.ThrowIfSeen(key, asOf);
        if (!_segments.MightContain(key)) return null;
        var head = _segments.FindHead(key);
        if (head is null || IsAnswer(head, asOf)) return head;
        return _segments.FindState(key, asOf);
    }

    /// <summary>Whether the newest state is what the read gets: it sees it, or there is no other any more.</summary>
    private static bool IsAnswer(EntityHead newest, AsOf asOf) => newest.Lifecycle == Lifecycle.Purged || asOf.Sees(newest);

    private Change Change(EntityKey key, long revision) => Read(key, revision, revision, long.MaxValue, _histories.BaseOf(key))[0];

    /// <summary>The change as its history begins with it, before and after its segment was written anew alike.</summary>
    private Change AsBase(Change change)
    {
        if (change.IsBase || change.Lifecycle == Lifecycle.Purged) return change;
        var state = Find(change.Key, new AsOf(change.At, change.RecordedAt))
            ?? throw new InvariantViolationException($"revision {change.Revision} of {change.Key} leads to a state");
        return change.AsBase(state, ContentOf(state));
    }

    /// <param name="begin">Revision that the entity's history begins with.</param>
    private List<Change> Read(EntityKey key, long first, long last, long bytesMax, long begin = 1)
    {
        var changes = new List<Change>();
        if (last < first) return changes;
        var bytes = 0L;
        foreach (var change in Enumerate(key, first, last))
        {
            changes.Add(change.Revision == begin && begin > 1 ? AsBase(change) : change);
            bytes += BytesOf(changes[^1]);
            if (bytes >= bytesMax) break;
        }

        return changes;
    }

    private IEnumerable<Change> Enumerate(EntityKey key, long first, long last)
    {
        var active = _active.Find(key);
        var frozen = _frozen?.Find(key);
        var oldest = frozen ?? active;
        var memoryFrom = oldest is null ? long.MaxValue : (oldest.Before?.Revision ?? 0) + 1;
        var next = first;
        if (first < memoryFrom)
        {
            foreach (var change in _segments.ReadChanges(key, first, Math.Min(last, memoryFrom - 1)))
            {
                if (change.Revision != next) throw Gap(key, next, change.Revision);
                next++;
                yield return change;
            }

            if (next <= Math.Min(last, memoryFrom - 1)) throw Gap(key, next, 0);
        }

        for (; next <= last; next++)
        {
            yield return active?.Find(next) ?? frozen?.Find(next)
                ?? throw new InvariantViolationException($"revision {next} of {key} is in memory");
        }
    }

    /// <summary>From old to new: each segment, then the memtables, holds only what was recorded after everything in the one before.</summary>
    private IEnumerable<Change> Recorded(Timestamp after)
    {
        foreach (var segment in _segments.Segments)
        {
            if (segment.Info.MaxRecordedAt <= after) continue;
            foreach (var change in segment.Recorded.ReadAfter(after)) yield return change;
        }

        if (_frozen is not null)
        {
            foreach (var change in After(_frozen.Recorded.Snapshot(), after)) yield return change;
        }

        foreach (var change in After(_active.Recorded.Snapshot(), after)) yield return change;
    }

    private static IEnumerable<Change> After(ReadOnlyMemory<Change> recorded, Timestamp after)
    {
        int low = 0, high = recorded.Length;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (recorded.Span[middle].RecordedAt <= after) low = middle + 1;
            else high = middle;
        }

        for (var i = low; i < recorded.Length; i++) yield return recorded.Span[i];
    }

    /// <summary>Whether the change belongs to a purged entity and is not the purge.</summary>
    private bool IsErased(Change change)
    {
        if (change.Lifecycle == Lifecycle.Purged) return false;
        if (!_purged.TryGetValue(change.Key.Dataset, out var purged))
            _purged.Add(change.Key.Dataset, purged = TagQueryEvaluator.Purged(Sources(), change.Key.Dataset));
        return purged.Contains(change.Ordinal);
    }

    private CorruptDataException NotRising(Change change, Timestamp before) =>
        new(AnyPath, 0, $"a change recorded after {before}", $"revision {change.Revision} of {change.Key} at {change.RecordedAt}");

    private string AnyPath => _segments.Segments.IsEmpty ? "the segments" : _segments.Segments[0].Path;

    private CorruptDataException Gap(EntityKey key, long expected, long found) => new(AnyPath, 0, $"revision {expected} of {key}", $"revision {found}");

    private static long BytesOf(Change change)
    {
        var bytes = (long)(change.Content?.InlineBytes ?? 0);
        foreach (var tag in change.Added) bytes += tag.Text.Length * sizeof(char);
        foreach (var tag in change.Removed) bytes += tag.Text.Length * sizeof(char);
        return bytes;
    }

    private IPostingSource[] Sources()
    {
        var segments = _segments.Segments;
        var sources = new IPostingSource[segments.Length + (_frozen is null ? 1 : 2)];
        for (var i = 0; i < segments.Length; i++) sources[i] = segments[i];
        if (_frozen is not null) sources[^2] = _frozen.Tags;
        sources[^1] = _active.Tags;
        return sources;
    }
}
