using System.Collections.Immutable;
using System.Text.Json;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Http;

/// <summary>JSON of the contract's shapes.</summary>
internal static class JsonShapes
{
    /// <summary>Members of an Entity.</summary>
    public static readonly string[] EntityFields =
        ["dataset", "id", "revision", "lifecycle", "createdAt", "updatedAt", "expiresAt", "tags", "contentType", "contentLength", "content"];

    public static async Task WriteAsync(HttpContext context, int status, Action<Utf8JsonWriter> write)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json; charset=utf-8";
        await using var json = new Utf8JsonWriter(context.Response.BodyWriter);
        write(json);
    }

    public static void Commit(Utf8JsonWriter json, Commit commit)
    {
        json.WriteStartObject();
        json.WriteString("dataset", commit.Key.Dataset);
        json.WriteString("id", commit.Key.Id);
        json.WriteNumber("revision", commit.Revision);
        json.WriteString("at", commit.At.ToString());
        json.WriteNumber("shard", commit.Shard.Value);
        json.WriteNumber("sequence", commit.Sequence.Value);
        json.WriteBoolean("duplicate", commit.Duplicate);
        json.WriteEndObject();
    }

    /// <param name="fields">Members to write; null writes all.</param>
    public static void Entity(Utf8JsonWriter json, EntitySnapshot entity, ISet<string>? fields = null)
    {
        var head = entity.Head;
        json.WriteStartObject();
        if (Wants("dataset")) json.WriteString("dataset", head.Key.Dataset);
        if (Wants("id")) json.WriteString("id", head.Key.Id);
        if (Wants("revision")) json.WriteNumber("revision", head.Revision);
        if (Wants("lifecycle")) json.WriteString("lifecycle", Name(head.Lifecycle));
        if (Wants("createdAt")) json.WriteString("createdAt", head.CreatedAt.ToString());
        if (Wants("updatedAt")) json.WriteString("updatedAt", head.UpdatedAt.ToString());
        if (head.ExpiresAt is { } expiresAt && Wants("expiresAt")) json.WriteString("expiresAt", expiresAt.ToString());
        if (Wants("tags")) Tags(json, "tags", head.Tags);
        if (head.ContentType is not null)
        {
            if (Wants("contentType")) json.WriteString("contentType", head.ContentType);
            if (Wants("contentLength")) json.WriteNumber("contentLength", head.ContentLength);
        }

        if (entity.Content is { IsCleared: false } content && Wants("content")) Content(json, content, head.Key, head.UpdatedAt);
        json.WriteEndObject();

        bool Wants(string field) => fields is null || fields.Contains(field);
    }

    /// <summary>A Change of an entity's history.</summary>
    public static void Change(Utf8JsonWriter json, Change change)
    {
        json.WriteStartObject();
        ChangeMembers(json, change);
        json.WriteString("cursor", change.Revision.ToString());
        json.WriteEndObject();
    }

    /// <summary>A Change of a feed, which also says where it stands in its shard.</summary>
    public static void FeedChange(Utf8JsonWriter json, Change change, ShardId shard, string cursor)
    {
        json.WriteStartObject();
        ChangeMembers(json, change);
        json.WriteNumber("shard", shard.Value);
        json.WriteNumber("sequence", change.Sequence.Value);
        json.WriteString("cursor", cursor);
        json.WriteEndObject();
    }

    public static void Problem(Utf8JsonWriter json, ApiProblem problem, string traceId)
    {
        json.WriteStartObject();
        json.WriteString("type", "about:blank");
        json.WriteString("title", Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(problem.Status));
        json.WriteNumber("status", problem.Status);
        json.WriteString("detail", problem.Message);
        json.WriteString("code", problem.Code);
        json.WriteBoolean("retryable", problem.IsRetryable);
        if (problem.Shard is { } shard) json.WriteNumber("shard", shard);
        foreach (var (name, value) in problem.Facts) json.WriteNumber(name, value);
        if (problem.ActualRevision is { } revision) json.WriteNumber("actualRevision", revision);
        if (problem.Earliest is { } earliest) json.WriteString("earliest", earliest.ToString());
        json.WriteString("traceId", traceId);
        json.WriteEndObject();
    }

    private static void ChangeMembers(Utf8JsonWriter json, Change change)
    {
        json.WriteString("dataset", change.Key.Dataset);
        json.WriteString("id", change.Key.Id);
        json.WriteNumber("revision", change.Revision);
        json.WriteString("at", change.At.ToString());
        json.WriteString("recordedAt", change.RecordedAt.ToString());
        json.WriteString("author", change.Author);
        Tags(json, "added", change.Added);
        Tags(json, "removed", change.Removed);
        json.WriteString("lifecycle", Name(change.Lifecycle));
        if (change.IsBase) json.WriteBoolean("trimmed", true);
        if (change.ExpiresAt is { } expiresAt) json.WriteString("expiresAt", expiresAt.ToString());
        if (change.Content is { } content)
        {
            if (content.IsCleared) json.WriteNull("content");
            else
            {
                json.WriteString("contentType", content.ContentType);
                if (content.Blob is not null) json.WriteNumber("contentLength", content.Length);
                Content(json, content, change.Key, change.At);
            }
        }
    }

    public static void Tags(Utf8JsonWriter json, string name, ImmutableArray<Tag> tags)
    {
        json.WriteStartArray(name);
        foreach (var tag in tags) json.WriteStringValue(tag.Text);
        json.WriteEndArray();
    }

    public static string Name(Lifecycle lifecycle) => lifecycle switch
    {
        Lifecycle.Active => "active",
        Lifecycle.Deleted => "deleted",
        Lifecycle.Archived => "archived",
        Lifecycle.Purged => "purged",
        _ => throw new InvariantViolationException($"no name for {lifecycle}"),
    };

    public static bool IsJson(string contentType) =>
        contentType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        || contentType.StartsWith("application/json;", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// A JSON value as it is, bytes of another type as base64. Bytes put by PUT …/content may call themselves JSON and be none: they
    /// stand under another name, since a base64 text could not be told from a JSON text. Content too large for JSON is named by a link.
    /// </summary>
    /// <param name="at">A moment at which the entity has this content.</param>
    private static void Content(Utf8JsonWriter json, Content content, EntityKey key, Timestamp at)
    {
        if (content.Blob is not null)
        {
            json.WriteString("contentLink", LinkOf(key, at));
            return;
        }

        var bytes = content.Bytes.Span;
        if (!IsJson(content.ContentType!)) json.WriteBase64String("content", bytes);
        else if (!IsValue(bytes)) json.WriteBase64String("contentBase64", bytes);
        else
        {
            json.WritePropertyName("content");
            json.WriteRawValue(bytes, skipInputValidation: true);
        }
    }

    /// <summary>Where content is that is too large for JSON.</summary>
    /// <param name="at">A moment at which the entity has this content.</param>
    public static string LinkOf(EntityKey key, Timestamp at) =>
        $"/v1/datasets/{key.Dataset}/entities/{Uri.EscapeDataString(key.Id)}/content?asOf={at}";

    private static bool IsValue(ReadOnlySpan<byte> bytes)
    {
        // The reader checks neither that texts are valid UTF-8 nor that there is a value at all.
        if (bytes.IsEmpty || !System.Text.Unicode.Utf8.IsValid(bytes)) return false;
        try
        {
            var reader = new Utf8JsonReader(bytes);
            while (reader.Read())
            {
                // Reading to the end is the check.
            }

            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
