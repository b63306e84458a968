using EntityActors.Storage.Model;

namespace EntityActors.Tests.Shared.Reference;

/// <summary>The store as a dictionary of histories: what every answer is compared with.</summary>
public sealed class ReferenceStore
{
    private readonly Dictionary<EntityKey, List<Change>> _histories = [];

    private readonly List<Change> _recorded = [];

    private readonly Dictionary<EntityKey, Change> _purged = [];

    private readonly List<HistoryTrim> _trims = [];

    public IReadOnlyCollection<EntityKey> Keys => _histories.Keys;

    /// <summary>All changes in the order in which they were applied, of purged entities the purge alone.</summary>
    public IReadOnlyList<Change> Recorded => _recorded;

    /// <summary>Entities that were purged, with their purges.</summary>
    public IReadOnlyDictionary<EntityKey, Change> Purged => _purged;

    public void Apply(Change change)
    {
        if (change.Lifecycle == Lifecycle.Purged)
        {
            _histories.Remove(change.Key);
            _purged.Add(change.Key, change);
            _recorded.RemoveAll(earlier => earlier.Key == change.Key);
            _recorded.Add(change);
            return;
        }

        if (HistoryTrim.Of(change) is { } trim)
        {
            // The store's own entities, of which nobody reads the past.
            _trims.Add(trim);
            return;
        }

        if (!_histories.TryGetValue(change.Key, out var history)) _histories[change.Key] = history = [];
        history.Add(change);
        _recorded.Add(change);
    }

    /// <summary>Number of trims that were recorded.</summary>
    public int TrimCount => _trims.Count;

    /// <summary>Moment from which on a dataset can be asked about as a whole; 0 when nothing of it was trimmed.</summary>
    public Timestamp HorizonOf(string dataset) =>
        _trims.Where(trim => trim.Dataset == dataset).Select(static trim => trim.Before).DefaultIfEmpty().Max();

    /// <summary>Whether a feed from here on has to give anything as old as a horizon, so that it may miss what was trimmed. Null is any dataset.</summary>
    public bool MayMiss(Timestamp after, string? dataset)
    {
        var horizons = _recorded.Select(static change => change.Key.Dataset).Distinct().ToDictionary(static name => name, HorizonOf);
        return _recorded.Any(change => change.RecordedAt > after && (dataset is null || change.Key.Dataset == dataset)
            && change.RecordedAt <= horizons[change.Key.Dataset]);
    }

    /// <summary>Revision that the entity's history begins with.</summary>
    public long BaseOf(EntityKey key)
    {
        var history = _histories.GetValueOrDefault(key) ?? [];
        return _trims.Where(trim => trim.Dataset == key.Dataset).Select(trim => Math.Min(
            history.Count(change => change.RecordedAt <= trim.Before),
            history.Count(change => change.RecordedAt <= trim.RecordedAt) - trim.KeepChanges + 1)).Append(1).Max();
    }

    /// <summary>Whether what a read of the entity would see was trimmed.</summary>
    public bool IsTrimmed(EntityKey key, AsOf asOf)
    {
        var horizon = HorizonOf(key.Dataset);
        return (asOf.At < horizon || asOf.RecordedAt < horizon) && BaseOf(key) is > 1 and var revision && History(key, asOf).Count < revision;
    }

    /// <summary>A change as the history tells it: the base with the whole state.</summary>
    public Change Told(Change change)
    {
        if (change.Revision != BaseOf(change.Key) || change.Revision == 1) return change;
        EntityHead? state = null;
        Content? content = null;
        foreach (var earlier in _histories[change.Key].Take((int)change.Revision))
            (state, content) = (EntityHead.Apply(state, earlier), earlier.Content ?? content);
        return change.AsBase(state!, content);
    }

    public IReadOnlyList<Change> History(EntityKey key, AsOf asOf) =>
        [.. (_histories.GetValueOrDefault(key) ?? []).Where(asOf.Sees)];

    public ReferenceState? State(EntityKey key, AsOf asOf)
    {
        ReferenceState? state = null;
        foreach (var change in History(key, asOf))
        {
            var tags = (state?.Tags ?? []).Except(change.Removed.Select(tag => tag.Text)).Union(change.Added.Select(tag => tag.Text));
            state = new ReferenceState(change.Revision, change.Lifecycle, state?.CreatedAt ?? change.At, change.At,
                [.. tags.Order(StringComparer.Ordinal)], change.Content is null ? state?.Content : change.Content) { ExpiresAt = change.ExpiresAt };
        }

        return state;
    }

    /// <summary>Ids of the entities that match, in ordinal order.</summary>
    public IReadOnlyList<string> Find(TagQuery query, AsOf asOf)
    {
        var found = new List<string>();
        foreach (var key in _histories.Keys)
        {
            if (key.Dataset != query.Dataset || State(key, asOf) is not { } state) continue;
            if (query.Lifecycle is { } lifecycle ? state.Lifecycle != lifecycle : state.Lifecycle == Lifecycle.Purged) continue;
            var hits = query.Tags.Count(state.Holds);
            if (!query.Tags.IsEmpty && (query.MatchAny ? hits == 0 : hits < query.Tags.Length)) continue;
            if (!query.Not.Any(state.Holds)) found.Add(key.Id);
        }

        found.Sort(StringComparer.Ordinal);
        return found;
    }

    /// <summary>Tags of active entities that begin with a text, with the number of their holders, in the order of their UTF-8 bytes.</summary>
    public IReadOnlyList<(string Tag, long Count)> CountTags(string dataset, string prefix, AsOf asOf)
    {
        var counts = new Dictionary<string, long>();
        foreach (var key in _histories.Keys.Where(key => key.Dataset == dataset))
        {
            if (State(key, asOf) is not { Lifecycle: Lifecycle.Active } state) continue;
            foreach (var tag in state.Tags.Where(tag => tag.StartsWith(prefix, StringComparison.Ordinal)))
                counts[tag] = counts.GetValueOrDefault(tag) + 1;
        }

        return [.. counts.Select(pair => (pair.Key, pair.Value))
            .OrderBy(pair => System.Text.Encoding.UTF8.GetBytes(pair.Key), Comparer<byte[]>.Create((left, right) => left.AsSpan().SequenceCompareTo(right)))];
    }

    /// <summary>Keys of the entities with all these tags, in this lifecycle.</summary>
    public IReadOnlyList<string> Find(string dataset, IReadOnlyList<string> tags, Lifecycle lifecycle, AsOf asOf) =>
    [
        .. _histories.Keys.Where(key => key.Dataset == dataset
                && State(key, asOf) is { } state && state.Lifecycle == lifecycle && tags.All(state.Tags.Contains))
            .Select(key => key.Id).Order(StringComparer.Ordinal),
    ];
}

/// <summary>State of an entity in the reference; content as it was last set or cleared.</summary>
public sealed record ReferenceState(
    long Revision, Lifecycle Lifecycle, Timestamp CreatedAt, Timestamp UpdatedAt, IReadOnlyList<string> Tags, Content? Content)
{
    public Timestamp? ExpiresAt { get; init; }

    public bool Holds(TagPattern pattern) => pattern.IsPrefix
        ? Tags.Any(tag => tag.StartsWith(pattern.Text, StringComparison.Ordinal))
        : Tags.Contains(pattern.Text);
}
