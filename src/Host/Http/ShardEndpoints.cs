using System.Text.Json;
using EntityActors.Actors.Client;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Http;

/// <summary>Shards and health.</summary>
internal static class ShardEndpoints
{
    /// <summary>How long a shard of another node has to say that it serves.</summary>
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(1);

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapMethods("/v1/shards", RequestReader.Reads, AllAsync).Requires("shard:read").Named("listShards", "Shards", "All shards of the store.")
            .Answers<ShardsShape>(200, "The shards.", ApiExamples.Shards);
        routes.MapMethods("/v1/shards/{n}", RequestReader.Reads, OneAsync).Requires("shard:read").Named("getShard", "Shards", "One shard.")
            .Problems(404, "not_found").Answers<ShardShape>(200, "The shard.", ApiExamples.Shard);
        routes.MapPost("/v1/shards/{n}/checkpoint", CheckpointAsync).Requires("shard:manage")
            .Named("checkpointShard", "Shards", "Writes what a shard holds in memory into a segment.")
            .Problems(404, "not_found").Answers<CheckpointShape>(200, "What became of it.", ApiExamples.Checkpoint);
        routes.MapPost("/v1/shards/{n}/verify", VerifyAsync).Requires("shard:manage")
            .Named("verifyShard", "Shards", "Reads every byte of a shard past the caches.")
            .Takes("repair", ParameterKind.Flag, "Whether to mend what is found.", "false")
            .Problems(404, "not_found").Answers<VerifyShape>(200, "What was found.", ApiExamples.Verified);
        routes.MapMethods("/health/live", RequestReader.Reads, () => Results.Json(new { status = "live" })).IsOpen()
            .Named("isLive", "Health", "Whether the process runs.")
            .Answers<LiveShape>(200, "It does.", """{"status":"live"}""");
        routes.MapMethods("/health/ready", RequestReader.Reads, ReadyAsync).IsOpen()
            .Named("isReady", "Health", "Whether the node reaches every shard of the store.")
            .Problems(503, "not_ready").Answers<ReadyShape>(200, "It does.", """{"status":"ready","serving":64,"shards":64}""");
    }

    private static async Task<IResult> ReadyAsync(StoreReadiness readiness, NodeStoreService node, HttpContext context)
    {
        var found = await readiness.LookAsync(AnswerTimeout, context.RequestAborted);
        var (serving, shards) = (found.Serving, found.Shards);
        if (!found.IsReady)
        {
            throw new ApiProblem(503, "not_ready",
                found.IsMember ? $"{serving} of {shards} shards serve" : "the node is no member of its cluster", isRetryable: true)
            {
                RetryAfter = TimeSpan.FromSeconds(1), Facts = [("serving", serving), ("shards", shards)],
            };
        }

        // Damage does not make a node unready: what can be answered rightly is answered. Whoever watches it should know.
        return node.Store.Damage.OpenCount is > 0 and var damagedPlaces
            ? Results.Json(new { status = "ready", serving, shards, damagedPlaces })
            : Results.Json(new { status = "ready", serving, shards });
    }

    private static async Task AllAsync(HttpContext context, IEntityStore store)
    {
        _ = RequestReader.Query(context);
        var shards = await store.ShardsAsync(context.RequestAborted);
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("items");
            foreach (var shard in shards) Write(json, shard);
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    private static async Task OneAsync(HttpContext context, IEntityStore store, string n)
    {
        _ = RequestReader.Query(context);
        var shard = await store.ShardAsync(Shard(store, n), context.RequestAborted);
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json => Write(json, shard));
    }

    private static async Task CheckpointAsync(HttpContext context, IEntityStore store, string n)
    {
        _ = RequestReader.Query(context);
        RequestReader.NoBody(context);
        var outcome = await store.CheckpointAsync(Shard(store, n), context.RequestAborted);
        await Results.Json(new { shard = outcome.Shard.Value, outcome.Committed, outcome.Generation, outcome.Detail }).ExecuteAsync(context);
    }

    private static async Task VerifyAsync(HttpContext context, IEntityStore store, string n)
    {
        var query = RequestReader.Query(context, "repair");
        RequestReader.NoBody(context);
        var outcome = await store.VerifyAsync(Shard(store, n), RequestReader.Flag(query, "repair"), context.RequestAborted);
        await Results.Json(new { shard = outcome.Shard.Value, findings = outcome.Findings, repaired = outcome.Repaired, outcome.BytesChecked })
            .ExecuteAsync(context);
    }

    private static ShardId Shard(IEntityStore store, string text) =>
        int.TryParse(text, System.Globalization.NumberStyles.None, null, out var number) && number < store.ShardCount
            ? new ShardId(number)
            : throw ApiProblem.NotFound($"shards are 0 to {store.ShardCount - 1}");

    private static void Write(Utf8JsonWriter json, ShardState state)
    {
        json.WriteStartObject();
        json.WriteNumber("shard", state.Shard.Value);
        json.WriteString("status", JsonNamingPolicy.CamelCase.ConvertName(state.Status.ToString()));
        json.WriteString("detail", state.Detail);
        json.WriteString("node", state.Node);
        Number("epoch", state.Epoch);
        Number("generation", state.Generation);
        Number("sequence", state.Sequence);
        Number("checkpointedSequence", state.CheckpointedSequence);
        Number("entities", state.EntityCount);
        Number("tags", state.TagCount);
        Number("segments", state.SegmentCount);
        Number("segmentBytes", state.SegmentBytes);
        Number("memtableBytes", state.MemtableBytes);
        json.WriteNumber("checkpointsCommitted", state.CheckpointsCommitted);
        json.WriteNumber("checkpointsRestored", state.CheckpointsRestored);
        json.WriteNumber("restarts", state.Restarts);
        json.WriteEndObject();

        // Unknown is null, never 0.
        void Number(string name, long? value)
        {
            if (value is { } known) json.WriteNumber(name, known);
            else json.WriteNull(name);
        }
    }
}
