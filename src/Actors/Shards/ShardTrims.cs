using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Shards;

/// <summary>What a trim would take from one shard. Runs on the read threads.</summary>
internal static class ShardTrims
{
    public static HistoryLooked Look(ShardView view, LookAtHistory look, AsOf asOf)
    {
        var trim = new HistoryTrim(look.Dataset, look.Before, Math.Max(1, look.KeepChanges), asOf.RecordedAt, 0);
        var (left, entities, changes) = (Math.Min(look.Limit, LookAtHistory.LimitMax), 0L, 0L);
        if (left <= 0) return new HistoryLooked(look.Shard, view.HorizonOf(look.Dataset), 0, 0, null);
        var all = new TagQuery(look.Dataset, [], MatchAny: false, [], Lifecycle: null);
        foreach (var ordinal in view.Find(all, asOf).From(look.FromOrdinal))
        {
            if (left-- == 0) return new HistoryLooked(look.Shard, view.HorizonOf(look.Dataset), entities, changes, ordinal);
            if (view.GetByOrdinal(ordinal, asOf) is not { Revision: > 1 } head || view.CountTrimmable(head.Key, trim) is not (> 0 and var count)) continue;
            (entities, changes) = (entities + 1, changes + count);
        }

        return new HistoryLooked(look.Shard, view.HorizonOf(look.Dataset), entities, changes, null);
    }
}
