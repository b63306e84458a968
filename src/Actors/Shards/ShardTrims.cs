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
        var (left, entities, changes, total) = (Math.Clamp(look.Limit, 1, LookAtHistory.LimitMax), 0L, 0L, 0L);
        var everyone = new TagQuery(look.Dataset, [], MatchAny: false, [], Lifecycle: null);
        foreach (var ordinal in view.Find(everyone, asOf).From(look.FromOrdinal))
        {
            if (left-- == 0) return Looked(ordinal);
            if (view.GetByOrdinal(ordinal, asOf) is not { Lifecycle: not Lifecycle.Purged } head) continue;
            var (goes, all) = view.CountTrimmable(head, trim);
            (entities, changes, total) = (entities + (goes > 0 ? 1 : 0), changes + goes, total + all);
        }

        return Looked(null);

        HistoryLooked Looked(uint? next) => new(look.Shard, view.HorizonOf(look.Dataset), entities, changes, total, next);
    }
}
