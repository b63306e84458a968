using EntityActors.Actors.Client;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Host.Http;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;
using EntityActors.Storage.Model;

namespace EntityActors.Host.EntityDb;

/// <summary>Tag values, health and administration.</summary>
internal static class EdbSystemEndpoints
{
    /// <summary>The version of EntityDB whose routes these are.</summary>
    private const string Version = "2.34";

    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(1);

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet(EdbEndpoints.Root + "/tags/values", ValuesAsync).InSession()
            .Named("edbTagValues", EdbEndpoints.Topic, "Values of a tag's name that active entities hold.")
            .TakesRequired("namespace", ParameterKind.Text, "The name.", "state").Answers<EdbValuesShape>(200, "The values.", EdbExamples.Values);
        routes.MapGet(EdbEndpoints.Root + "/datasets", DatasetsAsync).InSession()
            .Named("edbDatasets", EdbEndpoints.Topic, "Datasets that the user may read.")
            .Answers<EdbDatasetShape[]>(200, "The datasets.", EdbExamples.Datasets);
        routes.MapPost(EdbEndpoints.Root + "/datasets", DeclareAsync).Requires("dataset:write")
            .Named("edbCreateDataset", EdbEndpoints.Topic, "Makes a dataset known before it holds anything.").TakesBody<EdbDatasetBody>(EdbExamples.NewDataset)
            .Problems(409, "exists")
            .Problems(504, "outcome_unknown").Problems(507, "storage_full").Answers<EdbDatasetShape>(201, "The dataset.", EdbExamples.Dataset);
        routes.MapGet("/health", HealthAsync).IsOpen()
            .Named("edbHealth", EdbEndpoints.Topic, "Whether the node reaches every shard.").Problems(503, "not_ready")
            .Answers<EdbPublicHealthShape>(200, "It does.", EdbExamples.PublicHealth);
        routes.MapGet(EdbEndpoints.Root + "/status", (Delegate)StatusAsync).IsOpen()
            .Named("edbStatus", EdbEndpoints.Topic, "That the process runs, and whose routes these are.")
            .Answers<EdbBuildShape>(200, "It does.", EdbExamples.Build);
        routes.MapGet(EdbEndpoints.Root + "/admin/health", AdminHealthAsync).Requires("shard:read")
            .Named("edbAdminHealth", EdbEndpoints.Topic, "Number of entities, and whether any damage is known.")
            .Answers<EdbHealthShape>(200, "The health.", EdbExamples.Health);
        routes.MapPost(EdbEndpoints.Root + "/admin/reindex", ReindexAsync).Requires("shard:manage")
            .Named("edbReindex", EdbEndpoints.Topic, "Checks every byte of every shard; there is no index that could be stale.")
            .Answers<EdbReindexShape>(200, "What was found.", EdbExamples.Reindexed);
    }

    private static async Task ValuesAsync(HttpContext context, EdbStore store)
    {
        var name = EdbRequest.Of(context).Text("namespace") ?? throw ApiProblem.Invalid("namespace is required");
        var values = await store.ValuesAsync(context, dataset: null, name);
        await EdbEndpoints.WriteAsync(context, json =>
        {
            json.WriteStartObject();
            json.WriteNumber("count", values.Count);
            json.WriteString("namespace", name);
            json.WriteStartArray("values");
            foreach (var value in values.Keys) json.WriteStringValue(value);
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    private static async Task DatasetsAsync(HttpContext context, EdbDatasets datasets)
    {
        var principal = context.Principal();
        var names = (await datasets.NamesAsync(context.RequestAborted)).Where(name => principal.May("entity", "read", name));
        await EdbEndpoints.WriteAsync(context, json =>
        {
            json.WriteStartArray();
            foreach (var name in names) Dataset(json, name, "");
            json.WriteEndArray();
        });
    }

    private static async Task DeclareAsync(HttpContext context, EdbDatasets datasets)
    {
        var body = await EdbRequest.Of(context).BodyAsync();
        var given = EdbRequest.Member(body, "name");
        var name = RequestReader.Dataset(given is { Length: > 0 } ? given : throw ApiProblem.Invalid("Dataset name is required"));
        context.Demand("dataset", "write", name);
        var description = EdbRequest.Member(body, "description") ?? "";
        if (!await datasets.TryDeclareAsync(context, name, description)) throw new ApiProblem(409, "exists", $"Dataset {name} already exists");
        await EdbEndpoints.WriteAsync(context, json => Dataset(json, name, description), StatusCodes.Status201Created);
    }

    private static void Dataset(System.Text.Json.Utf8JsonWriter json, string name, string description)
    {
        json.WriteStartObject();
        json.WriteString("id", name);
        json.WriteString("name", name);
        json.WriteString("description", description);
        json.WriteNull("settings");
        json.WriteEndObject();
    }

    private static async Task HealthAsync(HttpContext context, StoreReadiness readiness, TimeProvider time)
    {
        if (!(await readiness.LookAsync(AnswerTimeout, context.RequestAborted)).IsReady)
            throw new ApiProblem(503, "not_ready", "not every shard serves", isRetryable: true) { RetryAfter = TimeSpan.FromSeconds(1) };
        await EdbEndpoints.WriteAsync(context, json =>
        {
            json.WriteStartObject();
            json.WriteString("status", "healthy");
            json.WriteString("timestamp", time.GetUtcNow());
            json.WriteString("version", Version);
            json.WriteStartObject("checks");
            json.WriteString("database", "healthy");
            json.WriteEndObject();
            json.WriteEndObject();
        });
    }

    private static Task StatusAsync(HttpContext context) => EdbEndpoints.WriteAsync(context, static json =>
    {
        json.WriteStartObject();
        json.WriteString("status", "ok");
        json.WriteString("version", Version);
        json.WriteEndObject();
    });

    private static async Task AdminHealthAsync(HttpContext context, EdbStore store, NodeStoreService node, TimeProvider time)
    {
        var count = await store.CountAsync(context, dataset: null);
        var damage = node.Store.Damage.OpenCount;
        await EdbEndpoints.WriteAsync(context, json =>
        {
            json.WriteStartObject();
            json.WriteNumber("entity_count", count);
            json.WriteStartObject("index_health");
            json.WriteString("status", damage == 0 ? "healthy" : "unhealthy");
            if (damage > 0) json.WriteString("error", $"{damage} places with damage");
            json.WriteEndObject();
            json.WriteString("status", damage == 0 ? "ok" : "degraded");
            json.WriteNumber("timestamp", Timestamp.FromDateTimeOffset(time.GetUtcNow()).Nanoseconds);
            json.WriteEndObject();
        });
    }

    private static async Task ReindexAsync(HttpContext context, IEntityStore store)
    {
        var outcomes = new List<VerifyOutcome>();
        for (var shard = 0; shard < store.ShardCount; shard++)
            outcomes.Add(await store.VerifyAsync(new ShardId(shard), repair: false, context.RequestAborted));
        var findings = outcomes.SelectMany(static outcome => outcome.Findings).ToList();
        await EdbEndpoints.WriteAsync(context, json =>
        {
            json.WriteStartObject();
            json.WriteString("status", findings.Count == 0 ? "success" : "damaged");
            json.WriteString("message", $"Every byte of {outcomes.Count} shards was checked");
            json.WriteNumber("shards_checked", outcomes.Count);
            json.WriteNumber("bytes_checked", outcomes.Sum(static outcome => outcome.BytesChecked));
            json.WriteStartArray("findings");
            foreach (var finding in findings) json.WriteStringValue(finding);
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }
}
