using System.Text.Json;
using System.Text.Json.Nodes;
using EntityActors.Host.Tests.Http;
using Json.Schema;

namespace EntityActors.Host.Tests.OpenApi;

/// <summary>A query parameter or header, as the document tells.</summary>
internal sealed record ApiParameter(string Name, bool IsHeader, bool IsRequired, string Type, string? Example);

/// <summary>A route of the document.</summary>
/// <param name="BodyType">Content type of its body; null when it takes none.</param>
/// <param name="Body">Name of the body's schema; null when it is bytes.</param>
/// <param name="Answers">Schema names by status and content type; an answer without a body has no content types.</param>
internal sealed record ApiOperation(string Id, string Method, string Path, IReadOnlyList<ApiParameter> Parameters, string? BodyType, string? Body,
    IReadOnlyDictionary<int, IReadOnlyDictionary<string, string?>> Answers)
{
    public override string ToString() => $"{Method} {Path}";
}

/// <summary>The OpenAPI document of a node, and whether an answer is one that it tells of.</summary>
internal sealed class ApiDescription
{
    /// <summary>Behind the name of a schema: an array of such.</summary>
    private const string List = "[]";

    private readonly JsonNode _root;
    private readonly JsonObject _schemas;
    private readonly Dictionary<string, JsonSchema> _compiled = new(StringComparer.Ordinal);

    public ApiDescription(string document)
    {
        _root = JsonNode.Parse(document)!;
        var schemas = _root["components"]!["schemas"]!.ToJsonString();
        _schemas = JsonNode.Parse(schemas.Replace("#/components/schemas/", "#/$defs/", StringComparison.Ordinal))!.AsObject();
        // What a schema does not name is not documented. A problem may carry numbers of its own.
        foreach (var (name, schema) in _schemas) if (name != "Problem") Close(schema!);
        foreach (var name in _schemas.Select(static pair => pair.Key))
        {
            var one = new JsonObject { ["$ref"] = $"#/$defs/{name}", ["$defs"] = _schemas.DeepClone() };
            var list = new JsonObject { ["type"] = "array", ["items"] = new JsonObject { ["$ref"] = $"#/$defs/{name}" }, ["$defs"] = _schemas.DeepClone() };
            _compiled[name] = JsonSchema.FromText(one.ToJsonString());
            _compiled[name + List] = JsonSchema.FromText(list.ToJsonString());
        }

        Operations =
        [
            .. from path in _root["paths"]!.AsObject()
               from operation in path.Value!.AsObject()
               select Read(path.Key, operation.Key, operation.Value!),
        ];
    }

    public IReadOnlyList<ApiOperation> Operations { get; }

    public IReadOnlyList<string> MembersOf(string schema) => [.. _schemas[schema]!["properties"]!.AsObject().Select(static property => property.Key)];

    public bool IsRequired(string schema, string name) => _schemas[schema]!["required"]?.AsArray().Any(required => (string?)required == name) == true;

    public JsonNode Member(string schema, string name) => _schemas[schema]!["properties"]![name]!;

    /// <summary>Every example of the document with the name of its schema.</summary>
    public IEnumerable<(string Where, string Schema, string ContentType, JsonNode Example)> Examples() =>
        from path in _root["paths"]!.AsObject()
        from operation in path.Value!.AsObject()
        from holder in Holders(operation.Value!)
        from media in holder["content"]?.AsObject() ?? []
        where media.Value!["example"] is not null
        select ($"{operation.Key} {path.Key}", SchemaName(media.Value!["schema"])!, media.Key, media.Value!["example"]!);

    /// <summary>What the document does not tell of this answer; null when it tells all.</summary>
    public string? Strange(ApiOperation operation, HttpAnswer answer)
    {
        if (!operation.Answers.TryGetValue(answer.Status, out var contents)) return $"status {answer.Status} is not documented";
        if (answer.Bytes.Length == 0) return null;
        if (contents.ContainsKey("*/*")) return null;
        if (answer.ContentType is null || !contents.TryGetValue(answer.ContentType, out var schema))
            return $"content type {answer.ContentType} is not documented";
        if (schema is null) return null;
        if (answer.ContentType == "application/x-ndjson")
        {
            return answer.Body.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => Invalid(schema, line))
                .FirstOrDefault(static problem => problem is not null);
        }

        return answer.ContentType == "text/event-stream" ? null : Invalid(schema, answer.Body);
    }

    public string? Invalid(string schema, string json)
    {
        JsonNode? node;
        try
        {
            node = JsonNode.Parse(json);
        }
        catch (JsonException cause)
        {
            return $"no JSON ({cause.Message}): {json}";
        }

        // How far a feed has come without a change.
        if (schema == "Change" && node is JsonObject { Count: 1 } progress && progress.ContainsKey("cursor")) return null;
        using var document = JsonDocument.Parse(json);
        var result = _compiled[schema].Evaluate(document.RootElement, new EvaluationOptions { OutputFormat = OutputFormat.List });
        if (result.IsValid) return null;
        var errors = (result.Details ?? []).Where(static detail => detail.Errors is not null)
            .SelectMany(static detail => detail.Errors!.Select(error => $"{detail.InstanceLocation}: {error.Value}"));
        return $"no {schema} ({string.Join("; ", errors)}): {json}";
    }

    private static IEnumerable<JsonNode> Holders(JsonNode operation)
    {
        if (operation["requestBody"] is { } body) yield return body;
        foreach (var (_, response) in operation["responses"]!.AsObject()) yield return response!;
    }

    private static ApiOperation Read(string path, string method, JsonNode operation)
    {
        var parameters = new List<ApiParameter>();
        foreach (var parameter in operation["parameters"]?.AsArray() ?? [])
        {
            var place = (string)parameter!["in"]!;
            if (place == "path") continue;
            parameters.Add(new ApiParameter(
                (string)parameter["name"]!, place == "header", (bool?)parameter["required"] == true, (string)parameter["schema"]!["type"]!, (string?)parameter["example"]));
        }

        var body = operation["requestBody"]?["content"]?.AsObject().First();
        var answers = operation["responses"]!.AsObject().ToDictionary(
            static response => int.Parse(response.Key, System.Globalization.CultureInfo.InvariantCulture),
            static response => (IReadOnlyDictionary<string, string?>)(response.Value!["content"]?.AsObject() ?? [])
                .ToDictionary(static media => media.Key, static media => SchemaName(media.Value!["schema"]), StringComparer.Ordinal));
        return new ApiOperation((string)operation["operationId"]!, method.ToUpperInvariant(), path, parameters, body?.Key,
            SchemaName(body?.Value!["schema"]), answers);
    }

    private static string? SchemaName(JsonNode? schema) => schema?["items"] is { } items
        ? SchemaName(items) + List
        : ((string?)schema?["$ref"])?.Split('/')[^1];

    private static void Close(JsonNode schema)
    {
        if (schema is JsonObject { } described && described["properties"] is JsonObject properties)
        {
            described["additionalProperties"] ??= false;
            foreach (var (_, property) in properties) Close(property!);
        }

        if (schema is JsonObject list && list["items"] is { } items) Close(items);
    }
}
