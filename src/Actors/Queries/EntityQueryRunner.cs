using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Queries;

/// <summary>A tag query over all shards: one moment for all, pages in the order of (shard, ordinal).</summary>
internal sealed class EntityQueryRunner(ShardAsker shards)
{
    /// <param name="moment">Asked for; null is now. A cursor's own times win.</param>
    public async Task<EntityPage> RunAsync(EntityQuery query, Timestamp? moment, Timestamp now, CancellationToken cancellation)
    {
        var start = query.Cursor is { } text
            ? QueryCursor.Decode(text, query.Query, shards.ShardCount)
            : new QueryCursor(await shards.FixTimesAsync(moment, now, cancellation), default, 0);
        var total = query.Count ? await CountAsync(query, start.AsOf, cancellation) : (long?)null;
        var page = new QueryPage(query.Limit, shards.Limits.PageBytesMax);
        var next = await FillAsync(page, query, start, cancellation);
        return new EntityPage(page.Items, next?.Encode(query.Query), total);
    }

    private async Task<long> CountAsync(EntityQuery query, AsOf asOf, CancellationToken cancellation)
    {
        var total = 0L;
        foreach (var answer in await shards.AskAllAsync<EntitiesFound>(
            shard => new FindEntities(shard, query.Query, asOf, 0, 0, Count: true, WithContent: false), cancellation))
            total += answer.Total ?? throw new InvariantViolationException("a count was asked for");
        return total;
    }

    /// <returns>Where the next page starts; null when this is the last one.</returns>
    private async Task<QueryCursor?> FillAsync(QueryPage page, EntityQuery query, QueryCursor start, CancellationToken cancellation)
    {
        var first = start.Shard.Value;
        // One shard may fill the page; twice as many are asked each time it did not.
        for (var width = 1; first < shards.ShardCount; width = Math.Min(width * 2, shards.Limits.QueryParallelMax))
        {
            var count = Math.Min(width, shards.ShardCount - first);
            var asked = new Task<EntitiesFound>[count];
            for (var i = 0; i < count; i++)
            {
                var shard = new ShardId(first + i);
                var from = shard == start.Shard ? start.Ordinal : 0;
                // One more than the page still takes tells whether there is a next page.
                asked[i] = shards.AskAsync<EntitiesFound>(new FindEntities(shard, query.Query, start.AsOf, from,
                    query.Limit - page.Count + 1, Count: false, query.WithContent), cancellation);
            }

            foreach (var answer in await Task.WhenAll(asked))
            {
                if (page.TryTake(answer, out var next)) continue;
                return start with { Shard = answer.Shard, Ordinal = next };
            }

            first += count;
        }

        return null;
    }
}
