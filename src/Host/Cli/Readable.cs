using System.Text;
using System.Text.Json;

namespace EntityActors.Host.Cli;

/// <summary>Answers of the HTTP interface as text for people. Control characters in names and contents do not reach the terminal.</summary>
internal static class Readable
{
    public static string Commit(JsonElement commit) =>
        $"{Text(commit, "dataset")}/{Text(commit, "id")}: revision {commit.GetProperty("revision")} at {Text(commit, "at")} "
        + $"(shard {commit.GetProperty("shard")}, sequence {commit.GetProperty("sequence")})"
        + (commit.GetProperty("duplicate").GetBoolean() ? ", made before by the same command" : "");

    public static string Entity(JsonElement entity)
    {
        var text = new StringBuilder();
        Line("entity", $"{Text(entity, "dataset")}/{Text(entity, "id")}");
        Line("revision", $"{entity.GetProperty("revision")} ({Text(entity, "lifecycle")})");
        Line("created", Text(entity, "createdAt"));
        Line("updated", Text(entity, "updatedAt"));
        foreach (var tag in entity.GetProperty("tags").EnumerateArray()) Line("tag", Safe(tag.GetString()!));
        if (entity.TryGetProperty("contentType", out var type))
        {
            Line("content", $"{Safe(type.GetString()!)}, {entity.GetProperty("contentLength")} bytes");
            var isJson = Http.JsonShapes.IsJson(type.GetString()!) && entity.TryGetProperty("content", out _);
            if (isJson) text.AppendLine(Safe(entity.GetProperty("content").GetRawText()));
        }

        return text.ToString().TrimEnd();

        void Line(string name, string value) => text.Append(name.PadRight(10)).AppendLine(value);
    }

    /// <summary>One line: id, revision, time, tags, separated by tabs.</summary>
    public static string EntityLine(JsonElement entity) =>
        $"{Text(entity, "id")}\tr{entity.GetProperty("revision")}\t{Text(entity, "updatedAt")}\t"
        + string.Join(' ', entity.GetProperty("tags").EnumerateArray().Select(tag => Safe(tag.GetString()!)));

    /// <summary>One line: revision, time, lifecycle, what came and what went.</summary>
    public static string ChangeLine(JsonElement change)
    {
        var parts = new List<string>();
        parts.AddRange(change.GetProperty("added").EnumerateArray().Select(tag => "+" + Safe(tag.GetString()!)));
        parts.AddRange(change.GetProperty("removed").EnumerateArray().Select(tag => "-" + Safe(tag.GetString()!)));
        if (change.TryGetProperty("contentType", out var type)) parts.Add($"content {Safe(type.GetString()!)}");
        else if (change.TryGetProperty("content", out _)) parts.Add("no content");
        if (Text(change, "author") is { Length: > 0 } author) parts.Add($"by {author}");
        return $"r{change.GetProperty("revision")}\t{Text(change, "at")}\t{Text(change, "lifecycle")}\t{string.Join(' ', parts)}";
    }

    /// <summary>A line of <see cref="ChangeLine"/> behind the entity's id.</summary>
    public static string FeedLine(JsonElement change) => $"{Text(change, "id")}\t{ChangeLine(change)}";

    /// <summary>The text with control characters written as escapes, line ends and tabs too.</summary>
    public static string Safe(string text)
    {
        if (!text.Any(char.IsControl)) return text;
        var safe = new StringBuilder(text.Length);
        foreach (var character in text)
        {
            if (char.IsControl(character)) safe.Append("\\u").Append(((int)character).ToString("x4"));
            else safe.Append(character);
        }

        return safe.ToString();
    }

    private static string Text(JsonElement element, string name) => Safe(element.GetProperty(name).GetString()!);
}
