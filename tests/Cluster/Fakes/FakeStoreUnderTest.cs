using System.Text.Json;
using System.Text.Json.Nodes;
using EntityActors.Cluster.Tests.Kill;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Model;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace EntityActors.Cluster.Tests.Fakes;

/// <summary>The fake store behind the part of the HTTP contract that the kill test uses. A kill aborts all connections.</summary>
internal sealed class FakeStoreUnderTest(FakeFault fault) : IStoreUnderTest
{
    private readonly FakeStore _store = new(fault);
    private WebApplication? _app;
    private bool _isKilled;
    private int _requests;

    public string Output => "";

    public async Task<Uri> StartAsync()
    {
        await KillAsync();
        (_isKilled, _requests) = (false, 0);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.Use(AbortWhenKilledAsync);
        const string entity = "/v1/datasets/{ds}/entities/{id}";
        _app.MapPut(entity, context => WriteAsync(context, OperationKind.Put));
        _app.MapDelete(entity, context => WriteAsync(context, OperationKind.Delete));
        _app.MapMethods(entity + "/tags", ["PATCH"], context => WriteAsync(context, OperationKind.PatchTags));
        _app.MapPut(entity + "/content", context => WriteAsync(context, OperationKind.PutContent));
        _app.MapPost(entity + "/restore", context => WriteAsync(context, OperationKind.Restore));
        _app.MapGet(entity, GetAsync);
        _app.MapGet(entity + "/history", HistoryAsync);
        _app.MapGet("/v1/datasets/{ds}/entities", QueryAsync);
        await _app.StartAsync();
        return new Uri(_app.Urls.Single());
    }

    public Task StartAndKillAsync(TimeSpan after) => Task.CompletedTask;

    public async Task KillAsync()
    {
        _isKilled = true;
        if (_app is null) return;
        var app = _app;
        _app = null;
        using var atOnce = new CancellationTokenSource();
        await atOnce.CancelAsync();
        await app.StopAsync(atOnce.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await app.DisposeAsync();
        _store.OnKill();
    }

    public Task StopAsync() => KillAsync();

    public Task VerifyStoppedAsync() => Task.CompletedTask;

    public async ValueTask DisposeAsync() => await KillAsync();

    /// <summary>
    /// Also loses every 50th answer to a write, so that the retry under the same command id has work to do; counted from the start, so that
    /// the few writes by which the kill test settles what was in flight at a kill are answered, as a started server would.
    /// </summary>
    private async Task AbortWhenKilledAsync(HttpContext context, RequestDelegate next)
    {
        if (_isKilled)
        {
            context.Abort();
            return;
        }

        var losesAnswer = context.Request.Method != "GET" && Interlocked.Increment(ref _requests) % 50 == 0;
        if (losesAnswer) context.Response.Body = Stream.Null;
        await next(context);
        if (_isKilled || losesAnswer) context.Abort();
    }

    private async Task WriteAsync(HttpContext context, OperationKind kind)
    {
        using var bytes = new MemoryStream();
        await context.Request.Body.CopyToAsync(bytes);
        var body = kind is OperationKind.Put or OperationKind.PatchTags ? JsonNode.Parse(bytes.ToArray()) : null;
        var ifMatch = context.Request.Headers.IfMatch.ToString().Trim('"');
        var operation = new Operation
        {
            Client = "", Kind = kind, Id = IdOf(context),
            CommandId = Guid.Parse(context.Request.Headers["Idempotency-Key"].ToString()),
            Add = Texts(body?[kind == OperationKind.Put ? "tags" : "add"]), Remove = Texts(body?["remove"]),
            ContentJson = body?["content"]?.ToJsonString(), ContentBytes = bytes.ToArray(),
            IfMatch = ifMatch.Length == 0 ? null : long.Parse(ifMatch), IfAbsent = context.Request.Headers.IfNoneMatch == "*",
        };
        var answer = _store.Execute(operation);
        if (answer.IsUnavailable)
        {
            context.Response.StatusCode = 503;
            await SendAsync(context, new JsonObject { ["code"] = "unavailable", ["retryable"] = true }, "application/problem+json");
            return;
        }

        if (answer.Change is not { } change)
        {
            context.Response.StatusCode = 412;
            var problem = new JsonObject { ["code"] = "precondition_failed", ["retryable"] = false, ["actualRevision"] = answer.Revision };
            await SendAsync(context, problem, "application/problem+json");
            return;
        }

        context.Response.Headers.ETag = $"\"{change.Revision}\"";
        await SendAsync(context, new JsonObject
        {
            ["dataset"] = KillRun.Dataset, ["id"] = operation.Id, ["revision"] = change.Revision, ["at"] = Rfc3339.Format(change.At),
            ["shard"] = 0, ["sequence"] = 1, ["duplicate"] = answer.Duplicate,
        });
    }

    private async Task GetAsync(HttpContext context)
    {
        var id = IdOf(context);
        if (_store.Get(id, Time(context, "asOf")) is { } change) await SendAsync(context, Entity(id, change));
        else context.Response.StatusCode = 404;
    }

    private Task HistoryAsync(HttpContext context)
    {
        var id = IdOf(context);
        var items = new JsonArray();
        foreach (var change in _store.History(id, Time(context, "from") ?? 0))
        {
            var item = new JsonObject
            {
                ["dataset"] = KillRun.Dataset, ["id"] = id, ["revision"] = change.Revision, ["at"] = Rfc3339.Format(change.At),
                ["recordedAt"] = Rfc3339.Format(change.At), ["author"] = "", ["added"] = Array(change.Delta.Added),
                ["removed"] = Array(change.Delta.Removed), ["lifecycle"] = change.Delta.After.IsDeleted ? "deleted" : "active",
            };
            if (change.Delta.SetsContent) item["content"] = JsonNode.Parse(change.Delta.After.Content!);
            items.Add(item);
        }

        return SendAsync(context, new JsonObject { ["items"] = items });
    }

    private Task QueryAsync(HttpContext context)
    {
        var asOf = Time(context, "asOf");
        var found = _store.Find(context.Request.Query["tag"]!, asOf);
        return SendAsync(context, new JsonObject
        {
            ["items"] = new JsonArray([.. found.Select(entity => (JsonNode?)Entity(entity.Id, entity.Change))]), ["total"] = found.Length,
        });
    }

    private JsonObject Entity(string id, FakeChange change)
    {
        var state = change.Delta.After;
        return new JsonObject
        {
            ["dataset"] = KillRun.Dataset, ["id"] = id, ["revision"] = change.Revision, ["lifecycle"] = "active",
            ["createdAt"] = Rfc3339.Format(_store.CreatedAt(id)), ["updatedAt"] = Rfc3339.Format(change.At), ["tags"] = Array(state.Tags),
            ["contentType"] = state.ContentType, ["contentLength"] = 0, ["content"] = state.Content is null ? null : JsonNode.Parse(state.Content),
        };
    }

    /// <summary>The server leaves an encoded slash in a path alone.</summary>
    private static string IdOf(HttpContext context) =>
        ((string)context.Request.RouteValues["id"]!).Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);

    private static long? Time(HttpContext context, string name) =>
        context.Request.Query.TryGetValue(name, out var text) ? Rfc3339.Parse(text!) : null;

    private static System.Collections.Immutable.ImmutableArray<string> Texts(JsonNode? node) =>
        node is JsonArray array ? [.. array.Select(item => item!.GetValue<string>())] : [];

    private static JsonArray Array(IEnumerable<string> texts) => [.. texts.Select(text => (JsonNode?)JsonValue.Create(text))];

    private static async Task SendAsync(HttpContext context, JsonNode body, string type = "application/json")
    {
        context.Response.ContentType = type;
        await context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(body));
    }
}
