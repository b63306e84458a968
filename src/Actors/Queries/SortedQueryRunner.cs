using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Queries;

/// <summary>A tag query in an order, over all shards at one moment.</summary>
/// <remarks>
/// Each shard tells its first places behind the cursor, as many as the page may hold; they are merged, and the entities of the page are fetched by
/// their ordinals. So a page costs every shard a look at the state of each of its matches. In memory are the places of one page of each shard, and the
/// entities of one page.
/// </remarks>
internal sealed class SortedQueryRunner(ShardAsker shards)
{
    // One more place of a shard.
    private readonly record struct Candidate(EntitiesSorted Shard, int Index)
    {
        public SortedEntity Item => Shard.Items[Index];
    }

    public async Task<EntityPage> RunAsync(EntityQuery query, EntitySort sort, Timestamp? moment, Timestamp now, CancellationToken cancellation)
    {
        var earlier = query.Cursor is { } text ? SortCursor.Decode(text, query.Query, sort, shards.ShardCount) : null;
        if (earlier is { Missing.Length: > 0 } && !query.AllowsMissingShards)
            throw new InvalidQueryException("the pages before left shards out, which this one was not asked to");
        var missing = new MissingShards(query.AllowsMissingShards, earlier?.Missing ?? []);
        var asOf = earlier?.AsOf ?? await shards.FixTimesAsync(moment, now, missing, cancellation);
        var answers = await shards.AskAllAsync<EntitiesSorted>(
            shard => new SortEntities(shard, query.Query, asOf, sort, earlier?.After(shard), query.Limit, query.Count),
            missing, shards.Limits.QueryParallelMax, cancellation);
        var chosen = Choose(answers, query, sort, out var hasMore);
        var (items, taken) = await FetchAsync(chosen, query, asOf, missing, cancellation);
        var leftOut = missing.ToImmutable();
        var total = query.Count ? answers.Where(answer => !leftOut.Contains(answer.Shard)).Sum(static answer => answer.Total ?? 0) : (long?)null;
        var last = taken > 0 && (hasMore || taken < chosen.Count) ? chosen[taken - 1] : (Candidate?)null;
        var cursor = last is { } behind
            ? new SortCursor(asOf, behind.Shard.Shard, behind.Item.Place) { Missing = leftOut }.Encode(query.Query, sort, shards.ShardCount)
            : null;
        return new EntityPage([.. items], cursor, total) { MissingShards = leftOut };
    }

    /// <summary>The first places over all shards, as many as the page holds in items and in bytes of content.</summary>
    private List<Candidate> Choose(IReadOnlyList<EntitiesSorted> answers, EntityQuery query, EntitySort sort, out bool hasMore)
    {
        var order = new SortPlaceOrder(sort.IsDescending);
        var next = new PriorityQueue<Candidate, Candidate>(Comparer<Candidate>.Create((left, right) =>
        {
            var keys = order.CompareKeys(left.Item.Place, right.Item.Place);
            return keys != 0 ? keys : left.Shard.Shard.CompareTo(right.Shard.Shard);
        }));
        foreach (var answer in answers.Where(static answer => !answer.Items.IsEmpty)) Enqueue(new Candidate(answer, 0));
        var (chosen, bytes) = (new List<Candidate>(query.Limit), 0L);
        while (chosen.Count < query.Limit && bytes < shards.Limits.PageBytesMax && next.TryDequeue(out var best, out _))
        {
            chosen.Add(best);
            if (query.WithContent) bytes += best.Item.ContentBytes;
            if (best.Index + 1 < best.Shard.Items.Length) Enqueue(best with { Index = best.Index + 1 });
        }

        hasMore = next.Count > 0 || answers.Any(static answer => answer.HasMore);
        return chosen;

        void Enqueue(Candidate candidate) => next.Enqueue(candidate, candidate);
    }

    /// <returns>Entities in their order, and how many of the places they stand for: a shard's answer may end early.</returns>
    private async Task<(List<EntitySnapshot> Items, int Taken)> FetchAsync(
        List<Candidate> chosen, EntityQuery query, AsOf asOf, MissingShards missing, CancellationToken cancellation)
    {
        var found = new Dictionary<(ShardId, long), EntitySnapshot>();
        foreach (var group in chosen.GroupBy(static candidate => candidate.Shard.Shard).Chunk(shards.Limits.QueryParallelMax))
        {
            var asked = group.Select(part => shards.AskAsync<EntitiesFound>(new GetByOrdinals(part.Key, asOf,
                [.. part.Select(static candidate => (uint)candidate.Item.Place.Ordinal)], query.WithContent), missing, cancellation));
            foreach (var answer in await Task.WhenAll(asked))
            {
                foreach (var item in answer?.Items ?? []) found[(answer!.Shard, item.Head.Ordinal)] = item;
            }
        }

        var items = new List<EntitySnapshot>(chosen.Count);
        for (var i = 0; i < chosen.Count; i++)
        {
            if (found.TryGetValue((chosen[i].Shard.Shard, chosen[i].Item.Place.Ordinal), out var item)) items.Add(item);
            else if (!missing.Contains(chosen[i].Shard.Shard)) return (items, i);
        }

        return (items, chosen.Count);
    }
}
