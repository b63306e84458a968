using System.Text;
using System.Text.Json;
using EntityActors.Host.Http;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;
using EntityActors.Storage.Model;

namespace EntityActors.Host.EntityDb;

/// <summary>Settings and feature flags that clients keep in the store: entities of the dataset <see cref="Dataset"/>.</summary>
internal static class EdbConfigEndpoints
{
    /// <summary>An ordinary dataset: none of it is a setting of this store.</summary>
    public const string Dataset = "entitydb.config";

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet(EdbEndpoints.Root + "/config", (HttpContext context, EdbStore store) => ListAsync(context, store, Configs)).InSession()
            .Named("edbConfig", EdbEndpoints.Topic, "Settings of clients.")
            .Takes("namespace", ParameterKind.Text, "Only of this namespace.", "system")
            .Takes("key", ParameterKind.Text, "Only this one; with namespace.", "theme")
            .Answers<EdbEntityShape[]>(200, "The settings.", EdbExamples.List);
        Written(routes.MapPost(EdbEndpoints.Root + "/config/set", SetConfigAsync).InSession()
            .Named("edbSetConfig", EdbEndpoints.Topic, "Sets one.").TakesBody<EdbConfigBody>(EdbExamples.Config));
        routes.MapGet(EdbEndpoints.Root + "/feature-flags", (HttpContext context, EdbStore store) => ListAsync(context, store, Flags)).InSession()
            .Named("edbFlags", EdbEndpoints.Topic, "Feature flags of clients.")
            .Takes("stage", ParameterKind.Text, "Only of this stage.", "beta").Answers<EdbEntityShape[]>(200, "The flags.", EdbExamples.List);
        Written(routes.MapPost(EdbEndpoints.Root + "/feature-flags/set", SetFlagAsync).InSession()
            .Named("edbSetFlag", EdbEndpoints.Topic, "Sets one.").TakesBody<EdbFlagBody>(EdbExamples.Flag));
    }

    private static void Written(RouteHandlerBuilder route) => route
        .Problems(410, "purged").Problems(504, "outcome_unknown").Problems(507, "storage_full").Answers<EdbEntityShape>(200, "It.", EdbExamples.Entity);

    private static TagPattern[] Configs(EdbRequest request) => (request.Text("namespace"), request.Text("key")) switch
    {
        (null, null) => [EdbFilter.Exact("type:config")],
        (null, { } key) => [EdbFilter.Exact("type:config"), EdbFilter.Exact("key:" + key)],
        ({ } name, null) => [EdbFilter.Exact("type:config"), EdbFilter.Exact("namespace:" + name)],
        ({ } name, { } key) => [EdbFilter.Exact($"conf:{name}:{key}")],
    };

    private static TagPattern[] Flags(EdbRequest request) => request.Text("stage") is { } stage
        ? [EdbFilter.Exact("type:feature_flag"), EdbFilter.Exact("stage:" + stage)]
        : [EdbFilter.Exact("type:feature_flag")];

    private static async Task ListAsync(HttpContext context, EdbStore store, Func<EdbRequest, TagPattern[]> tags)
    {
        var found = await store.MatchesAsync(context, Dataset, new EdbFilter { Tags = [.. tags(EdbRequest.Of(context))] });
        var items = await Task.WhenAll(found.Select(head => store.AsMatchedAsync(head, context.RequestAborted)));
        await EdbEndpoints.WriteAsync(context, json =>
        {
            json.WriteStartArray();
            foreach (var item in items) EdbJson.Entity(json, item);
            json.WriteEndArray();
        });
    }

    private static async Task SetConfigAsync(HttpContext context, EdbStore store)
    {
        var body = await EdbRequest.Of(context).BodyAsync();
        var key = EdbRequest.Member(body, "key") is { Length: > 0 } given ? given : throw ApiProblem.Invalid("Key is required");
        var name = EdbRequest.Member(body, "namespace") is { Length: > 0 } named ? named : "system";
        var value = body.TryGetProperty("value", out var element) ? element.GetRawText() : "null";
        await SetAsync(context, store, $"config_{name}_{key}", value, "type:config", $"conf:{name}:{key}", "key:" + key, "namespace:" + name);
    }

    private static async Task SetFlagAsync(HttpContext context, EdbStore store)
    {
        var body = await EdbRequest.Of(context).BodyAsync();
        var flag = EdbRequest.Member(body, "flag") is { Length: > 0 } given ? given : throw ApiProblem.Invalid("Flag name is required");
        var stage = EdbRequest.Member(body, "stage") is { Length: > 0 } named ? named : "stable";
        var isEnabled = body.TryGetProperty("enabled", out var element) && element.ValueKind == JsonValueKind.True;
        await SetAsync(context, store, "feature_" + flag, JsonSerializer.Serialize(new { enabled = isEnabled, flag, stage }),
            "type:feature_flag", $"feat:{stage}:{flag}", "flag:" + flag, "stage:" + stage, isEnabled ? "status:enabled" : "status:disabled");
    }

    private static async Task SetAsync(HttpContext context, EdbStore store, string id, string json, params string[] tags)
    {
        context.Demand("entity", "write", Dataset);
        var key = RequestReader.Key(Dataset, id);
        await store.ExecuteAsync(context, new PutEntity(key, CommandId.New(), context.Author(), null, default,
            [.. EdbTags.Read([.. tags, "dataset:" + Dataset, "content:type:application/json"]).Select(static tag => new Tag(tag))],
            new Content("application/json", Encoding.UTF8.GetBytes(json))));
        var entity = await store.GetAsync(context, id, Dataset);
        await EdbEndpoints.WriteAsync(context, writer => EdbJson.Entity(writer, entity));
    }
}
