using EntityActors.Actors.Protocol;
using EntityActors.Host.Http;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;
using EntityActors.Storage.Model;

namespace EntityActors.Host.EntityDb;

/// <summary>Deletion, restore and purge.</summary>
internal static class EdbLifecycleEndpoints
{
    private const int LimitDefault = 25;
    private const int LimitMax = 100;

    public static void Map(IEndpointRouteBuilder routes, string root)
    {
        Written(routes.MapPost(root + "/{id}/delete", DeleteAsync).InSession()
            .Named("edbDelete", EdbEndpoints.Topic, "Deletes an entity so that it can be restored.").TakesBody<EdbReasonBody>(EdbExamples.Reason))
            .Problems(409, "already_deleted").Answers<EdbStatusShape>(200, "Where it stands.", EdbExamples.Status);
        Written(routes.MapPost(root + "/{id}/restore", RestoreAsync).InSession()
            .Named("edbRestore", EdbEndpoints.Topic, "Brings a deleted entity back.").TakesBody<EdbReasonBody>(EdbExamples.Reason))
            .Problems(409, "not_deleted").Answers<EdbStatusShape>(200, "Where it stands.", EdbExamples.Status);
        Written(routes.MapDelete(root + "/{id}/purge", PurgeAsync).InSession()
            .Named("edbPurge", EdbEndpoints.Topic, "Removes an entity with its history for ever.").TakesBody<EdbPurgeBody>(EdbExamples.Purge))
            .Answers<EdbMessageShape>(200, "It is gone.", EdbExamples.Purged);
        routes.MapGet(root + "/{id}/deletion-status", StatusAsync).InSession()
            .Named("edbDeletionStatus", EdbEndpoints.Topic, "Where an entity stands between deletion and restore.")
            .Problems(404, "not_found").Problems(410, "purged").Answers<EdbStatusShape>(200, "Where it stands.", EdbExamples.Status);
        routes.MapGet(root + "/deleted", DeletedAsync).InSession()
            .Named("edbDeleted", EdbEndpoints.Topic, "Deleted entities, those deleted last first.")
            .Takes("state", ParameterKind.Text, "soft_deleted or archived; both when absent.", "soft_deleted")
            .Takes("limit", ParameterKind.Number, $"Up to {LimitMax}; {LimitDefault} when absent.", "25")
            .Takes("offset", ParameterKind.Number, "How many to leave out first.", "0")
            .Answers<EdbDeletedShape>(200, "A page.", EdbExamples.Deleted);
    }

    private static RouteHandlerBuilder Written(RouteHandlerBuilder route) => route
        .Problems(404, "not_found").Problems(410, "purged").Problems(412, "precondition_failed").Problems(504, "outcome_unknown").Problems(507, "storage_full");

    private static async Task DeleteAsync(HttpContext context, EdbStore store)
    {
        await ReasonAsync(context, "Deletion reason is required");
        var head = await HeadAsync(context, store);
        if (head.Lifecycle != Lifecycle.Active) throw new ApiProblem(409, "already_deleted", $"Entity is already {EdbJson.State(head.Lifecycle)}");
        await store.ExecuteAsync(context, new DeleteEntity(head.Key, CommandId.New(), context.Author(), null, RevisionCondition.MustBe(head.Revision)));
        await WriteStatusAsync(context, store, head.Key);
    }

    private static async Task RestoreAsync(HttpContext context, EdbStore store)
    {
        await ReasonAsync(context, "Restoration reason is required");
        var head = await HeadAsync(context, store);
        if (head.Lifecycle == Lifecycle.Active) throw new ApiProblem(409, "not_deleted", "Entity is already active");
        await store.ExecuteAsync(context, new RestoreEntity(head.Key, CommandId.New(), context.Author(), null, RevisionCondition.MustBe(head.Revision)));
        await WriteStatusAsync(context, store, head.Key);
    }

    private static async Task PurgeAsync(HttpContext context, EdbStore store)
    {
        var body = await EdbRequest.Of(context).BodyAsync();
        if (EdbRequest.Member(body, "confirmation") != "PURGE") throw ApiProblem.Invalid("Invalid confirmation - must be 'PURGE'");
        var head = await HeadAsync(context, store);
        context.Demand("entity", "purge", head.Key.Dataset);
        await store.ExecuteAsync(context, new PurgeEntity(head.Key, CommandId.New(), context.Author(), RevisionCondition.MustBe(head.Revision)));
        await EdbEndpoints.WriteAsync(context, json =>
        {
            json.WriteStartObject();
            json.WriteString("status", "success");
            json.WriteString("message", $"Entity {head.Key.Id} purged");
            json.WriteEndObject();
        });
    }

    private static async Task StatusAsync(HttpContext context, EdbStore store)
    {
        var head = (await store.GetAsync(context, EdbEndpoints.PathId(context, "entities"), dataset: null, withContent: false)).Head;
        await WriteStatusAsync(context, store, head.Key);
    }

    private static async Task DeletedAsync(HttpContext context, EdbStore store)
    {
        var request = EdbRequest.Of(context);
        var (offset, limit) = (request.Number("offset") ?? 0, request.Number("limit", LimitMax) is { } given and > 0 ? given : LimitDefault);
        Lifecycle[] states = request.Text("state") switch
        {
            null => [Lifecycle.Deleted, Lifecycle.Archived],
            "soft_deleted" => [Lifecycle.Deleted],
            "archived" => [Lifecycle.Archived],
            _ => throw ApiProblem.Invalid("Invalid lifecycle state"),
        };
        var matches = new List<EntityHead>();
        foreach (var state in states) matches.AddRange(await store.MatchesAsync(context, dataset: null, new EdbFilter { Lifecycle = state }));
        var page = matches.OrderByDescending(static head => head.UpdatedAt).Skip(offset).Take(limit).ToList();
        var authors = await Task.WhenAll(page.Select(head => AuthorAsync(store, head, request.Cancellation)));
        await EdbEndpoints.WriteAsync(context, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("entities");
            for (var i = 0; i < page.Count; i++) EdbJson.Status(json, page[i], authors[i]);
            json.WriteEndArray();
            json.WriteNumber("total", matches.Count);
            json.WriteNumber("count", page.Count);
            json.WriteNumber("offset", offset);
            json.WriteNumber("limit", limit);
            json.WriteEndObject();
        });
    }

    private static async Task<EntityHead> HeadAsync(HttpContext context, EdbStore store)
    {
        var head = (await store.GetAsync(context, EdbEndpoints.PathId(context, "entities"), dataset: null, withContent: false)).Head;
        context.Demand("entity", "delete", head.Key.Dataset);
        return head;
    }

    private static async Task ReasonAsync(HttpContext context, string otherwise)
    {
        if (EdbRequest.Member(await EdbRequest.Of(context).BodyAsync(), "reason") is not { Length: > 0 }) throw ApiProblem.Invalid(otherwise);
    }

    private static async Task WriteStatusAsync(HttpContext context, EdbStore store, EntityKey key)
    {
        var head = (await store.GetAsync(context, key.Id, key.Dataset, withContent: false)).Head;
        var author = await AuthorAsync(store, head, context.RequestAborted);
        await EdbEndpoints.WriteAsync(context, json => EdbJson.Status(json, head, author));
    }

    private static async Task<string> AuthorAsync(EdbStore store, EntityHead head, CancellationToken cancellation)
    {
        if (head.Lifecycle != Lifecycle.Deleted) return "";
        var page = await store.HistoryAsync(new HistoryQuery(head.Key, null, null, head.Revision - 1, 1), cancellation);
        return page.Changes.IsEmpty ? "" : page.Changes[0].Author;
    }
}
