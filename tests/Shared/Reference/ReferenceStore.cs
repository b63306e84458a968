using EntityActors.Storage.Model;

namespace EntityActors.Tests.Shared.Reference;

/// <summary>The store as a dictionary of histories: what every answer is compared with.</summary>
public sealed class ReferenceStore
{
    private readonly Dictionary<EntityKey, List<Change>> _histories = [];

    public IReadOnlyCollection<EntityKey> Keys => _histories.Keys;

    public void Apply(Change change)
    {
        if (!_histories.TryGetValue(change.Key, out var history)) _histories[change.Key] = history = [];
        history.Add(change);
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
                [.. tags.Order(StringComparer.Ordinal)], change.Content is null ? state?.Content : change.Content);
        }

        return state;
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
    long Revision, Lifecycle Lifecycle, Timestamp CreatedAt, Timestamp UpdatedAt, IReadOnlyList<string> Tags, Content? Content);
