using System.Text.Json;
using EntityActors.Actors.Protocol;
using EntityActors.Host.Http;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Storage.Model;

namespace EntityActors.Host.EntityDb;

/// <summary>Lists and queries, over one dataset or all that the user may read.</summary>
internal static class EdbListEndpoints
{
    private const int ParallelReads = 16;
    private const int FlushBytes = 64 * 1024;
    private const int RecentCount = 10;

    public static void Map(IEndpointRouteBuilder routes, string root, string suffix)
    {
        Filtered(routes.MapGet(root + "/list", ListAsync).InDataset(root, "entity:read")
            .Named("edbList" + suffix, EdbEndpoints.Topic, "Active entities that match: a bare array."))
            .Answers<EdbEntityShape[]>(200, "The entities.", EdbExamples.List);
        routes.MapGet(root + "/listbytag", ListAsync).InDataset(root, "entity:read")
            .Named("edbListByTag" + suffix, EdbEndpoints.Topic, "Active entities with a tag: a bare array.")
            .TakesRequired("tag", ParameterKind.Text, "The tag.", "genre:novel")
            .Takes("include_timestamps", ParameterKind.Flag, "Whether tags carry the time at which they came.", "false")
            .Answers<EdbEntityShape[]>(200, "The entities.", EdbExamples.List);
        Filtered(routes.MapGet(root + "/query", QueryAsync).InDataset(root, "entity:read")
            .Named("edbQuery" + suffix, EdbEndpoints.Topic, "Active entities that match, with their number and the times of their tags."))
            .Takes("filter", ParameterKind.Text, "A field to compare: created_at, updated_at, id, tag_count or tag:NAME.", "tag:status")
            .Takes("operator", ParameterKind.Text, "eq, ne, gt, gte, lt, lte, like or in.", "eq")
            .Takes("value", ParameterKind.Text, "What to compare with.", "draft")
            .Answers<EdbQueryShape>(200, "A page.", EdbExamples.Query);
        routes.MapGet(root + "/summary", SummaryAsync).InDataset(root, "entity:read")
            .Named("edbSummary" + suffix, EdbEndpoints.Topic, "Numbers of active entities by type, and those changed last.")
            .Answers<EdbSummaryShape>(200, "The summary.", EdbExamples.Summary);
    }

    private static RouteHandlerBuilder Filtered(RouteHandlerBuilder route) => route
        .Takes("tag", ParameterKind.Text, "A tag that they hold.", "genre:novel")
        .Takes("tags", ParameterKind.Text, "Tags, separated by commas: one of them, or with matchAll=true all.", "genre:novel,state:here")
        .Takes("matchAll", ParameterKind.Flag, "Whether all of tags are asked for.", "true")
        .Takes("wildcard", ParameterKind.Text, "A tag with * for any letters.", "genre:*")
        .Takes("namespace", ParameterKind.Text, "The name of a tag that they hold.", "genre")
        .Takes("search", ParameterKind.Text, "Text within the content; looks at every entity that the rest leaves.", "Solaris")
        .Takes("include_timestamps", ParameterKind.Flag, "Whether tags carry the time at which they came.", "false")
        .Takes("sort", ParameterKind.Text, "created_at (the default), updated_at, id, tag_count or tag:NAME.", "created_at")
        .Takes("order", ParameterKind.Text, "asc (the default) or desc.", "asc")
        .Takes("limit", ParameterKind.Number, "All when absent or 0.", "20")
        .Takes("offset", ParameterKind.Number, "How many to leave out first.", "0");

    private static async Task ListAsync(HttpContext context, EdbStore store)
    {
        var request = EdbRequest.Of(context);
        var (page, _, _, _) = await PageAsync(context, store, request);
        await StreamAsync(context, store, page, request.Flag("include_timestamps"), static json => json.WriteStartArray(), static json => json.WriteEndArray());
    }

    private static async Task QueryAsync(HttpContext context, EdbStore store)
    {
        var (page, total, offset, limit) = await PageAsync(context, store, EdbRequest.Of(context));
        await StreamAsync(context, store, page, withTimes: true,
            static json =>
            {
                json.WriteStartObject();
                json.WriteStartArray("entities");
            },
            json =>
            {
                json.WriteEndArray();
                json.WriteNumber("total", total);
                json.WriteNumber("offset", offset);
                json.WriteNumber("limit", limit);
                json.WriteEndObject();
            });
    }

    private static async Task<(List<EntityHead> Page, int Total, int Offset, int Limit)> PageAsync(HttpContext context, EdbStore store, EdbRequest request)
    {
        var (offset, limit) = (request.Number("offset") ?? 0, request.Number("limit") ?? 0);
        var filter = EdbFilter.Read(request);
        var order = Order(request.Text("sort") ?? "created_at", request.Text("order") ?? "asc");
        var matches = await store.MatchesAsync(context, EdbEndpoints.Dataset(context), filter);
        matches.Sort(order);
        return ([.. matches.Skip(offset).Take(limit == 0 ? int.MaxValue : limit)], matches.Count, offset, limit);
    }

    private static Comparison<EntityHead> Order(string field, string direction)
    {
        Comparison<EntityHead> rising = field switch
        {
            "created_at" => static (left, right) => left.CreatedAt.CompareTo(right.CreatedAt),
            "updated_at" => static (left, right) => left.UpdatedAt.CompareTo(right.UpdatedAt),
            "id" => static (left, right) => string.CompareOrdinal(left.Key.Id, right.Key.Id),
            "tag_count" => static (left, right) => left.Tags.Length.CompareTo(right.Tags.Length),
            _ when field.StartsWith("tag:", StringComparison.Ordinal) && field.Length > 4 =>
                (left, right) => EdbFilter.Compare(EdbTags.Value(left.Tags, field[4..] + ":") ?? "", EdbTags.Value(right.Tags, field[4..] + ":") ?? ""),
            _ => throw ApiProblem.Invalid($"Unknown sort '{field}': created_at, updated_at, id, tag_count or tag:NAME"),
        };
        var sign = direction switch
        {
            "asc" => 1,
            "desc" => -1,
            _ => throw ApiProblem.Invalid($"Unknown order '{direction}': asc or desc"),
        };
        return (left, right) => rising(left, right) is var found and not 0 ? sign * found : string.CompareOrdinal(left.Key.Id, right.Key.Id);
    }

    /// <summary>Entities one after the other, so that no more than a few contents are in memory. A failure half-way breaks the connection.</summary>
    private static async Task StreamAsync(HttpContext context, EdbStore store, List<EntityHead> page, bool withTimes,
        Action<Utf8JsonWriter> begin, Action<Utf8JsonWriter> end)
    {
        var cancellation = context.RequestAborted;
        // What fails at once is told with a status.
        var first = await ReadAsync(store, page.Take(ParallelReads), withTimes, cancellation);
        context.Response.ContentType = "application/json";
        await using var json = new Utf8JsonWriter(context.Response.BodyWriter);
        begin(json);
        var flushed = 0L;
        for (var at = 0; at < page.Count; at += ParallelReads)
        {
            var read = at == 0 ? first : await ReadAsync(store, page.Skip(at).Take(ParallelReads), withTimes, cancellation);
            foreach (var (entity, times) in read) EdbJson.Entity(json, entity, times);
            var written = json.BytesPending + json.BytesCommitted;
            if (written - flushed < FlushBytes) continue;
            await json.FlushAsync(cancellation);
            flushed = written;
        }

        end(json);
        await json.FlushAsync(cancellation);
    }

    private static Task<(EntitySnapshot Entity, IReadOnlyDictionary<string, Timestamp>? Times)[]> ReadAsync(
        EdbStore store, IEnumerable<EntityHead> heads, bool withTimes, CancellationToken cancellation) =>
        Task.WhenAll(heads.Select(async head =>
        {
            var entity = await store.AsMatchedAsync(head, cancellation);
            return (entity, withTimes ? await store.TagTimesAsync(head, cancellation) : null);
        }));

    private static async Task SummaryAsync(HttpContext context, EdbStore store, TimeProvider time)
    {
        var dataset = EdbEndpoints.Dataset(context);
        var total = await store.CountAsync(context, dataset);
        var types = await store.ValuesAsync(context, dataset, "type");
        var matches = await store.MatchesAsync(context, dataset, new EdbFilter());
        matches.Sort(Order("updated_at", "desc"));
        var recent = await ReadAsync(store, matches.Take(RecentCount), withTimes: false, context.RequestAborted);
        await EdbEndpoints.WriteAsync(context, json =>
        {
            json.WriteStartObject();
            json.WriteNumber("last_updated", matches.Count == 0 ? 0 : matches[0].UpdatedAt.Nanoseconds);
            json.WriteStartArray("recent_entities");
            foreach (var (entity, _) in recent) EdbJson.Entity(json, entity);
            json.WriteEndArray();
            json.WriteNumber("timestamp", Timestamp.FromDateTimeOffset(time.GetUtcNow()).Nanoseconds);
            json.WriteNumber("total_count", total);
            json.WriteStartObject("type_counts");
            foreach (var (type, count) in types) json.WriteNumber(type, count);
            json.WriteEndObject();
            json.WriteEndObject();
        });
    }
}
