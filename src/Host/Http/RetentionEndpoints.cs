using System.Runtime.ExceptionServices;
using System.Text.Json;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Retention;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Http;

/// <summary>Retention policies of datasets, and applying one now.</summary>
internal static class RetentionEndpoints
{
    private const string Route = "/v1/datasets/{ds}/retention";
    private const string Read = "retention:read";
    private const string Manage = "retention:manage";

    /// <summary>Pages that one request looks at, of 500 entities each.</summary>
    private const int PagesMax = 2_000;

    /// <summary>Entities from which an answer ends.</summary>
    private const int EntitiesMax = 10_000;

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapMethods("/v1/retention", RequestReader.Reads, ListAsync).Requires(Read)
            .Named("listRetention", "Retention", "All retention policies, by dataset.")
            .Answers<RetentionPageShape>(200, "The policies.", RetentionExamples.Page);
        routes.MapMethods(Route, RequestReader.Reads, GetAsync).Requires(Read)
            .Named("getRetention", "Retention", "The retention policy of a dataset.")
            .Problems(404, "not_found").Answers<RetentionShape>(200, "The policy.", RetentionExamples.Policy);
        routes.MapPut(Route, PutAsync).Requires(Manage).Named("putRetention", "Retention", "Sets the retention policy of a dataset.")
            .TakesBody<RetentionBody>(RetentionExamples.Body).Problems(504, "outcome_unknown").Problems(507, "storage_full")
            .Answers<RetentionShape>(200, "The policy.", RetentionExamples.Policy);
        routes.MapDelete(Route, RemoveAsync).Requires(Manage).Named("deleteRetention", "Retention", "Takes the retention policy of a dataset away.")
            .Problems(404, "not_found").Problems(504, "outcome_unknown").Problems(507, "storage_full").AnswersEmpty(204, "Removed.");
        routes.MapPost(Route + "/apply", ApplyAsync).Requires(Manage)
            .Named("applyRetention", "Retention", "Applies the policy of a dataset now, or says what would go.")
            .Takes("dryRun", ParameterKind.Flag, "Nothing is written.")
            .Takes("cursor", ParameterKind.Text, "Where the answer before ended.", "17.2.")
            .Problems(404, "not_found").Problems(504, "outcome_unknown").Problems(507, "storage_full")
            .Answers<RetentionOutcomeShape>(200, "What went, or would go.", RetentionExamples.Outcome);
    }

    private static async Task ListAsync(HttpContext context, IEntityStore store)
    {
        _ = RequestReader.Query(context);
        var policies = await new RetentionPolicies(store).ListAsync(context.RequestAborted);
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("items");
            foreach (var policy in policies) Write(json, policy);
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    private static async Task GetAsync(HttpContext context, IEntityStore store)
    {
        _ = RequestReader.Query(context);
        var policy = await FindAsync(context, store);
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json => Write(json, policy));
    }

    private static async Task PutAsync(HttpContext context, IEntityStore store)
    {
        _ = RequestReader.Query(context);
        using var body = await RequestReader.ObjectAsync(context, RetentionPolicy.PurgeDeletedAfterName, RetentionPolicy.DeleteArchivedAfterName,
            RetentionPolicy.TrimHistoryAfterName, RetentionPolicy.KeepChangesName);
        var policy = new RetentionPolicy(RequestReader.Dataset(context), Age(body.RootElement, RetentionPolicy.PurgeDeletedAfterName),
            Age(body.RootElement, RetentionPolicy.DeleteArchivedAfterName))
        {
            TrimHistoryAfter = Age(body.RootElement, RetentionPolicy.TrimHistoryAfterName), KeepChanges = KeepChanges(body.RootElement),
        };
        if (policy.IsEmpty) throw ApiProblem.Invalid("a policy has at least one age, or a number of changes");
        if (await new RetentionPolicies(store).PutAsync(policy, CommandId.New(), context.Author(), context.RequestAborted) is CommandResult.Refused refused)
            throw ApiProblem.Of(refused.Refusal);
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json => Write(json, policy));
    }

    private static async Task RemoveAsync(HttpContext context, IEntityStore store)
    {
        _ = RequestReader.Query(context);
        RequestReader.NoBody(context);
        var result = await new RetentionPolicies(store).RemoveAsync(RequestReader.Dataset(context), CommandId.New(), context.Author(), context.RequestAborted);
        if (result is CommandResult.Refused) throw NoPolicy();
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static async Task ApplyAsync(HttpContext context, IEntityStore store, TimeProvider time)
    {
        var query = RequestReader.Query(context, "dryRun", "cursor");
        var dryRun = RequestReader.Flag(query, "dryRun");
        RequestReader.NoBody(context);
        var pass = new RetentionPass(store, await FindAsync(context, store));
        if (RequestReader.Single(query, "cursor") is { } cursor) pass.Resume(cursor);
        var outcome = await pass.RunAsync(Timestamp.FromDateTimeOffset(time.GetUtcNow()), PagesMax, EntitiesMax, dryRun, stepMin: null,
            context.RequestAborted);
        if (outcome.Failure is { } failure) ExceptionDispatchInfo.Throw(failure);
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteBoolean("dryRun", dryRun);
            json.WriteStartArray("items");
            foreach (var item in outcome.Items) Write(json, item);
            json.WriteEndArray();
            json.WriteStartObject("trimmed");
            json.WriteNumber("entities", outcome.Trimmed.Entities);
            json.WriteNumber("changes", outcome.Trimmed.Changes);
            json.WriteEndObject();
            json.WriteBoolean("more", outcome.Next is not null);
            if (outcome.Next is { } next) json.WriteString("cursor", next);
            json.WriteEndObject();
        });
    }

    private static async Task<RetentionPolicy> FindAsync(HttpContext context, IEntityStore store) =>
        await new RetentionPolicies(store).GetAsync(RequestReader.Dataset(context), context.RequestAborted) ?? throw NoPolicy();

    private static ApiProblem NoPolicy() => ApiProblem.NotFound("the dataset has no retention policy");

    private static TimeSpan? Age(JsonElement body, string member)
    {
        if (!body.TryGetProperty(member, out var value) || value.ValueKind == JsonValueKind.Null) return null;
        var secondsMax = RetentionPolicy.AgeMax.TotalSeconds;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var seconds) && seconds >= 0 && seconds <= secondsMax)
            return TimeSpan.FromSeconds(seconds);
        throw ApiProblem.Invalid($"{member} is a number of seconds up to {secondsMax:F0}");
    }

    private static long? KeepChanges(JsonElement body)
    {
        if (!body.TryGetProperty(RetentionPolicy.KeepChangesName, out var value) || value.ValueKind == JsonValueKind.Null) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var count) && count is >= 1 and <= RetentionPolicy.KeepChangesMax) return count;
        throw ApiProblem.Invalid($"{RetentionPolicy.KeepChangesName} is a whole number from 1 to {RetentionPolicy.KeepChangesMax}");
    }

    private static void Write(Utf8JsonWriter json, RetentionPolicy policy)
    {
        json.WriteStartObject();
        json.WriteString("dataset", policy.Dataset);
        if (policy.PurgeDeletedAfter is { } deleted) json.WriteNumber(RetentionPolicy.PurgeDeletedAfterName, deleted.TotalSeconds);
        if (policy.DeleteArchivedAfter is { } archived) json.WriteNumber(RetentionPolicy.DeleteArchivedAfterName, archived.TotalSeconds);
        if (policy.TrimHistoryAfter is { } trimmed) json.WriteNumber(RetentionPolicy.TrimHistoryAfterName, trimmed.TotalSeconds);
        if (policy.KeepChanges is { } kept) json.WriteNumber(RetentionPolicy.KeepChangesName, kept);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, RetentionItem item)
    {
        json.WriteStartObject();
        json.WriteString("id", item.Key.Id);
        json.WriteNumber("revision", item.Revision);
        json.WriteString("since", item.Since.ToString());
        json.WriteString("action", item.IsPurge ? "purge" : "delete");
        json.WriteEndObject();
    }
}
