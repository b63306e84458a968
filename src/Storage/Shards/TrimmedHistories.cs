using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;

namespace EntityActors.Storage.Shards;

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
    public long BaseOf(EntityKey key) => trims.TryGetValue(key.Dataset, out var trim) ? BaseOf(key, trim) : 1;

    public Timestamp HorizonOf(string dataset) => trims.TryGetValue(dataset, out var trim) ? trim.Before : default;

    /// <summary>What would go of an entity by another trim.</summary>
    public long CountTrimmable(EntityKey key, HistoryTrim next) => Math.Max(0, BaseOf(key, next) - BaseOf(key));

    /// <summary>Whether all entities of a dataset can be asked about at this moment.</summary>
    /// <exception cref="HistoryTrimmedException">They cannot.</exception>
    public void Require(string dataset, AsOf asOf)
    {
        if (trims.TryGetValue(dataset, out var trim) && !IsBehind(trim, asOf)) throw new HistoryTrimmedException(trim.Before);
    }

    /// <exception cref="CursorExpiredException">Not everything that was recorded after this time is there.</exception>
    public void RequireFeed(Timestamp after, ChangeFilter filter)
    {
        foreach (var trim in trims.Values)
        {
            if (after < trim.Before && (filter.Dataset is null || filter.Dataset == trim.Dataset)) throw new CursorExpiredException(trim.Before);
        }
    }

    private static bool IsBehind(HistoryTrim trim, AsOf asOf) => asOf.At >= trim.Before && asOf.RecordedAt >= trim.Before;

    private long BaseOf(EntityKey key, HistoryTrim trim)
    {
        var revision = find(key, new AsOf(Timestamp.MaxValue, trim.Before)) is { Lifecycle: not Lifecycle.Purged } head ? head.Revision : 0;
        if (trim.KeepChanges > 1 && revision > 1)
            revision = Math.Min(revision, (find(key, new AsOf(Timestamp.MaxValue, trim.RecordedAt))?.Revision ?? 0) - trim.KeepChanges + 1);
        // An earlier trim that kept fewer changes may have gone further.
        return Math.Max(Math.Max(1, revision), segments.FindBase(key)?.Revision ?? 0);
    }
}
