using System.Buffers;
using System.Net;
using System.Text;
using System.Text.Json;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Tests.Protocol;
using EntityActors.Host.Cli;
using EntityActors.Host.Http;
using EntityActors.Storage.Fuzz.Engine;
using EntityActors.Storage.Model;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Decoder = EntityActors.Storage.Fuzz.Engine.Decoder;

namespace EntityActors.Storage.Fuzz.Decoders;

/// <summary>What a client sends: bodies, lines of an import, queries, paths, headers; and what the command line reads back.</summary>
internal static class HttpDecoders
{
    private const int LineBytesMax = 4096;

    /// <summary>Each line is parsed alone: many of them cost time and tell nothing new.</summary>
    private const int LinesParsedMax = 6;

    private static readonly string[] Members = ["tags", "content", "contentBase64", "contentType", "at", "add", "remove"];
    private static readonly string[] Parameters = ["tag", "match", "not", "asOf", "lifecycle", "limit", "cursor", "count", "fields", "prefix", "from", "to"];

    /// <summary>As deep as the command line reads.</summary>
    private static readonly JsonDocumentOptions Reading = new() { MaxDepth = 128 };

    private static readonly byte[][] JsonWords =
    [
        .. ("{|}|[|]|:|,|\"\\ud800\"|\"\\u0000\"|null|true|false|1e999|-0|1.5|\"tags\":|\"content\":|\"contentBase64\":|\"contentType\":|\"at\":|\"op\":\"put\"|" +
            "\"op\":\"delete\"|\"id\":|\"add\":|\"remove\":|\"a:b\"|\"application/json\"|\"text/plain\"|\"2024-05-01T10:20:30Z\"|\n|\r\n|\\u0041|[[[[[[[[|\uFEFF")
            .Split('|').Select(Encoding.UTF8.GetBytes),
    ];

    private static readonly byte[][] QueryWords =
        [.. "tag=|&not=|&match=any|&asOf=|&lifecycle=any|&limit=|&cursor=|&count=true|&fields=|%2F|%C3%BC|%ED%A0%80|%|+|*|..|//|?|#|://".Split('|').Select(Encoding.UTF8.GetBytes)];

    public static IEnumerable<Decoder> All()
    {
        yield return Of("http-body", BodySeeds, ReadBody, JsonWords);
        yield return Of("import-lines", LineSeeds, ReadLines, JsonWords);
        yield return Of("http-query", QuerySeeds, ReadQuery, QueryWords);
        yield return Of("http-path", PathSeeds, ReadPath, QueryWords);
        yield return Of("http-headers", HeaderSeeds, ReadHeaders, [.. "\"|*|W/\"|\n|; charset=utf-8|application/json".Split('|').Select(Encoding.UTF8.GetBytes)]);
        yield return Of("json-content", static () => BodySeeds().Append("[1,{\"a\":\"\\ud83d\\ude00\"}]"u8.ToArray()), WriteContent, JsonWords);
        yield return Of("problem-body", ProblemSeeds, ReadProblem, JsonWords);
    }

    private static Decoder Of(string name, Func<IEnumerable<byte[]>> seeds, Action<byte[]> run, byte[][] words) =>
        new(name, seeds, run) { IsExpected = static failure => ApiProblem.Of(failure) is { Status: < 500 }, Words = words };

    private static IEnumerable<byte[]> BodySeeds() => new[]
    {
        """{"tags":["type:doc","a:\u00fc"],"content":{"title":"hello","n":[1,2.5,null]},"at":"2024-05-01T10:20:30Z"}""",
        """{"tags":[],"content":"text","contentType":"text/plain","at":1700000000123456789}""",
        """{"contentBase64":"AAEC","contentType":"application/octet-stream"}""",
        """{"add":["x:y"],"remove":["z:w"]}""",
    }.Select(Encoding.UTF8.GetBytes);

    private static void ReadBody(byte[] bytes)
    {
        var context = new DefaultHttpContext();
        context.Request.ContentType = "application/json";
        context.Request.Body = new MemoryStream(bytes, writable: false);
        using var body = Now(RequestReader.ObjectAsync(context, Members));
        var root = body.RootElement;
        _ = RequestReader.At(root);
        foreach (var member in new[] { "tags", "add", "remove" }) _ = RequestReader.Tags(root, member, isRequired: false);
        if (EntityEndpoints.ContentOf(root) is { } content) Write(content);
    }

    private static IEnumerable<byte[]> LineSeeds() => new[]
    {
        """
        {"op":"put","id":"a/b","at":"2024-05-01T10:20:30Z","tags":["a:b"],"content":{"x":1}}
        {"op":"delete","id":"a/b","at":"2024-05-01T10:20:31.5+02:00"}

        {"op":"put","id":"c","at":5,"tags":[],"contentBase64":"AAEC"}
        """,
        "\uFEFF{\"op\":\"put\",\"id\":\"c\",\"at\":5,\"tags\":[],\"content\":\"x\",\"contentType\":\"text/plain\"}\r\n",
    }.Select(Encoding.UTF8.GetBytes);

    private static void ReadLines(byte[] bytes)
    {
        using var stream = new MemoryStream(bytes, writable: false);
        var reader = new NdjsonReader(stream, LineBytesMax);
        var count = 0;
        while (Now(reader.ReadAsync(default).AsTask()) is { } line)
        {
            if (line.Bytes.Length > LineBytesMax) throw new RoundTripException($"a line of {line.Bytes.Length} bytes");
            if (++count > bytes.Length + 1) throw new RoundTripException("more lines than bytes");
            if (count <= LinesParsedMax && !line.IsTooLong && !line.Bytes.IsEmpty) ReadLine(line.Bytes.Span);
        }
    }

    private static void ReadLine(ReadOnlySpan<byte> line)
    {
        try
        {
            if (ImportEndpoint.Parse("data", StrictText.Utf8.GetString(line), "") is PutEntity { Content: { } content }) Write(content);
        }
        catch (Exception refused) when (refused is ApiProblem or DecoderFallbackException)
        {
            // As the import does: the line is reported, the next one read.
        }
    }

    private static IEnumerable<byte[]> QuerySeeds() => new[]
    {
        "tag=ext:cs&tag=dir:src%2F*&not=a:b&match=any&asOf=2016-01-01T00:00:00Z&limit=5&count=true&fields=id,tags&lifecycle=any",
        "prefix=a%C3%BC&cursor=a:b&from=1&to=1700000000123456789",
    }.Select(Encoding.UTF8.GetBytes);

    private static void ReadQuery(byte[] bytes)
    {
        var context = new DefaultHttpContext();
        context.Request.QueryString = new QueryString("?" + Ascii(bytes));
        var query = RequestReader.Query(context, Parameters);
        foreach (var name in new[] { "asOf", "from", "to" }) _ = RequestReader.Time(query, name);
        _ = RequestReader.Limit(query, 100, EntityQuery.LimitMax);
        _ = RequestReader.Flag(query, "count");
        _ = QueryEndpoints.FieldsOf(query);
        _ = QueryEndpoints.CheckPrefix(RequestReader.Single(query, "prefix") ?? "");
        _ = new TagQuery("data", QueryEndpoints.Patterns(query, "tag"), QueryEndpoints.IsAny(query), QueryEndpoints.Patterns(query, "not"),
            QueryEndpoints.LifecycleOf(query));
    }

    private static IEnumerable<byte[]> PathSeeds() => new[]
    {
        "/v1/datasets/docs/entities/a%2Fb%C3%BC/history?x=1", "http://localhost:8085/v1/datasets/docs/entities/README.md", "/v1/datasets/d/entities/%2e%2ex",
    }.Select(Encoding.UTF8.GetBytes);

    private static void ReadPath(byte[] bytes)
    {
        var context = new DefaultHttpContext();
        context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = Ascii(bytes);
        var key = RequestReader.Key(context);
        if (EntityKey.Problem(key.Dataset, key.Id) is { } problem) throw new RoundTripException(problem);
    }

    private static IEnumerable<byte[]> HeaderSeeds() =>
        new[] { "\"17\"\n\n11111111-2222-3333-4444-555555555555\ntext/plain; charset=utf-8", "\n*\nkey\napplication/json" }.Select(Encoding.UTF8.GetBytes);

    private static void ReadHeaders(byte[] bytes)
    {
        var lines = Ascii(bytes).Split('\n');
        var headers = new DefaultHttpContext().Request.Headers;
        if (lines[0].Length > 0) headers.IfMatch = lines[0];
        if (lines.Length > 1 && lines[1].Length > 0) headers.IfNoneMatch = lines[1];
        if (lines.Length > 2) headers["Idempotency-Key"] = lines[2];
        var context = new DefaultHttpContext();
        foreach (var (name, value) in headers) context.Request.Headers[name] = value;
        _ = RequestReader.CommandId(context);
        if (RequestReader.Condition(context) is { Kind: RevisionConditionKind.MustBeRevision, Revision: < 1 }) throw new RoundTripException("a revision below 1");
        if (lines.Length > 3) EntityEndpoints.CheckMediaType(lines[3]);
    }

    private static void WriteContent(byte[] bytes)
    {
        Write(new Content("application/json", bytes));
        Write(new Content("text/plain", bytes));
    }

    /// <summary>Whatever bytes an entity holds, the answer that carries them is JSON.</summary>
    private static void Write(Content content)
    {
        var answer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(answer)) JsonShapes.Entity(json, new EntitySnapshot(Samples.Head, content));
        try
        {
            using var read = JsonDocument.Parse(answer.WrittenMemory, Reading);
        }
        catch (JsonException cause)
        {
            throw new RoundTripException(cause.Message);
        }
    }

    private static IEnumerable<byte[]> ProblemSeeds() =>
        [Encoding.UTF8.GetBytes("""{"type":"about:blank","status":404,"detail":"there is no such entity","code":"not_found"}""")];

    private static void ReadProblem(byte[] bytes) => _ = ApiFailure.Of(HttpStatusCode.NotFound, bytes).Message;

    /// <summary>The server lets only ASCII through in targets and headers.</summary>
    private static string Ascii(byte[] bytes) => string.Create(bytes.Length, bytes, static (text, from) =>
    {
        for (var i = 0; i < text.Length; i++) text[i] = (char)(from[i] & 0x7F);
    });

    /// <summary>Reading from memory waits for nothing.</summary>
    private static T Now<T>(Task<T> task) => task.IsCompleted ? task.GetAwaiter().GetResult() : throw new RoundTripException("a read of memory that waits");
}
