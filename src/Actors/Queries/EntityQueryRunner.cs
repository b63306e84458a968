using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Queries;

/// <summary>A tag query over all shards: one moment for all, pages in the order of (shard, ordinal).</summary>
internal sealed class EntityQueryRunner(ShardAsker shards)
{
    /// <param name="moment">Asked for; null is now. A cursor's own times win.</param>
    public async Task<EntityPage> RunAsync(EntityQuery query, Timestamp? moment, Timestamp now, CancellationToken cancellation)
    {
        var earlier = query.Cursor is { } text ? QueryCursor.Decode(text, query.Query, shards.ShardCount) : (QueryCursor?)null;
        if (earlier is { Missing.Length: > 0 } && !query.AllowsMissingShards)
            throw new InvalidQueryException("the pages before left shards out, which this one was not asked to");
        var missing = new MissingShards(query.AllowsMissingShards, earlier?.Missing ?? []);
        var start = earlier ?? new QueryCursor(await shards.FixTimesAsync(moment, now, missing, cancellation), default, 0);
        var counts = query.Count ? await CountAsync(query, start.AsOf, missing, cancellation) : null;
        var page = new QueryPage(query.Limit, shards.Limits.PageBytesMax);
        var next = await FillAsync(page, query, start, missing, cancellation);
        missing.CheckAnyLeft(shards.ShardCount);
        var leftOut = missing.ToImmutable();
        var total = counts?.Where(count => !leftOut.Contains(count.Shard))
            .Sum(static count => count.Total ?? throw new InvariantViolationException("a count was asked for"));
        var end = next is { } behind ? (behind with { Missing = leftOut }).Encode(query.Query, shards.ShardCount) : null;
        return new EntityPage(page.Items, end, total) { MissingShards = leftOut };
    }

    private Task<IReadOnlyList<EntitiesFound>> CountAsync(EntityQuery query, AsOf asOf, MissingShards missing, CancellationToken cancellation) =>
        shards.AskAllAsync<EntitiesFound>(shard => new FindEntities(shard, query.Query, asOf, 0, 0, Count: true, WithContent: false), missing,
            shards.Limits.QueryParallelMax, cancellation);

    /// <returns>Where the next page starts; null when this is the last one.</returns>
    private async Task<QueryCursor?> FillAsync(
        QueryPage page, EntityQuery query, QueryCursor start, MissingShards missing, CancellationToken cancellation)
    {
        var first = start.Shard.Value;
        // One shard may fill the page; twice as many are asked each time it did not.
        for (var width = 1; first < shards.ShardCount; width = Math.Min(width * 2, shards.Limits.QueryParallelMax))
        {
            var count = Math.Min(width, shards.ShardCount - first);
            var asked = new Task<EntitiesFound?>[count];
            for (var i = 0; i < count; i++)
            {
                var shard = new ShardId(first + i);
                var from = shard == start.Shard ? start.Ordinal : 0;
                // One more than the page still takes tells whether there is a next page.
                asked[i] = shards.AskAsync<EntitiesFound>(new FindEntities(shard, query.Query, start.AsOf, from,
                    query.Limit - page.Count + 1, Count: false, query.WithContent), missing, cancellation);
            }

            foreach (var answer in await Task.WhenAll(asked))
            {
                if (answer is null || page.TryTake(answer, out var next)) continue;
                return start with { Shard = answer.Shard, Ordinal = next };
            }

            first += count;
        }

        return null;
    }
}
