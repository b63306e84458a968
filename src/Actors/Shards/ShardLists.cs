using System.Collections.Immutable;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Shards;

/// <summary>A shard's part of lists of datasets and of walks along relations. Runs on the read threads.</summary>
internal static class ShardLists
{
    /// <summary>Names of tags that one search for referrers looks into.</summary>
    private const int TagNamesMax = 1_000;

    public static DatasetsFound Datasets(ShardView view, ListDatasets list, AsOf asOf)
    {
        var limit = Math.Clamp(list.Limit, 1, DatasetListQuery.LimitMax + 1);
        var items = ImmutableArray.CreateBuilder<DatasetCount>();
        foreach (var (dataset, count) in view.Datasets(list.After, asOf))
        {
            if (items.Count == limit) return new DatasetsFound(list.Shard, items.ToImmutable(), HasMore: true);
            items.Add(new DatasetCount(dataset, count));
        }

        return new DatasetsFound(list.Shard, items.ToImmutable(), HasMore: false);
    }

    /// <summary>Bounded in bytes; the first one always fits.</summary>
    public static EntitiesFound ByOrdinals(ShardLimits limits, ShardView view, GetByOrdinals request, AsOf asOf)
    {
        var items = ImmutableArray.CreateBuilder<EntitySnapshot>();
        var bytes = 0L;
        foreach (var ordinal in request.Ordinals)
        {
            if (bytes >= limits.PageBytesMax || items.Count == EntityQuery.LimitMax)
                return new EntitiesFound(request.Shard, items.ToImmutable(), ordinal, null);
            if (view.GetByOrdinal(ordinal, asOf) is not { } head) continue;
            var item = new EntitySnapshot(head, request.WithContent ? view.ContentOf(head) : null);
            bytes += item.Content?.InlineBytes ?? 0;
            foreach (var tag in head.Tags) bytes += tag.Text.Length;
            items.Add(item);
        }

        return new EntitiesFound(request.Shard, items.ToImmutable(), null, null);
    }

    public static RelatedFound Active(ShardLimits limits, ShardView view, GetActive request, AsOf asOf)
    {
        var heads = request.Ids.Take(RelationQuery.LookupCountMax).Select(id => view.Get(new EntityKey(request.Dataset, id), asOf))
            .OfType<EntityHead>().Where(static head => head.Lifecycle == Lifecycle.Active);
        return Found(limits, request.Shard, heads, RelationQuery.LookupCountMax, isCut: request.Ids.Length > RelationQuery.LookupCountMax);
    }

    public static RelatedFound Referrers(ShardLimits limits, ShardView view, FindReferrers request, AsOf asOf)
    {
        var names = request.Type is { } type ? [type] : view.TagNames(request.Dataset, asOf).Take(TagNamesMax + 1).ToArray();
        var tags = names.Take(TagNamesMax).SelectMany(name => request.Ids.Select(id => $"{name}:{id}")).Where(static tag => Tag.Problem(tag) is null)
            .Take(RelationQuery.LookupCountMax + 1).ToArray();
        var patterns = tags.Take(RelationQuery.LookupCountMax).Select(static tag => new TagPattern(tag, IsPrefix: false)).ToImmutableArray();
        if (patterns.IsEmpty) return new RelatedFound(request.Shard, [], IsCut: false);
        var matches = view.Find(new TagQuery(request.Dataset, patterns, MatchAny: true, [], Lifecycle.Active), asOf);
        return Found(limits, request.Shard, matches.From(0).Select(ordinal => view.GetByOrdinal(ordinal, asOf)).OfType<EntityHead>(),
            Math.Clamp(request.Limit, 1, RelationQuery.LimitMax + 1), names.Length > TagNamesMax || tags.Length > patterns.Length);
    }

    private static RelatedFound Found(ShardLimits limits, ShardId shard, IEnumerable<EntityHead> heads, int limit, bool isCut)
    {
        var items = ImmutableArray.CreateBuilder<EntityHead>();
        var bytes = 0L;
        foreach (var head in heads)
        {
            if (items.Count == limit || bytes >= limits.PageBytesMax) return new RelatedFound(shard, items.ToImmutable(), IsCut: true);
            foreach (var tag in head.Tags) bytes += tag.Text.Length;
            items.Add(head);
        }

        return new RelatedFound(shard, items.ToImmutable(), isCut);
    }
}
