using System.Collections.Immutable;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Shards;

/// <summary>Computes the answers of reads from a view. Runs on the read threads; blocks on disk; touches no actor.</summary>
internal static class ShardReads
{
    /// <summary>The answer, or the fault that stands for it. The epoch is checked after computing: a replaced owner answers nothing.</summary>
    /// <exception cref="StaleEpochException">The shard has a newer owner.</exception>
    public static object Answer(
        NodeStore store, ShardLimits limits, ShardFaults faults, Epoch epoch, ShardView view, IShardRequest request, AsOf asOf)
    {
        using (view)
        {
            try
            {
                var answer = ComputeOrRefuse(limits, view, request, asOf);
                return store.Log.IsStillOwner(request.Shard, epoch) ? answer : throw new StaleEpochException(request.Shard, epoch);
            }
            catch (StoreException failure) when (failure is CorruptDataException or StoreIoException)
            {
                return faults.NotRead(failure);
            }
        }
    }

    private static object ComputeOrRefuse(ShardLimits limits, ShardView view, IShardRequest request, AsOf asOf)
    {
        try
        {
            return Compute(limits, view, request, asOf);
        }
        catch (HistoryTrimmedException trimmed)
        {
            return new ShardFault.HistoryTrimmed(request.Shard, trimmed.Earliest);
        }
        catch (CursorExpiredException expired)
        {
            return new ShardFault.CursorExpired(request.Shard, expired.Earliest);
        }
    }

    private static object Compute(ShardLimits limits, ShardView view, IShardRequest request, AsOf asOf) => request switch
    {
        GetEntity get => new EntityFound(Snapshot(view, view.Get(get.Key, asOf), get.WithContent)),
        GetHistory history => History(limits, view, history.Query, asOf),
        FindEntities find => Find(limits, view, find, asOf),
        ListTags list => Tags(view, list, asOf),
        SortEntities sort => ShardOrder.Sort(view, sort, asOf),
        GetByOrdinals get => ShardLists.ByOrdinals(limits, view, get, asOf),
        ListDatasets list => ShardLists.Datasets(view, list, asOf),
        GetActive get => ShardLists.Active(limits, view, get, asOf),
        FindReferrers find => ShardLists.Referrers(limits, view, find, asOf),
        GetChanges changes => Changes(limits, view, changes, asOf),
        LookAtHistory look => ShardTrims.Look(view, look, asOf),
        RaiseReadTime raise => new ReadTimeRaised(raise.Shard, asOf.RecordedAt),
        _ => throw new InvariantViolationException($"{request.GetType()} is not a read"),
    };

    private static EntitySnapshot? Snapshot(ShardView view, EntityHead? head, bool withContent) =>
        head is null ? null : new EntitySnapshot(head, withContent ? view.ContentOf(head) : null);

    /// <summary>A page of changes, bounded in number and in bytes; the first one always fits.</summary>
    private static HistoryFound History(ShardLimits limits, ShardView view, HistoryQuery query, AsOf asOf)
    {
        var changes = view.History(query.Key, query.From, query.To, query.AfterRevision, Math.Min(query.Limit, HistoryQuery.LimitMax),
            limits.PageBytesMax, asOf, out var exists, out var hasMore);
        return new HistoryFound(new HistoryPage([.. changes], exists, hasMore));
    }

    private static EntitiesFound Find(ShardLimits limits, ShardView view, FindEntities find, AsOf asOf)
    {
        var matches = view.Find(find.Query, asOf);
        // One more than a page tells whether there is a next one. Actors that send the message themselves may ask for any number.
        var limit = Math.Min(find.Limit, EntityQuery.LimitMax + 1);
        var items = ImmutableArray.CreateBuilder<EntitySnapshot>();
        uint? next = null;
        long bytes = 0;
        if (limit > 0)
        {
            foreach (var ordinal in matches.From(find.FromOrdinal))
            {
                if (items.Count == limit || bytes >= limits.PageBytesMax)
                {
                    next = ordinal;
                    break;
                }

                var head = view.GetByOrdinal(ordinal, asOf)
                    ?? throw new InvariantViolationException($"ordinal {ordinal} is in the index of shard {find.Shard} and names no entity");
                // Purged since the matches were found.
                if (head.Lifecycle == Lifecycle.Purged) continue;
                var item = Snapshot(view, head, find.WithContent)!;
                bytes += item.Content?.InlineBytes ?? 0;
                foreach (var tag in head.Tags) bytes += tag.Text.Length;
                items.Add(item);
            }
        }

        return new EntitiesFound(find.Shard, items.ToImmutable(), next, find.Count ? matches.Count : null);
    }

    private static ChangesFound Changes(ShardLimits limits, ShardView view, GetChanges request, AsOf asOf)
    {
        var bounds = new ChangePageLimits(Math.Clamp(request.Limit, 1, limits.FeedPageChangesMax),
            Math.Clamp(request.BytesMax, 1, limits.PageBytesMax), limits.FeedExaminedMax);
        var page = view.ChangesAfter(request.After, request.Filter, bounds, asOf.RecordedAt);
        return new ChangesFound(request.Shard, [.. page.Changes], page.Through, page.HasMore);
    }

    private static TagsFound Tags(ShardView view, ListTags list, AsOf asOf)
    {
        var items = ImmutableArray.CreateBuilder<TagCount>();
        var limit = Math.Min(list.Limit, TagListQuery.LimitMax);
        foreach (var (tag, count) in view.Tags(list.Dataset, list.Prefix, list.After, asOf))
        {
            if (items.Count == limit) return new TagsFound(list.Shard, items.ToImmutable(), HasMore: true);
            items.Add(new TagCount(tag, count));
        }

        return new TagsFound(list.Shard, items.ToImmutable(), HasMore: false);
    }
}
