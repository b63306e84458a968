using System.Collections.Immutable;
using System.Text.Json;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Http;

/// <summary>JSON of the contract's shapes.</summary>
internal static class JsonShapes
{
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
        if (Wants("tags")) Tags(json, "tags", head.Tags);
        if (head.ContentType is not null)
        {
            if (Wants("contentType")) json.WriteString("contentType", head.ContentType);
            if (Wants("contentLength")) json.WriteNumber("contentLength", head.ContentLength);
        }

        if (entity.Content is { IsCleared: false } content && Wants("content")) Content(json, content);
        json.WriteEndObject();

        bool Wants(string field) => fields is null || fields.Contains(field);
    }

    public static void Change(Utf8JsonWriter json, Change change)
    {
        json.WriteStartObject();
        json.WriteString("dataset", change.Key.Dataset);
        json.WriteString("id", change.Key.Id);
        json.WriteNumber("revision", change.Revision);
        json.WriteString("at", change.At.ToString());
        json.WriteString("recordedAt", change.RecordedAt.ToString());
        json.WriteString("author", change.Author);
        Tags(json, "added", change.Added);
        Tags(json, "removed", change.Removed);
        json.WriteString("lifecycle", Name(change.Lifecycle));
        if (change.Content is { } content)
        {
            if (content.IsCleared) json.WriteNull("content");
            else
            {
                json.WriteString("contentType", content.ContentType);
                Content(json, content);
            }
        }

        json.WriteString("cursor", change.Revision.ToString());
        json.WriteEndObject();
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

    private static void Content(Utf8JsonWriter json, Content content)
    {
        json.WritePropertyName("content");
        if (!IsJson(content.ContentType!) || !TryRaw(json, content.Bytes.Span)) json.WriteBase64StringValue(content.Bytes.Span);
    }

    /// <summary>Raw content put by PUT …/content may call itself JSON and be none; it is given as base64 then.</summary>
    private static bool TryRaw(Utf8JsonWriter json, ReadOnlySpan<byte> bytes)
    {
        try
        {
            var reader = new Utf8JsonReader(bytes);
            while (reader.Read()) { }
        }
        catch (JsonException)
        {
            return false;
        }

        if (bytes.IsEmpty) return false;
        json.WriteRawValue(bytes, skipInputValidation: true);
        return true;
    }
}
