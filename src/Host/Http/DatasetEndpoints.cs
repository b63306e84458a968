using System.Collections.Immutable;
using System.Text.Json;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Http;

/// <summary>Datasets: those that hold active entities, and those that were declared, which are entities of a reserved dataset.</summary>
internal static class DatasetEndpoints
{
    private const string Route = "/v1/datasets";
    public const string Declared = "_datasets";
    public const string TagPrefix = "dataset:";
    private const int DescriptionCharsMax = 4_096;

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapMethods(Route, RequestReader.Reads, ListAsync).Requires("dataset:read")
            .Named("listDatasets", "Datasets", "Datasets that hold active entities or were declared, ordered by name.")
            .Takes("limit", ParameterKind.Number, $"1 to {DatasetListQuery.LimitMax}; 100 when absent.", "20")
            .Takes("cursor", ParameterKind.Text, "Of the page before.")
            .Takes("asOf", ParameterKind.Moment, "The moment; now when absent.", ApiExamples.Moment)
            .Answers<DatasetPageShape>(200, "A page.", DataExamples.Datasets);
        routes.MapPost(Route, DeclareAsync).Requires("dataset:write")
            .Named("declareDataset", "Datasets", "Declares a dataset, so that it is listed while it is empty, and describes it.")
            .TakesBody<DatasetBody>(DataExamples.Dataset)
            .TakesHeader("Idempotency-Key", "1 to 256 characters: sent again within ten minutes it gets the first answer.", "order-4711")
            .Problems(409, "exists").Problems(422, "command_id_reused").Problems(504, "outcome_unknown").Problems(507, "storage_full")
            .Answers<DatasetShape>(201, "Declared.", DataExamples.DatasetDone);
        routes.MapMethods(Route + "/{ds}", RequestReader.Reads, GetAsync).Requires("dataset:read")
            .Named("getDataset", "Datasets", "One dataset.").Problems(404, "not_found")
            .Answers<DatasetShape>(200, "The dataset.", DataExamples.DatasetDone);
        routes.MapDelete(Route + "/{ds}", DeleteAsync).Requires("dataset:delete")
            .Named("deleteDataset", "Datasets", "Takes the declaration of an empty dataset back.")
            .TakesHeader("Idempotency-Key", "1 to 256 characters: sent again within ten minutes it gets the first answer.", "order-4711")
            .Problems(404, "not_found").Problems(409, "not_empty").Problems(422, "command_id_reused").Problems(504, "outcome_unknown")
            .Problems(507, "storage_full").AnswersEmpty(204, "It is gone.");
    }

    private static async Task ListAsync(HttpContext context, IEntityStore store)
    {
        var query = RequestReader.Query(context, "limit", "cursor", "asOf");
        var (limit, after) = (RequestReader.Limit(query, 100, DatasetListQuery.LimitMax), RequestReader.Single(query, "cursor"));
        if (after is not null && !EntityKey.IsValidDataset(after)) throw ApiProblem.Invalid("the cursor is not one of this list");
        var asOf = RequestReader.Time(query, "asOf");
        var held = await HeldAsync(store, asOf, after, limit, context.RequestAborted);
        var tags = new TagListQuery(Declared, TagPrefix, asOf, after is null ? null : TagPrefix + after, limit);
        var declared = await store.TagsAsync(tags, context.RequestAborted);
        var names = new SortedDictionary<string, (long Count, bool IsDeclared)>(StringComparer.Ordinal);
        foreach (var item in held.Items) names[item.Dataset] = (item.ActiveCount, false);
        foreach (var item in declared.Items)
        {
            var name = item.Tag[TagPrefix.Length..];
            names[name] = (names.TryGetValue(name, out var known) ? known.Count : 0, true);
        }

        // What lies behind the end of a list that was cut is not all there: it belongs to a later page.
        var end = new[] { held.HasMore ? held.Items[^1].Dataset : null, declared.HasMore ? declared.Items[^1].Tag[TagPrefix.Length..] : null }
            .Where(static name => name is not null).Min(StringComparer.Ordinal);
        var all = names.Where(pair => end is null || string.CompareOrdinal(pair.Key, end) <= 0).ToList();
        var hasMore = end is not null || all.Count > limit;
        var page = all.Take(limit).ToList();
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("items");
            foreach (var (name, (count, isDeclared)) in page)
            {
                json.WriteStartObject();
                json.WriteString("name", name);
                json.WriteNumber("activeCount", count);
                json.WriteBoolean("declared", isDeclared);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            if (hasMore) json.WriteString("cursor", page[^1].Key);
            json.WriteEndObject();
        });
    }

    /// <summary>Without the datasets of the store's own, of which there are few.</summary>
    public static async Task<DatasetPage> HeldAsync(IEntityStore store, Timestamp? asOf, string? after, int limit, CancellationToken cancellation)
    {
        var items = ImmutableArray.CreateBuilder<DatasetCount>();
        while (true)
        {
            var page = await store.DatasetsAsync(new DatasetListQuery(asOf, after, DatasetListQuery.LimitMax), cancellation);
            items.AddRange(page.Items.Where(static item => !EntityKey.IsReserved(item.Dataset)));
            if (!page.HasMore || items.Count > limit) return new DatasetPage([.. items.Take(limit)], page.HasMore || items.Count > limit);
            after = page.Items[^1].Dataset;
        }
    }

    private static async Task DeclareAsync(HttpContext context, IEntityStore store)
    {
        _ = RequestReader.Query(context);
        if (RequestReader.Condition(context) != default) throw ApiProblem.Invalid("a dataset is declared once: this takes no condition");
        using var body = await RequestReader.ObjectAsync(context, "name", "description");
        var name = body.RootElement.TryGetProperty("name", out var given) ? RequestReader.Text(given, "name") : throw ApiProblem.Invalid("name is missing");
        name = RequestReader.Dataset(name);
        var description = body.RootElement.TryGetProperty("description", out var text) ? RequestReader.Text(text, "description") : null;
        if (description?.Length > DescriptionCharsMax) throw ApiProblem.Invalid($"a description has at most {DescriptionCharsMax} characters");
        context.Demand("dataset", "write", name);
        var content = DescriptionOf(description);
        switch (await store.ExecuteAsync(Declaration(name, description, RequestReader.CommandId(context), context.Author()), context.RequestAborted))
        {
            case CommandResult.Committed committed:
                // From the commit: somebody may have taken the declaration back since.
                var count = await ActiveCountAsync(store, name, context.RequestAborted);
                await WriteAsync(context, StatusCodes.Status201Created, name, count, committed.Commit.At, content?.Bytes);
                break;
            case CommandResult.Refused { Refusal.Code: RefusalCode.PreconditionFailed }:
                throw new ApiProblem(409, "exists", $"the dataset {name} is declared already");
            case CommandResult.Refused refused:
                throw ApiProblem.Of(refused.Refusal);
        }
    }

    /// <summary>The command that declares a dataset; refused when it is declared already.</summary>
    public static PutEntity Declaration(string name, string? description, CommandId id, string author)
    {
        return new PutEntity(new EntityKey(Declared, name), id, author, null, RevisionCondition.MustNotExist, [new Tag(TagPrefix + name)],
            DescriptionOf(description));
    }

    private static Content? DescriptionOf(string? text) =>
        text is null ? null : new Content("application/json", JsonSerializer.SerializeToUtf8Bytes(text));

    private static async Task GetAsync(HttpContext context, IEntityStore store)
    {
        _ = RequestReader.Query(context);
        var name = RequestReader.Dataset(context);
        var count = await ActiveCountAsync(store, name, context.RequestAborted);
        var declaration = await store.GetAsync(new EntityKey(Declared, name), null, withContent: true, context.RequestAborted);
        if (declaration is { Head.Lifecycle: not Lifecycle.Active }) declaration = null;
        if (declaration is null && count == 0) throw ApiProblem.NotFound($"there is no dataset {name}");
        await WriteAsync(context, StatusCodes.Status200OK, name, count, declaration?.Head.UpdatedAt,
            declaration?.Content is { IsCleared: false } content ? (ReadOnlyMemory<byte>?)content.Bytes : null);
    }

    /// <param name="declaredAt">Null when it was not declared.</param>
    private static Task WriteAsync(HttpContext context, int status, string name, long count, Timestamp? declaredAt, ReadOnlyMemory<byte>? description) =>
        JsonShapes.WriteAsync(context, status, json =>
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteNumber("activeCount", count);
            json.WriteBoolean("declared", declaredAt is not null);
            if (declaredAt is { } at) json.WriteString("declaredAt", at.ToString());
            if (description is { } text)
            {
                json.WritePropertyName("description");
                json.WriteRawValue(text.Span);
            }

            json.WriteEndObject();
        });

    private static async Task DeleteAsync(HttpContext context, IEntityStore store)
    {
        _ = RequestReader.Query(context);
        RequestReader.NoBody(context);
        if (RequestReader.Condition(context) != default) throw ApiProblem.Invalid("this takes no condition: a dataset goes when it is empty");
        var name = RequestReader.Dataset(context);
        var count = await ActiveCountAsync(store, name, context.RequestAborted);
        if (count > 0) throw new ApiProblem(409, "not_empty", $"the dataset {name} holds {count} active entities") { Facts = [("activeCount", count)] };
        var delete = new DeleteEntity(new EntityKey(Declared, name), RequestReader.CommandId(context), context.Author(), null, default);
        switch (await store.ExecuteAsync(delete, context.RequestAborted))
        {
            case CommandResult.Committed:
                context.Response.StatusCode = StatusCodes.Status204NoContent;
                break;
            case CommandResult.Refused { Refusal.Code: RefusalCode.NotFound }:
                throw ApiProblem.NotFound($"there is no dataset {name}");
            case CommandResult.Refused refused:
                throw ApiProblem.Of(refused.Refusal);
        }
    }

    private static async Task<long> ActiveCountAsync(IEntityStore store, string name, CancellationToken cancellation)
    {
        var all = new EntityQuery(new TagQuery(name, [], MatchAny: false, [], Lifecycle.Active), null, 1, null, Count: true, WithContent: false);
        return (await store.QueryAsync(all, cancellation)).Total ?? throw new InvariantViolationException("a count was asked for");
    }
}
