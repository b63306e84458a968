using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using EntityActors.Host.Http;
using EntityActors.Host.Security;
using EntityActors.Storage.Model;
using Microsoft.AspNetCore.Http.Features;

namespace EntityActors.Host.EntityDb;

/// <summary>What EntityDB's clients send: parameters under several names, times in several forms, bodies with members that nobody knows.</summary>
internal sealed class EdbRequest
{
    private static readonly JsonDocumentOptions BodyOptions = new() { MaxDepth = 64 };
    private static readonly JsonWriterOptions CanonicalOptions = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly HttpContext _context;
    private readonly Dictionary<string, List<string>> _query;

    private EdbRequest(HttpContext context) => (_context, _query) = (context, RequestReader.AnyQuery(context));

    public CancellationToken Cancellation => _context.RequestAborted;

    public static EdbRequest Of(HttpContext context) => new(context);

    /// <summary>The first of these parameters that is there and not empty.</summary>
    public string? Text(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (_query.TryGetValue(name, out var values) && values.FirstOrDefault(static value => value.Length > 0) is { } value) return value;
        }

        return null;
    }

    public string Id() => Text("id") ?? throw ApiProblem.Invalid("Entity ID is required");

    public bool Flag(string name) => Text(name) is "true" or "1";

    /// <exception cref="ApiProblem">400: no number from 0 to the limit.</exception>
    public int? Number(string name, int max = int.MaxValue)
    {
        if (Text(name) is not { } text) return null;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= max
            ? number
            : throw ApiProblem.Invalid($"{name} is a number from 0 to {max}");
    }

    /// <summary>RFC 3339, the same without a zone (UTC), or ns since 1970.</summary>
    /// <exception cref="ApiProblem">400.</exception>
    public Timestamp? Time(params ReadOnlySpan<string> names)
    {
        if (Text(names) is not { } text) return null;
        return Timestamp.TryParse(text, out var moment) || Timestamp.TryParse(text + "Z", out moment)
            ? moment
            : throw ApiProblem.Invalid($"Invalid timestamp format. Try format like '2025-05-21T08:45:20Z'. Error: '{text}' is none");
    }

    /// <summary>As <see cref="BodyAsync"/>, for routes of accounts: whoever logs in is nobody yet.</summary>
    public Task<JsonElement> SmallBodyAsync()
    {
        _context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = SessionEndpoints.BodyBytesMax;
        return BodyAsync();
    }

    /// <exception cref="ApiProblem">400: no JSON object.</exception>
    public async Task<JsonElement> BodyAsync()
    {
        using var bytes = new MemoryStream();
        await _context.Request.Body.CopyToAsync(bytes, Cancellation);
        _context.BodyIsRead();
        try
        {
            var body = JsonDocument.Parse(bytes.ToArray(), BodyOptions).RootElement;
            var isText = System.Text.Unicode.Utf8.IsValid(bytes.GetBuffer().AsSpan(0, (int)bytes.Length));
            if (isText && body.ValueKind == JsonValueKind.Object && body.EnumerateObject().All(static member => member.Name is not null)) return body;
        }
        catch (Exception cause) when (cause is JsonException or InvalidOperationException)
        {
            // As below; the second one is an escaped lone surrogate in a name.
        }

        throw ApiProblem.Invalid("Invalid request body");
    }

    /// <summary>Text of a member; null when it is not there or null.</summary>
    public static string? Member(JsonElement body, string name)
    {
        if (!body.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null) return null;
        return RequestReader.Text(value, name);
    }

    /// <summary>Tags of a body; null when it has none.</summary>
    public static ImmutableArray<string>? Tags(JsonElement body)
    {
        if (!body.TryGetProperty("tags", out var array) || array.ValueKind == JsonValueKind.Null) return null;
        if (array.ValueKind != JsonValueKind.Array) throw ApiProblem.Invalid("Invalid request body: tags is an array");
        return EdbTags.Read(array.EnumerateArray().Select(static tag => RequestReader.Text(tag, "tags")));
    }

    /// <summary>Content of a body: a text as it is, anything else as JSON; null when it has none.</summary>
    public static Content? Content(JsonElement body)
    {
        if (!body.TryGetProperty("content", out var value) || value.ValueKind == JsonValueKind.Null) return null;
        return value.ValueKind == JsonValueKind.String
            ? new Content("text/plain", Encoding.UTF8.GetBytes(RequestReader.Text(value, "content")))
            : new Content("application/json", Canonical(value));
    }

    /// <summary>Compact, members in order: as EntityDB stores a value.</summary>
    private static byte[] Canonical(JsonElement value)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, CanonicalOptions))
        {
            try
            {
                Write(json, value);
            }
            catch (InvalidOperationException)
            {
                // An escaped lone surrogate.
                throw ApiProblem.Invalid("Invalid JSON content");
            }
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static void Write(Utf8JsonWriter json, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                json.WriteStartObject();
                foreach (var member in value.EnumerateObject().OrderBy(static member => member.Name, StringComparer.Ordinal))
                {
                    json.WritePropertyName(member.Name);
                    Write(json, member.Value);
                }

                json.WriteEndObject();
                break;
            case JsonValueKind.Array:
                json.WriteStartArray();
                foreach (var element in value.EnumerateArray()) Write(json, element);
                json.WriteEndArray();
                break;
            default:
                value.WriteTo(json);
                break;
        }
    }
}
