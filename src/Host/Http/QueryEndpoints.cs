using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Http;

/// <summary>Queries over a dataset: entities by tags, and tag values.</summary>
internal static class QueryEndpoints
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/datasets/{ds}/entities", FindAsync);
        routes.MapGet("/v1/datasets/{ds}/tags", TagsAsync);
    }

    private static async Task FindAsync(HttpContext context, IEntityStore store)
    {
        var query = RequestReader.Query(context, "tag", "match", "not", "asOf", "lifecycle", "limit", "cursor", "count", "fields");
        var fields = RequestReader.Single(query, "fields")?.Split(',').ToHashSet(StringComparer.Ordinal);
        var page = await store.QueryAsync(new EntityQuery(
            new TagQuery(RequestReader.Dataset(context), Patterns(query, "tag"), IsAny(query), Patterns(query, "not"), LifecycleOf(query)),
            RequestReader.Time(query, "asOf"), RequestReader.Limit(query, 100, EntityQuery.LimitMax), RequestReader.Single(query, "cursor"),
            RequestReader.Flag(query, "count"), fields is null || fields.Contains("content")), context.RequestAborted);
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("items");
            foreach (var item in page.Items) JsonShapes.Entity(json, item, fields);
            json.WriteEndArray();
            if (page.Cursor is not null) json.WriteString("cursor", page.Cursor);
            if (page.Total is { } total) json.WriteNumber("total", total);
            json.WriteEndObject();
        });
    }

    private static async Task TagsAsync(HttpContext context, IEntityStore store)
    {
        var query = RequestReader.Query(context, "prefix", "asOf", "limit", "cursor");
        var page = await store.TagsAsync(new TagListQuery(RequestReader.Dataset(context), RequestReader.Single(query, "prefix") ?? "",
            RequestReader.Time(query, "asOf"), RequestReader.Single(query, "cursor"),
            RequestReader.Limit(query, 1_000, TagListQuery.LimitMax)), context.RequestAborted);
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("items");
            foreach (var item in page.Items)
            {
                json.WriteStartObject();
                json.WriteString("tag", item.Tag);
                json.WriteNumber("count", item.Count);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            if (page.HasMore) json.WriteString("cursor", page.Items[^1].Tag);
            json.WriteEndObject();
        });
    }

    private static System.Collections.Immutable.ImmutableArray<TagPattern> Patterns(Dictionary<string, List<string>> query, string name)
    {
        if (!query.TryGetValue(name, out var values)) return [];
        if (values.Count > TagQuery.PatternCountMax) throw ApiProblem.Invalid($"at most {TagQuery.PatternCountMax} {name} parameters");
        return [.. values.Select(TagPattern.Parse)];
    }

    private static bool IsAny(Dictionary<string, List<string>> query) => RequestReader.Single(query, "match") switch
    {
        null or "all" => false,
        "any" => true,
        var other => throw ApiProblem.Invalid($"match is all or any, not '{other}'"),
    };

    private static Lifecycle? LifecycleOf(Dictionary<string, List<string>> query) => RequestReader.Single(query, "lifecycle") switch
    {
        null or "active" => Lifecycle.Active,
        "deleted" => Lifecycle.Deleted,
        "archived" => Lifecycle.Archived,
        "any" => null,
        var other => throw ApiProblem.Invalid($"lifecycle is active, deleted, archived or any, not '{other}'"),
    };
}
