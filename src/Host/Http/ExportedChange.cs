using System.Text.Json;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Http;

/// <summary>One line of an export: the command that makes this change where everything before it was made.</summary>
internal sealed class ExportedChange
{
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 60, AllowDuplicateProperties = false };

    private readonly string _operation;
    private readonly EntityHead? _before;
    private readonly EntityHead _after;
    private readonly Change? _change;
    private readonly Content? _content;

    /// <summary>A state as one put.</summary>
    public ExportedChange(EntityHead head, Content? content) => (_operation, _after, _content) = ("put", head, content);

    public ExportedChange(EntityHead? before, Change change, EntityHead after, Content? content) =>
        (_operation, _before, _after, _change, _content) = (OperationOf(before, change), before, after, change, content);

    /// <summary>The put that a deletion or archiving needs before it, where the changes that led to it were trimmed.</summary>
    public static ExportedChange Before(ref EntityHead? before, EntityHead after, Content? content)
    {
        before = after with { Lifecycle = Lifecycle.Active, UpdatedAt = new Timestamp(after.UpdatedAt.Nanoseconds - 1) };
        return new ExportedChange(before, content);
    }

    /// <param name="now">Expiries up to it are left out.</param>
    public void Write(Utf8JsonWriter json, Timestamp now)
    {
        json.WriteStartObject();
        json.WriteString("at", _after.UpdatedAt.ToString());
        json.WriteString("op", _operation);
        json.WriteString("id", _after.Key.Id);
        if (_operation == "put") JsonShapes.Tags(json, "tags", _after.Tags);
        if (_operation == "tags")
        {
            JsonShapes.Tags(json, "add", _change!.Added);
            JsonShapes.Tags(json, "remove", _change.Removed);
        }

        WriteExpiry(json, now);

        if (_operation is "put" or "content" && _content is { IsCleared: false } content) Write(json, content);
        json.WriteEndObject();
    }

    /// <summary>A put begins without one, a change of tags leaves it as it is.</summary>
    private void WriteExpiry(Utf8JsonWriter json, Timestamp now)
    {
        var held = _operation == "tags" ? _before?.ExpiresAt : null;
        if (_operation is not ("put" or "tags") || _after.ExpiresAt == held) return;
        if (_after.ExpiresAt is not { } expiresAt) json.WriteNull(ExpiryReader.ExpiresAt);
        // A time that is over would be refused, and what came of it is a change of its own.
        else if (expiresAt > now) json.WriteString(ExpiryReader.ExpiresAt, expiresAt.ToString());
    }

    private static string OperationOf(EntityHead? before, Change change)
    {
        if (change.Lifecycle == Lifecycle.Deleted) return "delete";
        if (change.Lifecycle == Lifecycle.Archived && before?.Lifecycle != Lifecycle.Archived) return "archive";
        if (before is null) return "put";
        var hasTags = change.Added.Length + change.Removed.Length > 0;
        if (before.Lifecycle != change.Lifecycle) return hasTags || change.Content is not null ? "put" : "restore";
        if (change.Content is null) return "tags";
        return hasTags || change.Content.IsCleared ? "put" : "content";
    }

    /// <summary>As a value where reading the line gives the same bytes back, as base64 otherwise.</summary>
    private void Write(Utf8JsonWriter json, Content content)
    {
        json.WriteString("contentType", content.ContentType);
        if (content.Blob is not null)
        {
            // Said, so that no import takes the line for the whole.
            json.WriteNumber("contentLength", content.Length);
            json.WriteString("contentLink", JsonShapes.LinkOf(_after.Key, _after.UpdatedAt));
            return;
        }

        if (JsonShapes.IsJson(content.ContentType!) && IsPlain(content.Bytes))
        {
            json.WritePropertyName("content");
            json.WriteRawValue(content.Bytes.Span, skipInputValidation: true);
        }
        else
        {
            json.WriteBase64String("contentBase64", content.Bytes.Span);
        }
    }

    private static bool IsPlain(ReadOnlyMemory<byte> bytes)
    {
        var text = bytes.Span;
        if (text.IsEmpty || text[0] <= ' ' || text[^1] <= ' ' || text.ContainsAny((byte)'\n', (byte)'\r')) return false;
        if (!System.Text.Unicode.Utf8.IsValid(text)) return false;
        try
        {
            using var document = JsonDocument.Parse(bytes, Strict);
            return true;
        }
        catch (Exception cause) when (cause is JsonException or InvalidOperationException)
        {
            return false;
        }
    }
}
