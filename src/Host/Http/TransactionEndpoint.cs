using System.Collections.Immutable;
using System.Text.Json;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Http;

/// <summary>Several entities of one shard changed at once or not at all.</summary>
internal static class TransactionEndpoint
{
    private static readonly string[] Conditions = ["ifRevision", "ifAbsent", "exists"];

    public static void Map(IEndpointRouteBuilder routes) => routes.MapPost("/v1/datasets/{ds}/transactions", ExecuteAsync).Requires("entity:write")
        .Named("executeTransaction", "Changes", "Changes several entities of one shard at once, or none of them.")
        .TakesBody<TransactionBody>(DataExamples.Transaction)
        .TakesHeader("Idempotency-Key", "1 to 256 characters, of the whole: sent again within ten minutes it gets the first answer.", "order-4711")
        .Problems(400, "at_in_future", "too_many_tags").Problems(404, "not_found").Problems(409, "at_not_later", "not_deleted", "archived")
        .Problems(410, "purged").Problems(412, "precondition_failed").Problems(422, "command_id_reused", "different_shards")
        .Problems(504, "outcome_unknown").Problems(507, "storage_full")
        .Answers<TransactionShape>(200, "All of it is durable.", DataExamples.TransactionDone);

    private static async Task ExecuteAsync(HttpContext context, IEntityStore store)
    {
        _ = RequestReader.Query(context);
        if (RequestReader.Condition(context) != default) throw ApiProblem.Invalid("the conditions of a transaction stand in its operations");
        using var body = await RequestReader.ObjectAsync(context, "operations", "at");
        switch (await store.ExecuteAsync(Read(context, body.RootElement), context.RequestAborted))
        {
            case TransactionResult.Committed { Commits: var commits }:
                await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json => Write(json, commits));
                break;
            case TransactionResult.Refused refused:
                throw ApiProblem.Of(refused.Refusal).In(refused.Operation);
            case var other:
                throw new InvariantViolationException($"unknown result {other.GetType()}");
        }
    }

    private static EntityTransaction Read(HttpContext context, JsonElement root)
    {
        if (!root.TryGetProperty("operations", out var given) || given.ValueKind != JsonValueKind.Array) throw ApiProblem.Invalid("operations is an array");
        var count = given.GetArrayLength();
        if (count is 0 or > EntityTransaction.OperationCountMax)
            throw ApiProblem.Invalid($"a transaction has 1 to {EntityTransaction.OperationCountMax} operations");
        var (command, at) = (RequestReader.CommandId(context), EntityEndpoints.At(context, root));
        var operations = ImmutableArray.CreateBuilder<EntityCommand>(count);
        foreach (var operation in given.EnumerateArray())
        {
            try
            {
                operations.Add(Operation(context, operation, command, at));
            }
            catch (ApiProblem problem)
            {
                throw problem.In(operations.Count);
            }
        }

        return new EntityTransaction(operations.MoveToImmutable());
    }

    private static EntityCommand Operation(HttpContext context, JsonElement given, CommandId command, Timestamp? at)
    {
        var (dataset, author) = (RequestReader.Dataset(context), context.Author());
        if (given.ValueKind != JsonValueKind.Object) throw ApiProblem.Invalid("an operation is an object");
        if (!given.TryGetProperty("op", out var op) || !given.TryGetProperty("id", out var id)) throw ApiProblem.Invalid("op and id are required");
        var key = RequestReader.Key(dataset, RequestReader.Text(id, "id"));
        var condition = Condition(given);
        switch (RequestReader.Text(op, "op"))
        {
            case "put":
                Members("tags", "content", "contentBase64", "contentType");
                return new PutEntity(key, command, author, at, condition, RequestReader.Tags(given, "tags", isRequired: false),
                    EntityEndpoints.ContentOf(given));
            case "tags":
                Members("add", "remove");
                return new ChangeTags(key, command, author, at, condition, RequestReader.Tags(given, "add", isRequired: false),
                    RequestReader.Tags(given, "remove", isRequired: false));
            case "delete":
                Members();
                context.Demand("entity", "delete", dataset);
                return new DeleteEntity(key, command, author, at, condition);
            case "restore":
                Members();
                context.Demand("entity", "delete", dataset);
                return new RestoreEntity(key, command, author, at, condition);
            case var other:
                throw ApiProblem.Invalid($"op is put, tags, delete or restore, not '{other}'");
        }

        void Members(params string[] members) => RequestReader.CheckMembers(given, [.. members, .. Conditions, "op", "id"]);
    }

    private static RevisionCondition Condition(JsonElement given)
    {
        var found = Conditions.Where(name => given.TryGetProperty(name, out _)).ToArray();
        if (found.Length == 0) return default;
        if (found.Length > 1) throw ApiProblem.Invalid($"{found[0]} and {found[1]} exclude each other");
        var value = given.GetProperty(found[0]);
        if (found[0] == "ifRevision")
        {
            return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var revision) && revision > 0
                ? RevisionCondition.MustBe(revision)
                : throw ApiProblem.Invalid("ifRevision is a revision from 1");
        }

        if (value.ValueKind != JsonValueKind.True) throw ApiProblem.Invalid($"{found[0]} is true, or is left out");
        return found[0] == "ifAbsent" ? RevisionCondition.MustNotExist : RevisionCondition.MustExist;
    }

    private static void Write(Utf8JsonWriter json, ImmutableArray<Commit> commits)
    {
        json.WriteStartObject();
        json.WriteNumber("shard", commits[0].Shard.Value);
        json.WriteNumber("sequence", commits[0].Sequence.Value);
        json.WriteBoolean("duplicate", commits[0].Duplicate);
        json.WriteStartArray("commits");
        foreach (var commit in commits) JsonShapes.Commit(json, commit);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
