using EntityActors.Actors.Protocol;
using EntityActors.Host.Http;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;
using EntityActors.Storage.Model;

namespace EntityActors.Host.EntityDb;

/// <summary>One entity: create, get, update.</summary>
internal static class EdbEntityEndpoints
{
    /// <param name="root">Path before the verb.</param>
    /// <param name="suffix">Of the operations' names.</param>
    public static void Map(IEndpointRouteBuilder routes, string root, string suffix)
    {
        routes.MapPost(root + "/create", CreateAsync).InDataset(root, "entity:write")
            .Named("edbCreate" + suffix, EdbEndpoints.Topic, "Makes an entity; an id, the type, the dataset and other tags are added when they are not given.")
            .TakesBody<EdbEntityBody>(EdbExamples.Create)
            .Takes("include_timestamps", ParameterKind.Flag, "Whether tags carry the time at which they came.", "false")
            .Problems(409, "exists").Problems(410, "purged").Problems(504, "outcome_unknown").Problems(507, "storage_full")
            .Answers<EdbEntityShape>(201, "The entity.", EdbExamples.Entity);
        routes.MapGet(root + "/get", GetAsync).InDataset(root, "entity:read")
            .Named("edbGet" + suffix, EdbEndpoints.Topic, "An entity; a deleted one too, with its lifecycle among the tags.")
            .TakesRequired("id", ParameterKind.Text, "Its id.", "book-1")
            .Takes("include_timestamps", ParameterKind.Flag, "Whether tags carry the time at which they came.", "false")
            .Takes("include_content", ParameterKind.Flag, "Content is always there.", "true")
            .Problems(404, "not_found").Answers<EdbEntityShape>(200, "The entity.", EdbExamples.Entity);
        routes.MapPut(root + "/update", UpdateAsync).InDataset(root, "entity:write")
            .Named("edbUpdate" + suffix, EdbEndpoints.Topic, "Replaces tags, content or both; what is not given stays.")
            .TakesBody<EdbEntityBody>(EdbExamples.Update)
            .Takes("id", ParameterKind.Text, "Its id, when the body has none.", "book-1")
            .Problems(404, "not_found").Problems(410, "purged").Problems(412, "precondition_failed")
            .Problems(504, "outcome_unknown").Problems(507, "storage_full")
            .Answers<EdbEntityShape>(200, "The entity, with the times of its tags.", EdbExamples.Entity);
    }

    private static async Task CreateAsync(HttpContext context, EdbStore store, EdbDatasets datasets, TimeProvider time)
    {
        var request = EdbRequest.Of(context);
        var body = await request.BodyAsync();
        var tags = EdbRequest.Tags(body) ?? [];
        var dataset = RequestReader.Dataset(EdbEndpoints.Dataset(context) ?? EdbTags.DatasetOf(tags) ?? EdbTags.DatasetDefault);
        context.Demand("entity", "write", dataset);
        var key = RequestReader.Key(dataset, EdbRequest.Member(body, "id") is { Length: > 0 } id ? id : EdbStore.NewId(dataset));
        var content = EdbRequest.Content(body);
        var now = Timestamp.FromDateTimeOffset(time.GetUtcNow());
        var put = new PutEntity(key, CommandId.New(), context.Author(), null, RevisionCondition.MustNotExist,
            EdbTags.ForNew(tags, key, context.Author(), now, content?.ContentType), content);
        await datasets.EnsureAsync(context, dataset);
        Commit commit;
        try
        {
            commit = await store.ExecuteAsync(context, put);
        }
        catch (ApiProblem taken) when (taken.Code == "precondition_failed")
        {
            throw new ApiProblem(409, "exists", $"Entity {key.Id} already exists");
        }

        // As it was made: somebody may have deleted it since.
        var made = await store.FindAsync(context, key.Id, dataset, commit.At) ?? throw new ApiProblem(410, "purged", $"Entity {key.Id} was purged meanwhile");
        await WriteAsync(context, store, made, request.Flag("include_timestamps"), StatusCodes.Status201Created);
    }

    private static async Task GetAsync(HttpContext context, EdbStore store)
    {
        var request = EdbRequest.Of(context);
        var entity = await store.GetAsync(context, request.Id(), EdbEndpoints.Dataset(context));
        await WriteAsync(context, store, entity, request.Flag("include_timestamps"));
    }

    private static async Task UpdateAsync(HttpContext context, EdbStore store)
    {
        var request = EdbRequest.Of(context);
        var body = await request.BodyAsync();
        var id = EdbRequest.Member(body, "id") is { Length: > 0 } named ? named : request.Id();
        var given = EdbRequest.Tags(body);
        var content = EdbRequest.Content(body);
        var before = await store.GetAsync(context, id, EdbEndpoints.Dataset(context));
        context.Demand("entity", "write", before.Head.Key.Dataset);
        if (before.Head.Lifecycle != Lifecycle.Active) throw EdbStore.NotFound();
        // Only over what was read: a change in between would be lost otherwise.
        var (condition, tags) = (RevisionCondition.MustBe(before.Head.Revision), EdbTags.ForUpdate(given, before.Head, content?.ContentType));
        var author = context.Author();
        await store.ExecuteAsync(context, content is not null
            ? new PutEntity(before.Head.Key, CommandId.New(), author, null, condition, tags, content)
            : new ChangeTags(before.Head.Key, CommandId.New(), author, null, condition, [.. tags.Except(before.Head.Tags)],
                [.. before.Head.Tags.Except(tags)]));
        await WriteAsync(context, store, await store.GetAsync(context, id, before.Head.Key.Dataset), withTimes: true);
    }

    private static async Task WriteAsync(HttpContext context, EdbStore store, EntitySnapshot entity, bool withTimes, int status = 200)
    {
        var times = withTimes ? await store.TagTimesAsync(entity.Head, context.RequestAborted) : null;
        await EdbEndpoints.WriteAsync(context, json => EdbJson.Entity(json, entity, times), status);
    }
}
