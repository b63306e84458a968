using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;
using EntityActors.Storage.Model;
using Microsoft.AspNetCore.Http.Features;

namespace EntityActors.Host.Http;

/// <summary>Import of changes with their own times: one JSON object a line, streamed. Changes of one entity keep their order.</summary>
internal static class ImportEndpoint
{
    private const int LaneCount = 256;
    private const int LaneCapacity = 64;
    private const int LineBytesMax = 24 * 1024 * 1024;

    /// <summary>Rejections listed in the answer; those beyond are counted.</summary>
    private const int RejectionsListedMax = 10_000;

    private readonly record struct Line(long Number, EntityCommand Command);

    private sealed record Rejection(long Line, string Code, string Detail);

    public static void Map(IEndpointRouteBuilder routes) => routes.MapPost("/v1/datasets/{ds}/import", ImportAsync)
        .Requires("entity:write", "entity:delete", "entity:backfill")
        .Named("importChanges", "Changes", "Changes with their own times, one a line; a line sent again is a duplicate.")
        .TakesBody<ImportLine>(ApiExamples.ImportLines, "application/x-ndjson").Problems(504, "outcome_unknown").Problems(507, "storage_full")
        .Answers<ImportShape>(200, "What became of the lines.", ApiExamples.Imported);

    private static async Task ImportAsync(HttpContext context, IEntityStore store)
    {
        _ = RequestReader.Query(context);
        var dataset = RequestReader.Dataset(context);
        // An import is as long as it is; each of its lines is bounded.
        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = null;
        long applied = 0, duplicate = 0, rejectedCount = 0;
        var rejected = new List<Rejection>();
        var lanes = new Channel<Line>[LaneCount];
        var workers = new Task[LaneCount];
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        for (var i = 0; i < LaneCount; i++)
        {
            var lane = lanes[i] = Channel.CreateBounded<Line>(new BoundedChannelOptions(LaneCapacity) { SingleReader = true, SingleWriter = true });
            workers[i] = WorkAsync(lane.Reader);
        }

        try
        {
            await ReadLinesAsync();
        }
        finally
        {
            foreach (var lane in lanes) lane.Writer.TryComplete();
            await Task.WhenAll(workers);
        }

        rejected.Sort((left, right) => left.Line.CompareTo(right.Line));
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json => WriteResult(json, applied, duplicate, rejectedCount, rejected));

        async Task ReadLinesAsync()
        {
            var reader = new NdjsonReader(context.Request.Body, LineBytesMax);
            for (var number = 1L; await reader.ReadAsync(stop.Token) is { } line; number++)
            {
                if (line is { IsTooLong: false, Bytes.IsEmpty: true }) continue;
                try
                {
                    if (line.IsTooLong) throw new ApiProblem(413, "content_too_large", $"a line is at most {LineBytesMax} bytes");
                    var command = Parse(dataset, StrictText.Utf8.GetString(line.Bytes.Span), context.Author());
                    var lane = (uint)command.Key.GetHashCode() % LaneCount;
                    await lanes[lane].Writer.WriteAsync(new Line(number, command), stop.Token);
                }
                catch (ApiProblem problem)
                {
                    Reject(number, problem.Code, problem.Message);
                }
                catch (DecoderFallbackException)
                {
                    Reject(number, "invalid", "the line is not valid UTF-8");
                }
            }
        }

        async Task WorkAsync(ChannelReader<Line> lane)
        {
            try
            {
                await foreach (var line in lane.ReadAllAsync(stop.Token)) await ApplyAsync(line);
            }
            catch (Exception)
            {
                // One lane that cannot go on ends the import: what was applied is, and sending it again is safe.
                await stop.CancelAsync();
                throw;
            }
        }

        async Task ApplyAsync(Line line)
        {
            switch (await store.ExecuteAsync(line.Command, stop.Token))
            {
                case CommandResult.Committed { Commit.Duplicate: true }:
                    Interlocked.Increment(ref duplicate);
                    break;
                case CommandResult.Committed:
                    Interlocked.Increment(ref applied);
                    break;
                case CommandResult.Refused refused:
                    Reject(line.Number, ApiProblem.CodeOf(refused.Refusal.Code).Code, refused.Refusal.Detail);
                    break;
                case var other:
                    throw new InvariantViolationException($"unknown result {other.GetType()}");
            }
        }

        void Reject(long line, string code, string detail)
        {
            lock (rejected)
            {
                rejectedCount++;
                if (rejected.Count < RejectionsListedMax) rejected.Add(new Rejection(line, code, detail));
            }
        }
    }

    /// <exception cref="ApiProblem">The line is no command.</exception>
    internal static EntityCommand Parse(string dataset, string text, string author)
    {
        using var document = RequestReader.Object(
            text, "at", "op", "id", "tags", "add", "remove", "content", "contentBase64", "contentType", ExpiryReader.ExpiresAt);
        var root = document.RootElement;
        if (!root.TryGetProperty("op", out var operation) || !root.TryGetProperty("id", out var id)) throw ApiProblem.Invalid("op and id are required");
        var key = RequestReader.Key(dataset, RequestReader.Text(id, "id"));
        // A line without a time of its own could not be told from the same line further down.
        var at = RequestReader.At(root) ?? throw ApiProblem.Invalid("at is missing");
        // The same line is the same command, so that an import that was cut off can be sent again.
        var command = CommandId.FromText($"import\0{key}\0{at}\0{text}");
        return RequestReader.Text(operation, "op") switch
        {
            "put" => new PutEntity(
                key, command, author, at, default, RequestReader.Tags(root, "tags", isRequired: true), EntityEndpoints.ContentOf(root))
            {
                Expiry = ExpiryReader.Read(root),
            },
            "delete" => new DeleteEntity(key, command, author, at, default),
            "tags" => new ChangeTags(key, command, author, at, default, RequestReader.Tags(root, "add", isRequired: true),
                RequestReader.Tags(root, "remove", isRequired: true)) { Expiry = ExpiryReader.Read(root) },
            "content" => new PutContent(key, command, author, at, default,
                EntityEndpoints.ContentOf(root) ?? throw ApiProblem.Invalid("content is missing")),
            "archive" => new ArchiveEntity(key, command, author, at, default),
            "restore" => new RestoreEntity(key, command, author, at, default),
            var other => throw ApiProblem.Invalid($"op is put, tags, content, delete, archive or restore, not '{other}'"),
        };
    }

    private static void WriteResult(Utf8JsonWriter json, long applied, long duplicate, long rejectedCount, List<Rejection> rejected)
    {
        json.WriteStartObject();
        json.WriteNumber("applied", applied);
        json.WriteNumber("duplicate", duplicate);
        json.WriteStartArray("rejected");
        foreach (var (line, code, detail) in rejected)
        {
            json.WriteStartObject();
            json.WriteNumber("line", line);
            json.WriteString("code", code);
            json.WriteString("detail", detail);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNumber("rejectedCount", rejectedCount);
        json.WriteEndObject();
    }
}
