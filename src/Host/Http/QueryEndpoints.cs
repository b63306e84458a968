using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Http;

/// <summary>Queries over a dataset: entities by tags, and tag values.</summary>
internal static class QueryEndpoints
{
    private const string Ndjson = "application/x-ndjson";

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapMethods("/v1/datasets/{ds}/entities", RequestReader.Reads, FindAsync).Requires("entity:read")
            .Named("findEntities", "Queries", "Entities by their tags, now or as of a moment.")
            .Takes("tag", ParameterKind.Texts, $"A tag, or the beginning of one and *; up to {TagQuery.PatternCountMax}.", "genre:novel")
            .Takes("match", ParameterKind.Text, "all (the default) or any of them.", "all")
            .Takes("not", ParameterKind.Texts, "Tags that a match does not hold, like tag.", "state:lost")
            .Takes("lifecycle", ParameterKind.Text, "active (the default), deleted, archived or any.", "active")
            .Takes("asOf", ParameterKind.Moment, "The moment; now when absent.", ApiExamples.Moment)
            .Takes("sort", ParameterKind.Text, "created, updated, id or tag:NAME, with - before it for descending.", "-updated")
            .Takes("limit", ParameterKind.Number, $"1 to {EntityQuery.LimitMax}; 100 when absent.", "20")
            .Takes("cursor", ParameterKind.Text, "Of the page before; the other parameters stay the same.")
            .Takes("count", ParameterKind.Flag, "Whether to tell the total.", "true")
            .Takes("fields", ParameterKind.Text, "Members of an entity to send, separated by commas.", "id,tags")
            .Takes("partial", ParameterKind.Flag, "Whether shards that do not answer may be left out, and named.", "false")
            .TakesHeader("Accept", "application/x-ndjson streams every match, one a line.", Ndjson)
            .Answers<EntityPageShape>(200, "A page.", ApiExamples.Matches)
            .Answers<MatchShape>(200, "Every match, one a line.", ApiExamples.Entity, Ndjson);
        routes.MapMethods("/v1/datasets/{ds}/tags", RequestReader.Reads, TagsAsync).Requires("entity:read")
            .Named("listTags", "Queries", "Tags of active entities with their counts, ordered.")
            .Takes("prefix", ParameterKind.Text, "What they begin with.", "genre:")
            .Takes("asOf", ParameterKind.Moment, "The moment; now when absent.", ApiExamples.Moment)
            .Takes("limit", ParameterKind.Number, $"1 to {TagListQuery.LimitMax}; 1000 when absent.", "20")
            .Takes("cursor", ParameterKind.Text, "Of the page before.")
            .Takes("partial", ParameterKind.Flag, "Whether shards that do not answer may be left out, and named.", "false")
            .Answers<TagPageShape>(200, "A page.", ApiExamples.TagCounts);
    }

    private static async Task FindAsync(HttpContext context, IEntityStore store)
    {
        var query = RequestReader.Query(context, "tag", "match", "not", "asOf", "lifecycle", "sort", "limit", "cursor", "count", "fields", "partial");
        var fields = FieldsOf(query);
        var asked = new EntityQuery(
            new TagQuery(RequestReader.Dataset(context), Patterns(query, "tag"), IsAny(query), Patterns(query, "not"), LifecycleOf(query)),
            RequestReader.Time(query, "asOf"), RequestReader.Limit(query, 100, EntityQuery.LimitMax), RequestReader.Single(query, "cursor"),
            RequestReader.Flag(query, "count"), fields is null || fields.Contains("content"))
        {
            AllowsMissingShards = RequestReader.Flag(query, "partial"), Sort = SortOf(query),
        };
        if (context.Request.Headers.Accept is [Ndjson])
        {
            if (query.ContainsKey("limit") || query.ContainsKey("cursor") || query.ContainsKey("count"))
                throw ApiProblem.Invalid("limit, cursor and count belong to pages; a stream holds every match");
            await StreamAsync(context, store, asked with { Limit = EntityQuery.LimitMax }, fields);
            return;
        }

        var page = await store.QueryAsync(asked, context.RequestAborted);
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("items");
            foreach (var item in page.Items) JsonShapes.Entity(json, item, fields);
            json.WriteEndArray();
            if (page.Cursor is not null) json.WriteString("cursor", page.Cursor);
            if (page.Total is { } total) json.WriteNumber("total", total);
            if (asked.AllowsMissingShards) MissingShards(json, page.MissingShards);
            json.WriteEndObject();
        });
    }

    /// <summary>
    /// Every match, one a line, at one moment. A failure half-way breaks the connection, so that no client takes the part for the whole. A query that may
    /// leave shards out ends with a line that names them, also when there are none.
    /// </summary>
    private static async Task StreamAsync(HttpContext context, IEntityStore store, EntityQuery query, HashSet<string>? fields)
    {
        var page = await store.QueryAsync(query, context.RequestAborted);
        context.Response.ContentType = Ndjson;
        var body = context.Response.BodyWriter;
        using var line = new JsonLine();
        while (true)
        {
            foreach (var item in page.Items)
            {
                body.Write(line.Of(json => JsonShapes.Entity(json, item, fields)));
                body.Write("\n"u8);
            }

            var isLast = page.Cursor is null;
            if (isLast && query.AllowsMissingShards)
            {
                body.Write(line.Of(json =>
                {
                    json.WriteStartObject();
                    MissingShards(json, page.MissingShards);
                    json.WriteEndObject();
                }));
                body.Write("\n"u8);
            }

            await body.FlushAsync(context.RequestAborted);
            if (isLast) return;
            page = await store.QueryAsync(query with { Cursor = page.Cursor }, context.RequestAborted);
        }
    }

    private static async Task TagsAsync(HttpContext context, IEntityStore store)
    {
        var query = RequestReader.Query(context, "prefix", "asOf", "limit", "cursor", "partial");
        var isPartial = RequestReader.Flag(query, "partial");
        var cursor = RequestReader.Single(query, "cursor");
        if (cursor is not null && Tag.Problem(cursor) is not null) throw ApiProblem.Invalid("the cursor is not one of this list");
        var page = await store.TagsAsync(new TagListQuery(RequestReader.Dataset(context), CheckPrefix(RequestReader.Single(query, "prefix") ?? ""),
            RequestReader.Time(query, "asOf"), cursor,
            RequestReader.Limit(query, 1_000, TagListQuery.LimitMax)) { AllowsMissingShards = isPartial }, context.RequestAborted);
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
            if (isPartial) MissingShards(json, page.MissingShards);
            json.WriteEndObject();
        });
    }

    private static void MissingShards(Utf8JsonWriter json, ImmutableArray<ShardId> shards)
    {
        json.WriteStartArray("missingShards");
        foreach (var shard in shards) json.WriteNumberValue(shard.Value);
        json.WriteEndArray();
    }

    internal static ImmutableArray<TagPattern> Patterns(Dictionary<string, List<string>> query, string name)
    {
        if (!query.TryGetValue(name, out var values)) return [];
        if (values.Count > TagQuery.PatternCountMax) throw ApiProblem.Invalid($"at most {TagQuery.PatternCountMax} {name} parameters");
        return [.. values.Select(Pattern)];
    }

    /// <summary>A tag, or the beginning of one and a star. What is neither would match nothing, without a word.</summary>
    private static TagPattern Pattern(string text)
    {
        var pattern = TagPattern.Parse(text);
        if (pattern.IsPrefix) CheckPrefix(pattern.Text);
        else if (Tag.Problem(text) is { } problem) throw ApiProblem.Invalid(problem);
        return pattern;
    }

    internal static string CheckPrefix(string prefix) => StrictText.ByteCount(prefix) <= Tag.BytesMax
        ? prefix
        : throw ApiProblem.Invalid($"a tag is longer than {Tag.BytesMax} bytes of UTF-8");

    internal static HashSet<string>? FieldsOf(Dictionary<string, List<string>> query)
    {
        if (RequestReader.Single(query, "fields") is not { } text) return null;
        var fields = text.Split(',').ToHashSet(StringComparer.Ordinal);
        var strange = fields.FirstOrDefault(field => !JsonShapes.EntityFields.Contains(field));
        return strange is null ? fields : throw ApiProblem.Invalid($"an entity has no field '{strange}'");
    }

    private static EntitySort? SortOf(Dictionary<string, List<string>> query) => RequestReader.Single(query, "sort") is not { } text
        ? null
        : EntitySort.Parse(text) ?? throw ApiProblem.Invalid($"sort is created, updated, id or tag:NAME, with - before it for descending, not '{text}'");

    internal static bool IsAny(Dictionary<string, List<string>> query) => RequestReader.Single(query, "match") switch
    {
        null or "all" => false,
        "any" => true,
        var other => throw ApiProblem.Invalid($"match is all or any, not '{other}'"),
    };

    internal static Lifecycle? LifecycleOf(Dictionary<string, List<string>> query) => RequestReader.Single(query, "lifecycle") switch
    {
        null or "active" => Lifecycle.Active,
        "deleted" => Lifecycle.Deleted,
        "archived" => Lifecycle.Archived,
        "any" => null,
        var other => throw ApiProblem.Invalid($"lifecycle is active, deleted, archived or any, not '{other}'"),
    };
}
