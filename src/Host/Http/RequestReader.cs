using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using EntityActors.Storage.Model;
using Microsoft.AspNetCore.Http.Features;

namespace EntityActors.Host.Http;

/// <summary>Strict reading of paths, queries, headers and JSON bodies. Whatever is not understood is a problem that names it.</summary>
internal static class RequestReader
{
    private const int DatasetSegment = 3;
    private const int IdSegment = 5;

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 64, AllowDuplicateProperties = false };

    /// <summary>Dataset and id, decoded from the raw target: routing leaves %2F as it is and decodes the rest, which loses the difference.</summary>
    public static EntityKey Key(HttpContext context)
    {
        var segments = Segments(context);
        var key = new EntityKey(Decode(segments[DatasetSegment]), Decode(segments[IdSegment]));
        return EntityKey.Problem(key.Dataset, key.Id) is { } problem ? throw ApiProblem.Invalid(problem) : key;
    }

    public static string Dataset(HttpContext context)
    {
        var dataset = Decode(Segments(context)[DatasetSegment]);
        return EntityKey.Problem(dataset, "x") is { } problem ? throw ApiProblem.Invalid(problem) : dataset;
    }

    /// <summary>Query parameters by name; one that is not listed is a problem.</summary>
    public static Dictionary<string, List<string>> Query(HttpContext context, params string[] known)
    {
        var values = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        var text = context.Request.QueryString.Value ?? "";
        foreach (var pair in text.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            var name = Decode((equals < 0 ? pair : pair[..equals]).Replace('+', ' '));
            if (!known.Contains(name)) throw ApiProblem.Invalid($"there is no query parameter '{name}' here");
            if (!values.TryGetValue(name, out var list)) values[name] = list = [];
            list.Add(Decode((equals < 0 ? "" : pair[(equals + 1)..]).Replace('+', ' ')));
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
            : throw ApiProblem.Invalid($"{name} is RFC 3339 or a count of ns since 1970, not '{text}'");
    }

    public static int Limit(Dictionary<string, List<string>> query, int limitDefault, int limitMax)
    {
        if (Single(query, "limit") is not { } text) return limitDefault;
        return int.TryParse(text, System.Globalization.NumberStyles.None, null, out var limit) && limit >= 1 && limit <= limitMax
            ? limit
            : throw ApiProblem.Invalid($"limit is 1 to {limitMax}");
    }

    public static bool Flag(Dictionary<string, List<string>> query, string name) => Single(query, name) switch
    {
        null or "false" => false,
        "true" => true,
        var other => throw ApiProblem.Invalid($"{name} is true or false, not '{other}'"),
    };

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

    /// <summary>A JSON object whose members are all known.</summary>
    public static async Task<JsonDocument> ObjectAsync(HttpContext context, params string[] members)
    {
        if (!context.Request.HasJsonContentType()) throw new ApiProblem(415, "unsupported_media_type", "the body is application/json");
        using var bytes = new MemoryStream();
        await context.Request.Body.CopyToAsync(bytes, context.RequestAborted);
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
        if (!body.TryGetProperty("at", out var at)) return null;
        if (at.ValueKind == JsonValueKind.Number && at.TryGetInt64(out var count) && count > 0) return new Timestamp(count);
        return at.ValueKind == JsonValueKind.String && Timestamp.TryParse(Text(at, "at"), out var moment)
            ? moment
            : throw ApiProblem.Invalid("at is RFC 3339 or a count of ns since 1970");
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

    /// <summary>Percent-decodes one path segment or query part; malformed escapes and bytes that are no UTF-8 are problems.</summary>
    private static string Decode(string part)
    {
        if (!part.Contains('%', StringComparison.Ordinal)) return part;
        var bytes = new List<byte>(part.Length);
        for (var i = 0; i < part.Length; i++)
        {
            if (part[i] != '%') bytes.AddRange(Encoding.UTF8.GetBytes(part, i, 1));
            else if (i + 2 < part.Length && char.IsAsciiHexDigit(part[i + 1]) && char.IsAsciiHexDigit(part[i + 2]))
                bytes.Add(Convert.ToByte(part.Substring((i += 2) - 1, 2), 16));
            else throw ApiProblem.Invalid($"'{part}' has a malformed percent escape");
        }

        try
        {
            return StrictText.Utf8.GetString([.. bytes]);
        }
        catch (DecoderFallbackException)
        {
            throw ApiProblem.Invalid($"'{part}' is not valid UTF-8");
        }
    }

    private static string[] Segments(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var query = target.IndexOf('?', StringComparison.Ordinal);
        var segments = (query < 0 ? target : target[..query]).Split('/');
        // An absolute-form target, dot segments or doubled slashes would make routing and this count differ.
        if (segments.Length <= DatasetSegment || segments[0].Length > 0 || segments[1] != "v1" || segments[2] != "datasets")
            throw ApiProblem.Invalid("the path is not in its plain form");
        foreach (var segment in segments.AsSpan(1))
        {
            // Routing removes dot segments, also percent-encoded ones, and would count on from another place than we do.
            if (segment.Length == 0 || Decode(segment) is "." or "..") throw ApiProblem.Invalid("a path holds no empty segment, '.' or '..'");
        }

        return segments;
    }

    private static JsonDocument Checked(JsonDocument document, string[] members)
    {
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object) throw ApiProblem.Invalid("the body is a JSON object");
        foreach (var property in root.EnumerateObject())
        {
            // Compared as bytes: the text of a name may hold an escaped lone surrogate, which is no text.
            if (!members.Any(member => property.NameEquals(member))) throw ApiProblem.Invalid("the body holds a member that is not known here");
        }

        return document;
    }
}
