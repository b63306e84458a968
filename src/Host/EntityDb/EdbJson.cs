using System.Globalization;
using System.Text.Json;
using EntityActors.Actors.Protocol;
using EntityActors.Host.Http;
using EntityActors.Storage.Model;

namespace EntityActors.Host.EntityDb;

/// <summary>EntityDB's JSON: times in ns since 1970, content in base64, tags with the time before them where they are asked for.</summary>
internal static class EdbJson
{
    /// <param name="times">When each tag came; null leaves the times out.</param>
    public static void Entity(Utf8JsonWriter json, EntitySnapshot entity, IReadOnlyDictionary<string, Timestamp>? times = null)
    {
        var head = entity.Head;
        json.WriteStartObject();
        json.WriteString("id", head.Key.Id);
        json.WriteStartArray("tags");
        foreach (var tag in head.Tags) json.WriteStringValue(times is null ? tag.Text : Timed(tag.Text, times.GetValueOrDefault(tag.Text, head.UpdatedAt)));
        foreach (var tag in EdbTags.OfLifecycle(head)) json.WriteStringValue(times is null ? tag : Timed(tag, head.UpdatedAt));
        json.WriteEndArray();
        if (entity.Content is { IsCleared: false } content)
        {
            // Too large for JSON: the route of this store has it.
            if (content.Blob is not null) json.WriteString("content_link", JsonShapes.LinkOf(head.Key, head.UpdatedAt));
            else json.WriteBase64String("content", content.Bytes.Span);
        }

        json.WriteNumber("created_at", head.CreatedAt.Nanoseconds);
        json.WriteNumber("updated_at", head.UpdatedAt.Nanoseconds);
        json.WriteEndObject();
    }

    public static string Timed(string tag, Timestamp at) => $"{at.Nanoseconds.ToString(CultureInfo.InvariantCulture)}|{tag}";

    /// <summary>Where an entity stands between deletion and restore.</summary>
    public static void Status(Utf8JsonWriter json, EntityHead head, string author)
    {
        json.WriteStartObject();
        json.WriteString("entity_id", head.Key.Id);
        json.WriteString("lifecycle_state", State(head.Lifecycle));
        json.WriteString("created_at", head.CreatedAt.ToString());
        json.WriteString("updated_at", head.UpdatedAt.ToString());
        if (head.Lifecycle == Lifecycle.Deleted)
        {
            json.WriteString("deleted_at", head.UpdatedAt.ToString());
            if (author.Length > 0) json.WriteString("deleted_by", author);
        }

        var isGone = head.Lifecycle is Lifecycle.Deleted or Lifecycle.Archived;
        json.WriteBoolean("can_restore", isGone);
        json.WriteBoolean("can_purge", isGone);
        json.WriteEndObject();
    }

    public static string State(Lifecycle lifecycle) => lifecycle switch
    {
        Lifecycle.Deleted => "soft_deleted",
        Lifecycle.Archived => "archived",
        Lifecycle.Purged => "purged",
        _ => "active",
    };

    /// <summary>What a change did to an entity: a tag that came, went or took another one's place, a content, a lifecycle.</summary>
    /// <param name="withId">Whether changes of several entities stand beside each other.</param>
    /// <param name="left">How many entries may be written still.</param>
    public static void Change(Utf8JsonWriter json, Change change, bool withId, ref int left)
    {
        var removed = change.Removed.Select(static tag => tag.Text).ToList();
        foreach (var added in change.Added)
        {
            // A value that takes the place of another one of its name is one entry.
            var name = added.Text[..(added.Text.IndexOf(':', StringComparison.Ordinal) + 1)];
            var replaced = removed.FirstOrDefault(tag => tag.StartsWith(name, StringComparison.Ordinal));
            if (replaced is not null) removed.Remove(replaced);
            Entry(json, change, "tag_change", replaced, Timed(added.Text, change.At), withId, ref left);
        }

        foreach (var tag in removed) Entry(json, change, "tag_change", tag, null, withId, ref left);
        if (change.Content is { } content) Entry(json, change, "content_change", null, content.IsCleared ? "" : content.ContentType, withId, ref left);
        if (change.Lifecycle != Lifecycle.Active) Entry(json, change, "lifecycle_change", null, State(change.Lifecycle), withId, ref left);
    }

    private static void Entry(Utf8JsonWriter json, Change change, string type, string? before, string? after, bool withId, ref int left)
    {
        if (left == 0) return;
        left--;
        json.WriteStartObject();
        json.WriteString("type", type);
        json.WriteNumber("timestamp", change.At.Nanoseconds);
        if (withId) json.WriteString("entity_id", change.Key.Id);
        if (before is not null) json.WriteString("old_value", before);
        if (after is not null) json.WriteString("new_value", after);
        json.WriteEndObject();
    }
}
