using EntityActors.Actors.Protocol;
using EntityActors.Host.Http;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Storage.Model;

namespace EntityActors.Host.EntityDb;

/// <summary>An entity as of a moment, its history, and what changed.</summary>
internal static class EdbTemporalEndpoints
{
    private const int LimitDefault = 100;
    private const int LimitMax = 10_000;

    public static void Map(IEndpointRouteBuilder routes, string root, string suffix)
    {
        routes.MapGet(root + "/as-of", AsOfAsync).InDataset(root, "entity:read")
            .Named("edbAsOf" + suffix, EdbEndpoints.Topic, "An entity as it was; 404 before its creation.")
            .TakesRequired("id", ParameterKind.Text, "Its id.", "book-1")
            .Takes("as_of", ParameterKind.Moment, "The moment.", ApiExamples.Moment).Takes("timestamp", ParameterKind.Moment, "The same.")
            .Takes("include_timestamps", ParameterKind.Flag, "Whether tags carry the time at which they came.", "false")
            .Problems(404, "not_found").Answers<EdbEntityShape>(200, "The entity.", EdbExamples.Entity);
        Range(routes.MapGet(root + "/history", HistoryAsync).InDataset(root, "entity:read")
            .Named("edbHistory" + suffix, EdbEndpoints.Topic, "What changed of an entity, oldest first, at its true times.")
            .TakesRequired("id", ParameterKind.Text, "Its id.", "book-1"))
            .Takes("limit", ParameterKind.Number, $"Up to {LimitMax}; {LimitDefault} when absent.", "20")
            .Problems(404, "not_found").Problems(410, "purged").Answers<EdbChangeShape[]>(200, "The changes.", EdbExamples.Changes);
        Range(routes.MapGet(root + "/changes", ChangesAsync).InDataset(root, "entity:read")
            .Named("edbChanges" + suffix, EdbEndpoints.Topic, "What changed last, of one entity or of all, newest entity first.")
            .Takes("id", ParameterKind.Text, "Of this entity alone.", "book-1"))
            .Takes("since", ParameterKind.Moment, "The same as from.", ApiExamples.Moment)
            .Takes("limit", ParameterKind.Number, $"Up to {LimitMax}; {LimitDefault} when absent.", "20")
            .Problems(404, "not_found").Problems(410, "purged").Answers<EdbChangeShape[]>(200, "The changes.", EdbExamples.Changes);
        Range(routes.MapGet(root + "/diff", DiffAsync).InDataset(root, "entity:read")
            .Named("edbDiff" + suffix, EdbEndpoints.Topic, "Tags that came and went between two moments.")
            .TakesRequired("id", ParameterKind.Text, "Its id.", "book-1"))
            .Takes("t1", ParameterKind.Moment, "The same as from.").Takes("t2", ParameterKind.Moment, "The same as to.")
            .Problems(404, "not_found").Answers<EdbDiffShape>(200, "The difference.", EdbExamples.Diff);
    }

    private static RouteHandlerBuilder Range(RouteHandlerBuilder route) => route
        .Takes("from", ParameterKind.Moment, "Earliest moment.", ApiExamples.Moment).Takes("from_timestamp", ParameterKind.Moment, "The same as from.")
        .Takes("to", ParameterKind.Moment, "Latest moment.", ApiExamples.Moment).Takes("to_timestamp", ParameterKind.Moment, "The same as to.");

    private static async Task AsOfAsync(HttpContext context, EdbStore store)
    {
        var request = EdbRequest.Of(context);
        var id = request.Id();
        var asOf = request.Time("as_of", "timestamp") ?? throw ApiProblem.Invalid("Timestamp is required");
        var entity = await store.FindAsync(context, id, EdbEndpoints.Dataset(context), asOf)
            ?? throw ApiProblem.NotFound($"Entity {id} did not exist at timestamp {asOf}");
        var times = request.Flag("include_timestamps") ? await store.TagTimesAsync(entity.Head, context.RequestAborted) : null;
        await EdbEndpoints.WriteAsync(context, json => EdbJson.Entity(json, entity, times));
    }

    private static async Task HistoryAsync(HttpContext context, EdbStore store)
    {
        var request = EdbRequest.Of(context);
        var (id, left) = (request.Id(), Limit(request));
        var entity = await store.FindAsync(context, id, EdbEndpoints.Dataset(context), withContent: false)
            ?? throw ApiProblem.NotFound($"Entity {id} not found");
        var changes = await ReadAsync(store, entity.Head.Key, From(request), To(request), left, request.Cancellation);
        await EdbEndpoints.WriteAsync(context, json =>
        {
            json.WriteStartArray();
            foreach (var change in changes) EdbJson.Change(json, change, withId: false, ref left);
            json.WriteEndArray();
        });
    }

    private static async Task ChangesAsync(HttpContext context, EdbStore store)
    {
        var request = EdbRequest.Of(context);
        if (request.Text("id") is not null)
        {
            await HistoryAsync(context, store);
            return;
        }

        var (left, from, to) = (Limit(request), From(request) ?? request.Time("since"), To(request));
        var matches = await store.MatchesAsync(context, EdbEndpoints.Dataset(context), new EdbFilter { Lifecycle = null });
        var last = matches.Where(head => from is not { } earliest || head.UpdatedAt >= earliest)
            .OrderByDescending(static head => head.UpdatedAt).Take(left).ToList();
        var changes = new List<Change>();
        foreach (var head in last)
        {
            if (changes.Count >= left) break;
            changes.AddRange(await ReadAsync(store, head.Key, from, to, left, request.Cancellation));
        }

        await EdbEndpoints.WriteAsync(context, json =>
        {
            json.WriteStartArray();
            foreach (var change in changes) EdbJson.Change(json, change, withId: true, ref left);
            json.WriteEndArray();
        });
    }

    private static async Task DiffAsync(HttpContext context, EdbStore store)
    {
        var request = EdbRequest.Of(context);
        var (id, dataset) = (request.Id(), EdbEndpoints.Dataset(context));
        var from = From(request) ?? throw ApiProblem.Invalid("Both timestamps are required");
        var to = To(request) ?? throw ApiProblem.Invalid("Both timestamps are required");
        var before = await store.FindAsync(context, id, dataset, from);
        var after = await store.FindAsync(context, id, dataset, to);
        if ((before ?? after) is not { } known) throw ApiProblem.NotFound($"Entity {id} did not exist at either timestamp");
        var (held, holds) = (before?.Head.Tags ?? [], after?.Head.Tags ?? []);
        await EdbEndpoints.WriteAsync(context, json =>
        {
            json.WriteStartObject();
            JsonShapes.Tags(json, "added_tags", TagSet.Except(holds, held));
            Side("after", after);
            Side("before", before);
            json.WriteString("entity_id", known.Head.Key.Id);
            json.WriteString("from_time", from.ToString());
            JsonShapes.Tags(json, "removed_tags", TagSet.Except(held, holds));
            json.WriteString("to_time", to.ToString());
            json.WriteEndObject();

            void Side(string name, EntitySnapshot? side)
            {
                json.WritePropertyName(name);
                if (side is null) json.WriteNullValue();
                else EdbJson.Entity(json, side);
            }
        });
    }

    /// <summary>Changes up to a number; each becomes one entry or more.</summary>
    private static async Task<List<Change>> ReadAsync(EdbStore store, EntityKey key, Timestamp? from, Timestamp? to, int limit, CancellationToken cancellation)
    {
        var changes = new List<Change>();
        var query = new HistoryQuery(key, from, to, 0, HistoryQuery.LimitMax);
        HistoryPage page;
        do
        {
            page = await store.HistoryAsync(query, cancellation);
            changes.AddRange(page.Changes);
            if (page.HasMore) query = query with { AfterRevision = page.Changes[^1].Revision };
        }
        while (page.HasMore && changes.Count < limit);
        return changes;
    }

    private static int Limit(EdbRequest request) => request.Number("limit", LimitMax) is { } limit and > 0 ? limit : LimitDefault;

    private static Timestamp? From(EdbRequest request) => request.Time("from", "from_timestamp", "t1");

    private static Timestamp? To(EdbRequest request) => request.Time("to", "to_timestamp", "t2");
}
