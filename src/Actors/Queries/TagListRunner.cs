using System.Collections.Immutable;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Queries;

/// <summary>A tag listing over all shards: their counts added up, in the order of the tags' bytes.</summary>
internal sealed class TagListRunner(ShardAsker shards)
{
    public async Task<TagPage> RunAsync(TagListQuery query, Timestamp? moment, Timestamp now, CancellationToken cancellation)
    {
        var missing = new MissingShards(query.AllowsMissingShards, []);
        var asOf = await shards.FixTimesAsync(moment, now, missing, cancellation);
        var answers = await shards.AskAllAsync<TagsFound>(
            shard => new ListTags(shard, query.Dataset, query.Prefix, query.After, asOf, query.Limit), missing, shards.Limits.QueryParallelMax, cancellation);
        return Merge(answers, query.Limit) with { MissingShards = missing.ToImmutable() };
    }

    /// <summary>
    /// The first tags over all shards. A shard's answer holds its first tags, at least as many as the page, so every tag of
    /// the page has been counted by every shard that holds it.
    /// </summary>
    public static TagPage Merge(IReadOnlyList<TagsFound> answers, int limit)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        var hasMore = false;
        foreach (var answer in answers)
        {
            hasMore |= answer.HasMore;
            foreach (var item in answer.Items) counts[item.Tag] = counts.GetValueOrDefault(item.Tag) + item.Count;
        }

        var tags = counts.Keys.ToArray();
        Array.Sort(tags, Utf8Order.Instance);
        var items = ImmutableArray.CreateBuilder<TagCount>(Math.Min(limit, tags.Length));
        for (var i = 0; i < tags.Length && i < limit; i++) items.Add(new TagCount(tags[i], counts[tags[i]]));
        return new TagPage(items.ToImmutable(), hasMore || tags.Length > limit);
    }
}
