using System.Collections.Immutable;
using System.Text.Json;

namespace EntityActors.Tests.Shared.Http;

/// <summary>Reads the shapes of the HTTP contract strictly: a missing or mistyped field fails the test.</summary>
internal static class ShapeParser
{
    public static CommitShape Commit(JsonElement json) => new(
        json.GetProperty("dataset").GetString()!, json.GetProperty("id").GetString()!, json.GetProperty("revision").GetInt64(),
        Time(json, "at"), json.GetProperty("shard").GetInt32(), json.GetProperty("sequence").GetInt64(),
        json.GetProperty("duplicate").GetBoolean());

    public static ProblemShape Problem(JsonElement json) => new(
        json.GetProperty("code").GetString()!, json.GetProperty("retryable").GetBoolean(), Text(json, "detail") ?? Text(json, "title") ?? "",
        json.TryGetProperty("actualRevision", out var revision) ? revision.GetInt64() : null);

    public static EntityShape Entity(JsonElement json) => new(
        json.GetProperty("dataset").GetString()!, json.GetProperty("id").GetString()!, json.GetProperty("revision").GetInt64(),
        json.GetProperty("lifecycle").GetString()!.ToLowerInvariant(), Time(json, "createdAt"), Time(json, "updatedAt"),
        Texts(json, "tags"), Text(json, "contentType"),
        json.TryGetProperty("contentLength", out var length) && length.ValueKind == JsonValueKind.Number ? length.GetInt64() : 0,
        Raw(json, "content"));

    public static ChangeShape Change(JsonElement json) => new(
        json.GetProperty("dataset").GetString()!, json.GetProperty("id").GetString()!, json.GetProperty("revision").GetInt64(),
        Time(json, "at"), Time(json, "recordedAt"), json.GetProperty("author").GetString()!, Texts(json, "added"),
        Texts(json, "removed"), Text(json, "lifecycle")?.ToLowerInvariant(), Raw(json, "content"));

    public static DiffShape Diff(JsonElement json) => new(
        Texts(json, "added"), Texts(json, "removed"), json.GetProperty("contentChanged").GetBoolean(), Raw(json, "before"),
        Raw(json, "after"), Revision(json, "before"), Revision(json, "after"));

    public static ImportShape Import(JsonElement json) => new(
        json.GetProperty("applied").GetInt64(), json.GetProperty("duplicate").GetInt64(),
        [.. json.GetProperty("rejected").EnumerateArray().Select(item => new ImportRejection(
            item.GetProperty("line").GetInt32(), item.GetProperty("code").GetString()!, Text(item, "detail") ?? ""))]);

    public static PageShape Page(JsonElement json) => new(
        [.. json.GetProperty("items").EnumerateArray().Select(Entity)], Text(json, "cursor"),
        json.TryGetProperty("total", out var total) && total.ValueKind == JsonValueKind.Number ? total.GetInt64() : null);

    public static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static string? Raw(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value.GetRawText() : null;

    private static long? Revision(JsonElement json, string name) =>
        json.TryGetProperty(name, out var state) && state.ValueKind == JsonValueKind.Object ? state.GetProperty("revision").GetInt64() : null;

    private static long Time(JsonElement json, string name) => Rfc3339.Parse(json.GetProperty(name).GetString()!);

    private static ImmutableArray<string> Texts(JsonElement json, string name) =>
        [.. json.GetProperty(name).EnumerateArray().Select(item => item.GetString()!)];
}
