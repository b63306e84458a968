using System.Buffers.Binary;
using System.Collections.Immutable;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Shards;

/// <summary>The first matches of a shard in an order. Reads the state of every match, and keeps as many places as are asked for.</summary>
internal static class ShardOrder
{
    public static object Sort(ShardView view, SortEntities request, AsOf asOf)
    {
        var matches = view.Find(request.Query, asOf);
        if (matches.Count > EntityQuery.SortedCountMax)
        {
            return new ShardFault.InvalidQuery(request.Shard,
                $"{matches.Count} matches in one shard: at most {EntityQuery.SortedCountMax} are sorted, ask for fewer or without an order");
        }

        var order = new SortPlaceOrder(request.Sort.IsDescending);
        // The last place comes out first: it goes when a better one is found.
        var first = new PriorityQueue<SortedEntity, SortPlace>(Comparer<SortPlace>.Create((left, right) => order.Compare(right, left)));
        var limit = Math.Clamp(request.Limit, 1, EntityQuery.LimitMax);
        var hasMore = false;
        foreach (var ordinal in matches.From(0))
        {
            var head = view.GetByOrdinal(ordinal, asOf)
                ?? throw new InvariantViolationException($"ordinal {ordinal} is in the index of shard {request.Shard} and names no entity");
            var place = new SortPlace(KeyOf(request.Sort, head), ordinal);
            if (request.After is { } after && order.Compare(place, after) <= 0) continue;
            var item = new SortedEntity(place, head.ContentLength);
            if (first.Count < limit)
            {
                first.Enqueue(item, place);
                continue;
            }

            hasMore = true;
            first.EnqueueDequeue(item, place);
        }

        var items = new SortedEntity[first.Count];
        for (var i = items.Length - 1; i >= 0; i--) items[i] = first.Dequeue();
        return new EntitiesSorted(request.Shard, ImmutableArray.Create(items), hasMore, request.Count ? matches.Count : null);
    }

    private static byte[] KeyOf(EntitySort sort, EntityHead head) => sort.Field switch
    {
        SortField.Created => TimeKey(head.CreatedAt),
        SortField.Updated => TimeKey(head.UpdatedAt),
        SortField.Id => StrictText.Utf8.GetBytes(head.Key.Id),
        SortField.Tag => StrictText.Utf8.GetBytes(FirstValue(head.Tags, sort.TagName! + ":")),
        _ => throw new InvariantViolationException($"unknown sort field {sort.Field}"),
    };

    /// <summary>Times are never negative, so the bytes from the highest on order as they do.</summary>
    private static byte[] TimeKey(Timestamp time)
    {
        var bytes = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, time.Nanoseconds);
        return bytes;
    }

    private static string FirstValue(ImmutableArray<Tag> tags, string prefix)
    {
        foreach (var tag in tags)
        {
            if (tag.Text.StartsWith(prefix, StringComparison.Ordinal)) return tag.Text[prefix.Length..];
        }

        return "";
    }
}
