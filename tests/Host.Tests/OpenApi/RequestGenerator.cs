using System.Text;
using System.Text.Json.Nodes;
using EntityActors.Host.Tests.Security;

namespace EntityActors.Host.Tests.OpenApi;

/// <summary>A request as it is sent.</summary>
internal sealed record GeneratedRequest(string Method, string Target, string? BodyType, byte[]? Body, IReadOnlyList<(string Name, string Value)> Headers)
{
    public override string ToString()
    {
        var body = Body is null ? "" : Encoding.UTF8.GetString(Body, 0, Math.Min(Body.Length, 400));
        return $"{Method} {Target} [{string.Join(", ", Headers)}] {BodyType}: {body}";
    }
}

/// <summary>Requests to the routes of a document, right and wrong in every part.</summary>
internal sealed class RequestGenerator(ApiDescription description, Random random, int shardCount)
{
    private const int LongMax = 20_000;
    private const int RequestsPerId = 40;
    private const int KeptCount = 4;

    /// <summary>A purged entity comes never back, and the others shall find some.</summary>
    private const string Purge = "edbPurge";

    /// <summary>Of these, datasets are asked about that get no entities.</summary>
    private static readonly string[] OfEmptyDatasets = ["declareDataset", "edbCreateDataset", "deleteDataset"];

    /// <summary>Members of which one is enough.</summary>
    private static readonly (string One, string Other)[] Alternatives = [("contentBase64", "content"), ("ttl", "expiresAt"), ("expiresAt", "ttl")];

    private ApiOperation? _operation;
    private bool _isWild;
    private int _count;

    private static readonly string[] Hostile =
    [
        "", " ", ".", "..", "../../etc/passwd", "a/b", "\0", "%", "%zz", "*", ":", "a:", ":b", "a:b", "genre:*", "null", "true", "-1", "0", "1", "1e9", "NaN",
        "9223372036854775807", "9223372036854775808",
        "2026-01-31T09:30:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2026-13-45T99:99:99Z",
        "{group}x", "{}", "é", "日本", "\U0001F600", "\uFFFD", "\r\nX-Injected: 1", "\t", "'", "\"", "' OR 1=1 --", "<script>", "$ref", "__proto__", "_system",
        "bytes=0-0", "bytes=5-1", "bytes=-5", "\"1\"", "\"99\"", "W/\"1\"", "application/x-ndjson", "text/event-stream", "beginning", "now", "AAAA",
    ];

    private static readonly string[] Broken = ["%00", "%ff", "%ed%a0%80", "%c3%28", "%", "%2", "%2e%2e", "%2F", "%252F", "+", "&", "=", "==", "a=b=c"];

    private static readonly string[] Types =
        ["application/json", "application/x-ndjson", "text/plain", "application/octet-stream", "application/json; charset=utf-16", "x", ""];

    public (ApiOperation Operation, GeneratedRequest Request) Next()
    {
        // Half of the requests are right as far as each part goes, so that they get beyond the first check.
        _isWild = random.Next(2) == 0;
        _count++;
        var operation = _operation = description.Operations[random.Next(description.Operations.Count)];
        var target = new StringBuilder(string.Join('/', operation.Path.Split('/').Select(PathPart)));
        var separator = '?';
        foreach (var parameter in operation.Parameters.Where(static parameter => !parameter.IsHeader))
        {
            // A feed that goes on is as long as it is.
            var isFollow = parameter.Name == "follow";
            if (!isFollow && !(parameter.IsRequired && !IsWild(4)) && (random.Next(_isWild ? 3 : 2) > 0 || (!_isWild && parameter.Example is null))) continue;
            for (var i = IsWild(10) ? 2 : 1; i > 0; i--)
            {
                var value = isFollow ? "false" : IsWild(10) ? Pick(Broken) : Uri.EscapeDataString(Value(parameter));
                target.Append(separator).Append(parameter.Name).Append('=').Append(value);
                separator = '&';
            }
        }

        if (IsWild(25)) target.Append(separator).Append(Pick(Broken)).Append('=').Append(Pick(Broken));
        var headers = operation.Parameters.Where(parameter => parameter.IsHeader && random.Next(5) == 0)
            .Select(parameter => (parameter.Name, Value(parameter))).Where(static header => IsHeader(header.Item2)).ToList();
        var (type, body) = operation.BodyType is null ? (IsWild(25) ? ("application/json", "{}"u8.ToArray()) : (null, null)) : Body(operation);
        return (operation, new GeneratedRequest(operation.Method, target.ToString(), type, body, headers));
    }

    private string PathPart(string part)
    {
        if (!part.StartsWith('{')) return part;
        if (IsWild(12)) return random.Next(2) == 0 ? Pick(Broken) : Uri.EscapeDataString(Text());
        return part switch
        {
            "{n}" => random.Next(shardCount + 1).ToString(System.Globalization.CultureInfo.InvariantCulture),
            "{ds}" => Dataset(),
            "{depth}" => random.Next(1, 4).ToString(System.Globalization.CultureInfo.InvariantCulture),
            "{id}" => Id(),
            _ => "x" + random.Next(4),
        };
    }

    private string Value(ApiParameter parameter)
    {
        if (IsWild(3)) return Text();
        if (parameter.Name == "id") return Id();
        if (parameter.Name == "purge") return "false";
        // Before anything was there, and now.
        if (parameter.Example?.EndsWith(":00Z", StringComparison.Ordinal) == true && random.Next(3) > 0) return DateTime.UtcNow.ToString("O");
        return parameter.Type switch
        {
            "integer" => random.Next(_isWild ? -1 : 1, 40).ToString(System.Globalization.CultureInfo.InvariantCulture),
            "boolean" => random.Next(2) == 0 ? "true" : "false",
            _ when parameter.Example is { } example && (!_isWild || random.Next(3) > 0) => example,
            _ => Tag(),
        };
    }

    private (string? Type, byte[]? Body) Body(ApiOperation operation)
    {
        var type = IsWild(15) ? Pick(Types) : operation.BodyType;
        if (IsWild(20)) return (type, Bytes());
        if (operation.Body is null) return (type, Bytes());
        if (operation.BodyType != "application/x-ndjson") return (type, Encoding.UTF8.GetBytes(Text(operation.Body)));
        return (type, Encoding.UTF8.GetBytes(string.Join('\n', Enumerable.Range(0, random.Next(6)).Select(_ => Text(operation.Body)))));
    }

    private string Text(string schema)
    {
        var json = new JsonObject();
        foreach (var member in description.MembersOf(schema))
        {
            if (!_isWild && Array.Exists(Alternatives, pair => pair.One == member && json.ContainsKey(pair.Other))) continue;
            if (!_isWild && member == "contentType" && !json.ContainsKey("content") && !json.ContainsKey("contentBase64")) continue;
            if (random.Next(3) > 0 || (!_isWild && description.IsRequired(schema, member))) json[member] = IsWild(6) ? Any(3) : Fitting(schema, member);
        }

        if (IsWild(30)) json["strange"] = Any(1);
        var text = json.ToJsonString();
        return !_isWild ? text : random.Next(30) switch
        {
            0 => text[..random.Next(text.Length)],
            1 => text.Insert(random.Next(text.Length), "\\ud800"),
            2 => "{\"tags\":[],\"tags\":[]}",
            3 => new string('[', 100) + new string(']', 100),
            _ => text,
        };
    }

    private JsonNode? Fitting(string schema, string member)
    {
        var type = description.Member(schema, member)["type"]?.ToJsonString() ?? "";
        return (member, type) switch
        {
            ("at", _) => DateTime.UtcNow.ToString("O"),
            ("expiresAt", _) => DateTime.UtcNow.AddDays(1).ToString("O"),
            ("username", _) => random.Next(4) == 0 ? "guest0" : "x" + random.Next(4),
            ("password" or "old" or "new" or "current_password" or "new_password", _) => SecureStoreFixture.UserPassword,
            ("email", _) => "x@example.org",
            ("roles", _) => new JsonArray("reader"),
            ("permissions", _) => new JsonArray("entity:read:fuzz0"),
            ("operations", _) => new JsonArray([.. Enumerable.Range(0, random.Next(1, 3)).Select(_ => (JsonNode)Operation())]),
            ("name", _) when schema is "DatasetBody" or "EdbDatasetBody" => Dataset(),
            ("description", _) => Tag(),
            ("confirmation", _) => "PURGE",
            ("op", _) => random.Next(3) == 0 ? "delete" : "put",
            ("id", _) => Id(),
            ("contentType", _) => _isWild ? Pick(Types) : "application/json",
            ("contentBase64", _) => Convert.ToBase64String(Bytes()),
            var (_, text) when text.Contains("array", StringComparison.Ordinal) =>
                new JsonArray([.. Enumerable.Range(0, random.Next(4)).Select(_ => (JsonNode)Tag())]),
            // Of a policy: long enough that nothing is applied meanwhile.
            var (_, text) when text.Contains("number", StringComparison.Ordinal) => random.Next(_isWild ? -1 : 86_400, 900_000),
            var (_, text) when text.Contains("integer", StringComparison.Ordinal) => random.Next(-2, 50),
            var (_, text) when text.Contains("boolean", StringComparison.Ordinal) => random.Next(2) == 0,
            var (_, text) when text.Contains("string", StringComparison.Ordinal) => Tag(),
            _ => Any(3),
        };
    }

    private JsonObject Operation()
    {
        var operation = new JsonObject { ["op"] = random.Next(3) == 0 ? "delete" : "put", ["id"] = Id() };
        if (random.Next(3) == 0) operation[random.Next(2) == 0 ? "ifAbsent" : "exists"] = true;
        else if (random.Next(3) == 0) operation["ifRevision"] = random.Next(1, 4);
        if (IsWild(4)) operation[random.Next(2) == 0 ? "tags" : "add"] = Any(2);
        return operation;
    }

    private JsonNode? Any(int depth) => random.Next(depth > 0 ? 8 : 6) switch
    {
        0 => null,
        1 => random.Next(2) == 0,
        2 => random.NextInt64(),
        3 => random.NextDouble() * 1e300,
        4 or 5 => Text(),
        6 => new JsonArray([.. Enumerable.Range(0, random.Next(4)).Select(_ => Any(depth - 1))]),
        _ => new JsonObject { [Text()] = Any(depth - 1), ["b"] = Any(depth - 1) },
    };

    private string Tag() => IsWild(4) ? Text() : $"n{random.Next(3)}:{random.Next(5)}";

    private string Text() => random.Next(40) == 0 ? new string((char)random.Next('a', 'z'), random.Next(LongMax)) : Pick(Hostile);

    private byte[] Bytes()
    {
        var bytes = new byte[random.Next(10) == 0 ? random.Next(100_000) : random.Next(40)];
        random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>One of those that are not purged, or of a few, others in time.</summary>
    private string Id() => random.Next(4) > 0 && _operation!.Id != Purge
        ? "kept" + random.Next(KeptCount)
        : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"id{(_count / RequestsPerId) + random.Next(12)}");

    private string Dataset() => OfEmptyDatasets.Contains(_operation!.Id, StringComparer.Ordinal) ? "bare" + random.Next(KeptCount) : "fuzz" + random.Next(3);

    private bool IsWild(int oneIn) => _isWild && random.Next(oneIn) == 0;

    private T Pick<T>(T[] values) => values[random.Next(values.Length)];

    /// <summary>What a client library sends at all.</summary>
    private static bool IsHeader(string value) => value.All(static character => character is >= ' ' and <= '~');
}
