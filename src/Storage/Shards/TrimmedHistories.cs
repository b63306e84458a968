using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;

namespace EntityActors.Storage.Shards;

/// <summary>What a trim takes from an entity.</summary>
/// <param name="Goes">Number of changes that go.</param>
/// <param name="All">Number of changes that are there now.</param>
public readonly record struct TrimCount(long Goes, long All);

/// <summary>Which moments a view can answer for: trims hold for every read from their acknowledgement on, whether or not their bytes are gone.</summary>
/// <remarks>
/// Whoever asks about the horizon or later sees every base, and what trims took away makes no difference to it. So all that is done here is done
/// for reads before the horizon, which can still be answered for entities of which nothing went.
/// </remarks>
/// <param name="trims">The last trim of each dataset.</param>
/// <param name="find">State of an entity as memory and segments have it.</param>
/// <param name="read">A change by its revision, as they have it.</param>
internal sealed class TrimmedHistories(IReadOnlyDictionary<string, HistoryTrim> trims, SegmentSet segments,
    Func<EntityKey, AsOf, EntityHead?> find, Func<EntityKey, long, Change> read)
{
    /// <summary>The state that was found, if everything that it is made of may be told.</summary>
    /// <exception cref="HistoryTrimmedException">It lies before the entity's base.</exception>
    public EntityHead? Checked(EntityKey key, AsOf asOf, EntityHead? state)
    {
        if (!trims.TryGetValue(key.Dataset, out var trim) || IsBehind(trim, asOf) || state is { Lifecycle: Lifecycle.Purged }) return state;
        var revision = BaseOf(key, trim);
        if (revision <= 1 || state?.Revision >= revision) return state;
        throw new HistoryTrimmedException(read(key, revision).At);
    }

    /// <summary>Revision of the change that the entity's history begins with.</summary>
    public long BaseOf(EntityKey key)
    {
        if (trims.TryGetValue(key.Dataset, out var trim)) return BaseOf(key, trim);
        // Merges leave out earlier trims of what records them.
        return key.Dataset == HistoryTrim.StoredIn ? Math.Max(1, segments.FindBaseRevision(key)) : 1;
    }

    /// <summary>The last trim of a dataset; null when nothing of it was trimmed.</summary>
    public HistoryTrim? TrimOf(string dataset) => trims.GetValueOrDefault(dataset);

    public Timestamp HorizonOf(string dataset) => TrimOf(dataset)?.Before ?? default;

    /// <summary>What another trim would take from an entity.</summary>
    public TrimCount CountTrimmable(EntityHead head, HistoryTrim next)
    {
        if (head.Revision == 1) return new TrimCount(0, 1);
        var first = BaseOf(head.Key);
        return new TrimCount(Math.Max(0, BaseOf(head.Key, next) - first), head.Revision - first + 1);
    }

    /// <summary>Whether all entities of a dataset can be asked about at this moment.</summary>
    /// <exception cref="HistoryTrimmedException">They cannot.</exception>
    public void Require(string dataset, AsOf asOf)
    {
        if (trims.TryGetValue(dataset, out var trim) && !IsBehind(trim, asOf)) throw new HistoryTrimmedException(trim.Before);
    }

    /// <summary>Whether all datasets can be asked about at this moment.</summary>
    /// <exception cref="HistoryTrimmedException">One cannot.</exception>
    public void RequireAll(AsOf asOf)
    {
        foreach (var dataset in trims.Keys) Require(dataset, asOf);
    }

    /// <summary>The latest horizon of what a feed is about; 0 when nothing of it was trimmed.</summary>
    public Timestamp HorizonOf(ChangeFilter filter)
    {
        if (filter.Dataset is { } dataset) return HorizonOf(dataset);
        return trims.Values.Select(static trim => trim.Before).DefaultIfEmpty().Max();
    }

    /// <summary>Whether a feed that still has to give this change may have missed trimmed ones before it.</summary>
    /// <remarks>
    /// The last change of a dataset that is recorded at or before its horizon is the base of its entity, and stays. So whoever has seen that one has missed
    /// nothing, however long the dataset was quiet since; and whoever missed a change comes to the base that took its place.
    /// </remarks>
    public bool MayMiss(Change change, ChangeFilter filter) =>
        (filter.Dataset is null || filter.Dataset == change.Key.Dataset) && change.RecordedAt <= HorizonOf(change.Key.Dataset);

    private static bool IsBehind(HistoryTrim trim, AsOf asOf) => asOf.At >= trim.Before && asOf.RecordedAt >= trim.Before;

    private long BaseOf(EntityKey key, HistoryTrim trim)
    {
        var revision = find(key, new AsOf(Timestamp.MaxValue, trim.Before)) is { Lifecycle: not Lifecycle.Purged } head ? head.Revision : 0;
        if (trim.KeepChanges > 1 && revision > 1)
            revision = Math.Min(revision, (find(key, new AsOf(Timestamp.MaxValue, trim.RecordedAt))?.Revision ?? 0) - trim.KeepChanges + 1);
        // An earlier trim that kept fewer changes may have gone further.
        return Math.Max(Math.Max(1, revision), segments.FindBaseRevision(key));
    }
}
