using System.Collections.Immutable;
using System.Text.Json;
using EntityActors.Host.Security;
using EntityActors.Storage.Model;
using Microsoft.AspNetCore.Http.Features;

namespace EntityActors.Host.Http;

/// <summary>Strict reading of paths, queries, headers and JSON bodies. Whatever is not understood is a problem that names it.</summary>
internal static class RequestReader
{
    private const int DatasetSegment = 2;
    private const int IdSegment = 4;

    /// <summary>Methods of a route that reads; the server leaves the body out of an answer to HEAD.</summary>
    public static readonly string[] Reads = [HttpMethods.Get, HttpMethods.Head];

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 64, AllowDuplicateProperties = false };

    /// <summary>Dataset and id, decoded from the raw target: routing leaves %2F as it is and decodes the rest, which loses the difference.</summary>
    public static EntityKey Key(HttpContext context) => Key(Segment(context, DatasetSegment), Segment(context, IdSegment));

    /// <summary>A key that a path can name.</summary>
    /// <exception cref="ApiProblem">It is none, or one of a reserved dataset.</exception>
    public static EntityKey Key(string dataset, string id) =>
        (EntityKey.Problem(dataset, id) ?? RequestTarget.IdProblem(id)) is { } problem ? throw ApiProblem.Invalid(problem) : new EntityKey(Open(dataset), id);

    public static string Dataset(HttpContext context) => Dataset(Segment(context, DatasetSegment));

    /// <exception cref="ApiProblem">It is no dataset's name, or a reserved one.</exception>
    public static string Dataset(string dataset) =>
        EntityKey.Problem(dataset, "x") is { } problem ? throw ApiProblem.Invalid(problem) : Open(dataset);

    /// <summary>The one place that keeps ordinary routes out of the store's own datasets.</summary>
    private static string Open(string dataset) => EntityKey.IsReserved(dataset)
        ? throw new ApiProblem(403, "reserved_dataset", $"'{dataset}' belongs to the store: it has routes of its own")
        : dataset;

    /// <summary>Query parameters by name; one that is not listed is a problem.</summary>
    public static Dictionary<string, List<string>> Query(HttpContext context, params string[] known)
    {
        var values = AnyQuery(context);
        var strange = values.Keys.FirstOrDefault(name => !known.Contains(name));
        return strange is null ? values : throw ApiProblem.Invalid($"there is no query parameter '{strange}' here{Listed(known)}");
    }

    /// <summary>Query parameters by name.</summary>
    public static Dictionary<string, List<string>> AnyQuery(HttpContext context)
    {
        var values = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        var text = context.Request.QueryString.Value ?? "";
        foreach (var pair in text[Math.Min(1, text.Length)..].Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            var name = RequestTarget.Decode((equals < 0 ? pair : pair[..equals]).Replace('+', ' '));
            if (!values.TryGetValue(name, out var list)) values[name] = list = [];
            list.Add(RequestTarget.Decode((equals < 0 ? "" : pair[(equals + 1)..]).Replace('+', ' ')));
        }

        return values;
    }

    public static string? Single(Dictionary<string, List<string>> query, string name)
    {
        if (!query.TryGetValue(name, out var values)) return null;
        return values.Count == 1 ? values[0] : throw ApiProblem.Invalid($"{name} is given {values.Count} times");
    }

    public static Timestamp? Time(Dictionary<string, List<string>> query, string name)
    {
        if (Single(query, name) is not { } text) return null;
        return Timestamp.TryParse(text, out var moment)
            ? moment
            : throw ApiProblem.Invalid($"{name} is RFC 3339, like 2024-05-01T10:20:30Z, or a count of ns since 1970, not '{text}'");
    }

    public static int Limit(Dictionary<string, List<string>> query, int limitDefault, int limitMax) => Number(query, "limit", limitDefault, limitMax);

    public static int Number(Dictionary<string, List<string>> query, string name, int numberDefault, int numberMax)
    {
        if (Single(query, name) is not { } text) return numberDefault;
        return int.TryParse(text, System.Globalization.NumberStyles.None, null, out var number) && number >= 1 && number <= numberMax
            ? number
            : throw ApiProblem.Invalid($"{name} is 1 to {numberMax}");
    }

    public static bool Flag(Dictionary<string, List<string>> query, string name) => Single(query, name) switch
    {
        null or "false" => false,
        "true" => true,
        var other => throw ApiProblem.Invalid($"{name} is true or false, not '{other}'"),
    };

    /// <summary>For routes that act on what the path names alone: a body would be ignored, so it is a problem.</summary>
    public static void NoBody(HttpContext context)
    {
        var canHaveBody = context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true;
        if (canHaveBody && context.Request.ContentLength != 0) throw ApiProblem.Invalid("this request takes no body");
        context.BodyIsRead();
    }

    public static CommandId CommandId(HttpContext context)
    {
        var values = context.Request.Headers["Idempotency-Key"];
        if (values.Count == 0) return Storage.Model.CommandId.New();
        return values is [{ Length: > 0 and <= 256 } text] ? Storage.Model.CommandId.FromText(text)
            : throw ApiProblem.Invalid("Idempotency-Key is one text of 1 to 256 characters");
    }

    public static RevisionCondition Condition(HttpContext context)
    {
        var (match, none) = (context.Request.Headers.IfMatch, context.Request.Headers.IfNoneMatch);
        if (match.Count > 0 && none.Count > 0) throw ApiProblem.Invalid("If-Match and If-None-Match exclude each other");
        if (none.Count > 0) return none is ["*"] ? RevisionCondition.MustNotExist : throw ApiProblem.Invalid("a write takes If-None-Match: * only");
        if (match.Count == 0) return default;
        if (match is ["*"]) return RevisionCondition.MustExist;
        return match is [{ } tag] && TryRevision(tag, out var revision)
            ? RevisionCondition.MustBe(revision)
            : throw ApiProblem.Invalid("If-Match is * or one revision in quotes");
    }

    public static bool TryRevision(string tag, out long revision)
    {
        revision = 0;
        return tag.Length > 2 && tag[0] == '"' && tag[^1] == '"'
            && long.TryParse(tag.AsSpan(1, tag.Length - 2), System.Globalization.NumberStyles.None, null, out revision) && revision > 0;
    }

    /// <summary>As <see cref="ObjectAsync"/>, for routes whose bodies are small.</summary>
    public static Task<JsonDocument> SmallObjectAsync(HttpContext context, int bytesMax, params string[] members)
    {
        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = bytesMax;
        return ObjectAsync(context, members);
    }

    /// <summary>A JSON object whose members are all known.</summary>
    public static async Task<JsonDocument> ObjectAsync(HttpContext context, params string[] members)
    {
        if (!context.Request.HasJsonContentType()) throw new ApiProblem(415, "unsupported_media_type", "the body is application/json");
        using var bytes = new MemoryStream();
        await context.Request.Body.CopyToAsync(bytes, context.RequestAborted);
        context.BodyIsRead();
        if (!System.Text.Unicode.Utf8.IsValid(bytes.GetBuffer().AsSpan(0, (int)bytes.Length))) throw ApiProblem.Invalid("the body is not valid UTF-8");
        try
        {
            return Checked(JsonDocument.Parse(bytes.ToArray(), Strict), members);
        }
        catch (JsonException cause)
        {
            throw ApiProblem.Invalid($"the body is not valid JSON: {cause.Message}");
        }
        catch (InvalidOperationException)
        {
            // An escaped lone surrogate in a member's name, met while looking for duplicates.
            throw ApiProblem.Invalid("a member's name is not valid Unicode text");
        }
    }

    /// <summary>One line of an import.</summary>
    public static JsonDocument Object(string line, params string[] members)
    {
        try
        {
            return Checked(JsonDocument.Parse(line, Strict), members);
        }
        catch (JsonException cause)
        {
            throw ApiProblem.Invalid($"not valid JSON: {cause.Message}");
        }
        catch (InvalidOperationException)
        {
            throw ApiProblem.Invalid("a member's name is not valid Unicode text");
        }
    }

    public static ImmutableArray<Tag> Tags(JsonElement body, string member, bool isRequired)
    {
        if (!body.TryGetProperty(member, out var array))
            return isRequired ? throw ApiProblem.Invalid($"{member} is missing") : [];
        if (array.ValueKind != JsonValueKind.Array) throw ApiProblem.Invalid($"{member} is an array of texts");
        var tags = ImmutableArray.CreateBuilder<Tag>(array.GetArrayLength());
        foreach (var element in array.EnumerateArray())
        {
            var text = Text(element, member);
            if (Tag.Problem(text) is { } problem) throw ApiProblem.Invalid(problem);
            tags.Add(new Tag(text));
        }

        return tags.MoveToImmutable();
    }

    public static Timestamp? At(JsonElement body)
    {
        return body.TryGetProperty("at", out var at) ? Moment(at, "at") : null;
    }

    public static Timestamp Moment(JsonElement value, string member)
    {
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var count) && count > 0) return new Timestamp(count);
        return value.ValueKind == JsonValueKind.String && Timestamp.TryParse(Text(value, member), out var moment)
            ? moment
            : throw ApiProblem.Invalid($"{member} is RFC 3339, like 2024-05-01T10:20:30Z, or a count of ns since 1970");
    }

    /// <summary>Text of a JSON string; an escaped lone surrogate is no text.</summary>
    public static string Text(JsonElement element, string member)
    {
        if (element.ValueKind != JsonValueKind.String) throw ApiProblem.Invalid($"{member} is text");
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw ApiProblem.Invalid($"{member} is not valid Unicode text");
        }
    }

    public static byte[] Base64(JsonElement element, string member)
    {
        try
        {
            if (element.ValueKind == JsonValueKind.String && element.TryGetBytesFromBase64(out var bytes)) return bytes;
        }
        catch (InvalidOperationException)
        {
            // An escaped lone surrogate, met while unescaping.
        }

        throw ApiProblem.Invalid($"{member} is base64 text");
    }

    private static string Segment(HttpContext context, int index)
    {
        var segments = RequestTarget.Segments(context);
        // Routes for EntityDB's clients have one segment more before them.
        var first = segments.Length > 0 && segments[0] == "api" ? 1 : 0;
        // Routing compares without case; names are read by their place only in the path as it is documented.
        var isPlain = first + index < segments.Length && segments[first] == "v1" && segments[first + 1] == "datasets";
        return isPlain ? RequestTarget.Decode(segments[first + index]) : throw ApiProblem.Invalid("the path is not in its plain form");
    }

    private static string Listed(string[] known) => known.Length == 0 ? "" : "; known are " + string.Join(", ", known);

    private static JsonDocument Checked(JsonDocument document, string[] members)
    {
        if (document.RootElement.ValueKind != JsonValueKind.Object) throw ApiProblem.Invalid("the body is a JSON object");
        CheckMembers(document.RootElement, members);
        return document;
    }

    /// <summary>A member of this object that is not listed is a problem.</summary>
    public static void CheckMembers(JsonElement given, string[] members)
    {
        foreach (var property in given.EnumerateObject())
        {
            // Compared as bytes: the text of a name may hold an escaped lone surrogate, which is no text.
            if (!members.Any(member => property.NameEquals(member)))
                throw ApiProblem.Invalid($"the body holds a member that is not known here{Listed(members)}");
        }
    }
}
