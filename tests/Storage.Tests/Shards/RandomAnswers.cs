using EntityActors.Storage.Format;
using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using EntityActors.Tests.Shared.Reference;
using Xunit;

namespace EntityActors.Storage.Tests.Shards;

/// <summary>Compares a view's answers, as of random moments, with those of a dictionary of histories.</summary>
internal sealed class RandomAnswers(Random random, RandomCommands commands, ReferenceStore reference)
{
    private const int MomentCountMax = 4000;

    private readonly List<Timestamp> _moments = [];
    private readonly List<Change> _followed = [];
    private Paging? _paging;
    private Timestamp _followedFrom;
    private Timestamp _followedTo;

    // A query that is read page by page while the writer goes on.
    private sealed class Paging(TagQuery query, AsOf asOf)
    {
        public TagQuery Query { get; } = query;
        public AsOf AsOf { get; } = asOf;
        public List<string> Found { get; } = [];
        public uint From { get; set; }
    }

    /// <summary>Highest recorded time that an answer was given for.</summary>
    public Timestamp AnsweredMax { get; private set; }

    /// <summary>A time of a change, or one beside it; null for now.</summary>
    public Timestamp? RandomMoment()
    {
        if (_moments.Count == 0 || random.Next(2) == 0) return null;
        var moment = random.Next(3) == 0 ? _moments[^1] : _moments[random.Next(_moments.Count)];
        return new Timestamp(Math.Max(1, moment.Nanoseconds + random.Next(-1, 2) + (random.Next(8) == 0 ? random.Next(1_000_000) : 0)));
    }

    public AsOf RandomAsOf(AsOf now)
    {
        var (at, recorded) = (RandomMoment() ?? now.At, RandomMoment() ?? now.RecordedAt);
        var seen = recorded < now.RecordedAt ? recorded : now.RecordedAt;
        return new AsOf(at < seen ? at : seen, seen);
    }

    public void CompareOne(ShardView view, AsOf asOf)
    {
        Remember(asOf);
        if (_paging is { } paging && IsTrimmed(paging.Query.Dataset, paging.AsOf)) _paging = null;
        switch (random.Next(8))
        {
            case 0:
                CompareEntity(view, commands.Key(), asOf);
                break;
            case 1:
                CompareQuery(view, asOf);
                break;
            case 2:
                CompareTags(view, asOf);
                break;
            case 3:
                CompareHistory(view, commands.Key(), asOf);
                break;
            case 4:
                CompareChangeAt(view, commands.Key(), asOf);
                break;
            case 5:
                CompareExpired(view, asOf);
                break;
            case 6:
                CompareFeed(view, asOf.RecordedAt);
                break;
            default:
                NextPage(view, asOf);
                break;
        }
    }

    public void CompareAll(ShardView view, AsOf asOf)
    {
        Remember(asOf);
        foreach (var key in reference.Keys.Concat(reference.Purged.Keys))
        {
            CompareEntity(view, key, asOf);
            if (random.Next(10) == 0) CompareHistory(view, key, asOf);
        }

        for (var i = 0; i < 3; i++)
        {
            CompareQuery(view, asOf);
            CompareTags(view, asOf);
        }
    }

    private void Remember(AsOf asOf)
    {
        if (asOf.RecordedAt > AnsweredMax) AnsweredMax = asOf.RecordedAt;
        if (_moments.Count >= MomentCountMax) _moments.RemoveRange(0, MomentCountMax / 2);
        _moments.Add(asOf.RecordedAt);
        var history = reference.History(commands.Key(), asOf);
        if (history.Count == 0) return;
        var change = history[random.Next(history.Count)];
        _moments.Add(change.At);
        _moments.Add(change.RecordedAt);
    }

    private void CompareEntity(ShardView view, EntityKey key, AsOf asOf)
    {
        if (reference.IsTrimmed(key, asOf))
        {
            var trimmed = Assert.Throws<HistoryTrimmedException>(() => view.Get(key, asOf));
            Assert.Equal(reference.History(key, AsOf.Everything)[(int)reference.BaseOf(key) - 1].At, trimmed.Earliest);
            return;
        }

        var expected = reference.State(key, asOf);
        var actual = view.Get(key, asOf);
        if (reference.Purged.TryGetValue(key, out var purge))
        {
            Assert.Equal(EntityHead.Apply(null, purge) with { Tags = default }, actual! with { Tags = default });
            Assert.Empty(actual.Tags);
            Assert.Equal(actual.Revision, view.GetByOrdinal(actual.Ordinal, asOf)?.Revision);
            return;
        }

        Assert.True(expected?.Revision == actual?.Revision, $"{key} has revision {actual?.Revision}, not {expected?.Revision}, as of {asOf}");
        if (expected is null) return;
        Assert.Equal(expected.Tags, actual!.Tags.Select(tag => tag.Text));
        Assert.Equal((expected.Lifecycle, expected.CreatedAt, expected.UpdatedAt), (actual.Lifecycle, actual.CreatedAt, actual.UpdatedAt));
        Assert.Equal(expected.ExpiresAt, actual.ExpiresAt);
        var content = view.ContentOf(actual);
        Assert.Equal(expected.Content?.ContentType, content?.ContentType);
        Assert.Equal(expected.Content?.Bytes.ToArray() ?? [], content?.Bytes.ToArray() ?? []);
        Assert.Equal(actual.ContentLength, content?.Bytes.Length ?? 0);
        Assert.Equal((actual.Key, actual.Revision), view.GetByOrdinal(actual.Ordinal, asOf) is { } again ? (again.Key, again.Revision) : default);
    }

    private bool IsTrimmed(string dataset, AsOf asOf) => asOf.At < reference.HorizonOf(dataset) || asOf.RecordedAt < reference.HorizonOf(dataset);

    private void CompareQuery(ShardView view, AsOf asOf)
    {
        var query = commands.Query();
        if (IsTrimmed(query.Dataset, asOf))
        {
            Assert.Equal(reference.HorizonOf(query.Dataset), Assert.Throws<HistoryTrimmedException>(() => view.Find(query, asOf)).Earliest);
            return;
        }

        var found = new List<string>();
        foreach (var ordinal in view.Find(query, asOf).From(0)) found.Add(IdOf(view, ordinal, query, asOf));
        AssertFound(query, asOf, found);
    }

    private void NextPage(ShardView view, AsOf asOf)
    {
        _paging ??= new Paging(commands.Query(), asOf);
        if (IsTrimmed(_paging.Query.Dataset, _paging.AsOf))
        {
            Assert.Throws<HistoryTrimmedException>(() => view.Find(_paging.Query, _paging.AsOf));
            _paging = null;
            return;
        }

        var left = random.Next(1, 8);
        uint? next = null;
        foreach (var ordinal in view.Find(_paging.Query, _paging.AsOf).From(_paging.From))
        {
            if (left-- == 0)
            {
                next = ordinal;
                break;
            }

            _paging.Found.Add(IdOf(view, ordinal, _paging.Query, _paging.AsOf));
        }

        if (next is { } from)
        {
            _paging.From = from;
            return;
        }

        // What was purged since it was found is expected no more.
        _paging.Found.RemoveAll(id => reference.Purged.ContainsKey(new EntityKey(_paging.Query.Dataset, id)));
        AssertFound(_paging.Query, _paging.AsOf, _paging.Found);
        _paging = null;
    }

    /// <summary>A page of the feed from any place, and the next one of a reader that began with the run and outlives every restart.</summary>
    public void CompareFeed(ShardView view, Timestamp recordedBy)
    {
        var after = RandomMoment() ?? default;
        var filter = commands.Filter();
        var limits = new ChangePageLimits(random.Next(1, 40), random.Next(3) == 0 ? random.Next(1, 400) : long.MaxValue, random.Next(1, 80));
        if (reference.MayMiss(after, filter.Dataset))
        {
            Assert.Throws<CursorExpiredException>(() => ReadOn(view, after, filter, limits, recordedBy));
            return;
        }

        var page = view.ChangesAfter(after, filter, limits, recordedBy);
        Assert.True(page.HasMore || page.Through == (recordedBy > after ? recordedBy : after), $"the last page after {after} ends at {page.Through}");
        Assert.True(page.Through > after || !page.HasMore, $"the feed after {after} stands still");
        var expected = reference.Recorded.Where(change => change.RecordedAt > after && change.RecordedAt <= page.Through).ToList();
        Assert.Equal(expected.Where(filter.Matches).Select(Describe), page.Changes.Select(Describe));
        // What was trimmed of other datasets is not examined.
        Assert.True((expected.Count <= limits.ExaminedMax || reference.TrimCount > 0) && page.Changes.Count <= limits.CountMax);
        Assert.True(page.Changes.SkipLast(1).Sum(BytesOf) < limits.BytesMax || page.Changes.Count <= 1, "a page of too many bytes");
        // What is left may belong to purged entities, or to another dataset of which history was trimmed.
        if (!page.HasMore || reference.Purged.Count + reference.TrimCount > 0) return;
        Assert.Contains(reference.Recorded, change => change.RecordedAt > page.Through && change.RecordedAt <= recordedBy);
    }

    /// <summary>Pages that end at a limit may come before the one that is refused.</summary>
    private static void ReadOn(ShardView view, Timestamp after, ChangeFilter filter, ChangePageLimits limits, Timestamp recordedBy)
    {
        while (view.ChangesAfter(after, filter, limits, recordedBy) is { HasMore: true } page) after = page.Through;
    }

    public void Follow(ShardView view, Timestamp recordedBy, ChangePageLimits limits)
    {
        if (recordedBy < _followedTo) return;
        if (reference.MayMiss(_followedTo, null))
        {
            Assert.Throws<CursorExpiredException>(() => ReadOn(view, _followedTo, default, limits, recordedBy));
            // It reads everything and follows from now.
            _followed.Clear();
            (_followedFrom, _followedTo) = (recordedBy, recordedBy);
            return;
        }

        var page = view.ChangesAfter(_followedTo, default, limits, recordedBy);
        _followed.AddRange(page.Changes);
        _followedTo = page.Through;
    }

    /// <summary>What the reader was given is all there is, in order, once.</summary>
    public void CompareFollowed(ShardView view, Timestamp recordedBy)
    {
        Follow(view, recordedBy, new ChangePageLimits(int.MaxValue, long.MaxValue, int.MaxValue));
        var standing = _followed.Where(change => !reference.Purged.TryGetValue(change.Key, out var purge) || purge.Revision == change.Revision);
        Assert.Equal(reference.Recorded.Where(change => change.RecordedAt > _followedFrom).Select(Describe), standing.Select(Describe));
    }

    /// <summary>What has expired at a moment from now on, and when the next one does.</summary>
    private void CompareExpired(ShardView view, AsOf asOf)
    {
        var now = asOf.RecordedAt.Plus(TimeSpan.FromSeconds(random.Next(300)));
        if (RandomCommands.Datasets.Any(dataset => IsTrimmed(dataset, asOf))) return;
        var all = reference.Keys.Select(key => (Key: key, reference.State(key, asOf)?.ExpiresAt)).Where(static pair => pair.ExpiresAt is not null).ToList();
        var scan = view.FindExpired(default, now, random.Next(4) == 0 ? 1 : int.MaxValue, asOf);
        var due = all.Where(pair => pair.ExpiresAt <= now).Select(static pair => pair.Key).ToHashSet();
        Assert.Subset(due, scan.Expired.Select(static head => head.Key).ToHashSet());
        if (scan.Expired.Count == 1) return;
        Assert.Equal(due.Count, scan.Expired.Count);
        foreach (var key in due) Assert.True(reference.State(key, asOf)!.ExpiresAt >= scan.From, "what is due lies behind where the next look begins");
        var waiting = all.Where(pair => pair.ExpiresAt > now).Select(static pair => pair.ExpiresAt).Min();
        Assert.True(waiting is null ? scan.Next is null || scan.Next > now : scan.Next <= waiting, $"the next one expires at {waiting}, the look says {scan.Next}");
    }

    private static string IdOf(ShardView view, uint ordinal, TagQuery query, AsOf asOf)
    {
        var head = view.GetByOrdinal(ordinal, asOf);
        Assert.True(head is not null, $"ordinal {ordinal} names no entity as of {asOf}");
        Assert.Equal((query.Dataset, ordinal), (head.Key.Dataset, head.Ordinal));
        return head.Key.Id;
    }

    private void AssertFound(TagQuery query, AsOf asOf, List<string> found)
    {
        found.Sort(StringComparer.Ordinal);
        var expected = reference.Find(query, asOf);
        Assert.True(expected.SequenceEqual(found), $"all [{string.Join(", ", query.Tags)}] any {query.MatchAny} not [{string.Join(", ", query.Not)}]"
            + $" {query.Lifecycle} of {query.Dataset} as of {asOf}: {string.Join(", ", found)} instead of {string.Join(", ", expected)}");
    }

    private void CompareTags(ShardView view, AsOf asOf)
    {
        var (dataset, prefix) = (RandomCommands.Datasets[random.Next(2)], commands.Prefix());
        if (IsTrimmed(dataset, asOf))
        {
            Assert.Throws<HistoryTrimmedException>(() => view.Tags(dataset, prefix, null, asOf));
            return;
        }

        var expected = reference.CountTags(dataset, prefix, asOf);
        var after = random.Next(3) switch
        {
            0 when expected.Count > 0 => expected[random.Next(expected.Count)].Tag,
            1 => commands.Prefix(),
            _ => null,
        };
        var rest = expected.Where(pair => after is null || Utf8Order.CompareTexts(pair.Tag, after) > 0).ToList();
        Assert.Equal(rest, view.Tags(dataset, prefix, after, asOf));
    }

    private void CompareHistory(ShardView view, EntityKey key, AsOf asOf)
    {
        var all = reference.History(key, asOf);
        var (from, to) = (RandomMoment(), RandomMoment());
        var after = random.Next(3) == 0 ? random.Next(all.Count + 2) : 0;
        var limit = random.Next(3) == 0 ? random.Next(1, 5) : 100_000;
        var bytesMax = random.Next(3) == 0 ? random.Next(1, 400) : long.MaxValue;
        var first = reference.BaseOf(key);
        var until = asOf with { At = to is { } end && end < asOf.At ? end : asOf.At };
        if (reference.IsTrimmed(key, until) || (first > 1 && from < reference.History(key, AsOf.Everything)[(int)first - 1].At))
        {
            Assert.Throws<HistoryTrimmedException>(() => view.History(key, from, to, after, limit, bytesMax, asOf, out _, out _));
            return;
        }

        var expected = all.Where(change => change.Revision >= first && (from is null || change.At >= from) && (to is null || change.At <= to)
            && change.Revision > after).Select(reference.Told).ToList();
        var actual = view.History(key, from, to, after, limit, bytesMax, asOf, out var exists, out var hasMore);
        if (reference.Purged.TryGetValue(key, out var purge))
        {
            Assert.Equal((Describe(purge), true, false), (Describe(Assert.Single(actual)), exists, hasMore));
            return;
        }

        var taken = 0;
        for (var bytes = 0L; taken < Math.Min(limit, expected.Count) && bytes < bytesMax; taken++) bytes += BytesOf(expected[taken]);
        Assert.Equal((all.Count > 0, expected.Count > taken), (exists, hasMore));
        Assert.Equal(expected.Take(taken).Select(Describe), actual.Select(Describe));
    }

    private void CompareChangeAt(ShardView view, EntityKey key, AsOf asOf)
    {
        var all = reference.History(key, asOf);
        if (all.Count == 0) return;
        var at = new Timestamp(all[random.Next(all.Count)].At.Nanoseconds + random.Next(2));
        if (reference.IsTrimmed(key, asOf with { At = at }))
        {
            if (at <= asOf.At) Assert.Throws<HistoryTrimmedException>(() => view.ChangeAt(key, at, asOf));
            return;
        }

        var expected = all.FirstOrDefault(change => change.At == at) is { } made ? reference.Told(made) : null;
        Assert.Equal(expected is null ? null : Describe(expected), view.ChangeAt(key, at, asOf) is { } change ? Describe(change) : null);
    }

    private static long BytesOf(Change change) =>
        (change.Content?.Bytes.Length ?? 0) + (2 * change.Added.Concat(change.Removed).Sum(tag => tag.Text.Length));

    private static string Describe(Change change)
    {
        var writer = new ByteWriter();
        ChangeCodec.WriteChange(writer, change);
        return $"{change.Key} {change.Ordinal} {change.Revision}: {Convert.ToHexString(writer.Written)}";
    }
}
