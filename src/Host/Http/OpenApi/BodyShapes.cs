using System.ComponentModel;
using System.Text.Json;

namespace EntityActors.Host.Http.OpenApi;

[Description("The whole new state of an entity.")]
internal sealed record PutBody
{
    [Description("name:value, each up to 512 bytes of UTF-8; none when absent.")]
    public string[]? Tags { get; init; }

    [Description("A JSON value, or text when contentType is not JSON.")]
    public JsonElement? Content { get; init; }

    [Description("Instead of content: any bytes, as base64.")]
    public string? ContentBase64 { get; init; }

    [Description("Media type; application/json for content, application/octet-stream for contentBase64.")]
    public string? ContentType { get; init; }

    [Description("When it became true: RFC 3339 or ns since 1970, later than the entity's last change and not in the future; now when absent.")]
    public JsonElement? At { get; init; }

    [Description("When it is deleted by itself: RFC 3339 or ns since 1970, in the future; never when null or absent.")]
    public JsonElement? ExpiresAt { get; init; }

    [Description("Instead of expiresAt: seconds from now.")]
    public double? Ttl { get; init; }
}

[Description("Tags to add and to remove; one in both lists is added.")]
internal sealed record TagsBody
{
    public string[]? Add { get; init; }

    public string[]? Remove { get; init; }

    [Description("As in a put.")]
    public JsonElement? At { get; init; }

    [Description("When it expires from now on, as in a put; null is never, absent leaves it alone.")]
    public JsonElement? ExpiresAt { get; init; }

    [Description("As in a put.")]
    public double? Ttl { get; init; }
}

[Description("One line of an import.")]
internal sealed record ImportLine
{
    [Description("RFC 3339 or ns since 1970.")]
    public required JsonElement At { get; init; }

    [Description("put, tags, content, delete, archive or restore.")]
    public required string Op { get; init; }

    public required string Id { get; init; }

    [Description("Required by put.")]
    public string[]? Tags { get; init; }

    [Description("Required by tags.")]
    public string[]? Add { get; init; }

    [Description("Required by tags.")]
    public string[]? Remove { get; init; }

    public JsonElement? Content { get; init; }

    public string? ContentBase64 { get; init; }

    public string? ContentType { get; init; }

    [Description("When the entity expires: RFC 3339, or null for never.")]
    public JsonElement? ExpiresAt { get; init; }

    [Description("Of an export alone: length of a content above 1 MiB. An import refuses the line.")]
    public long? ContentLength { get; init; }

    [Description("Of an export alone: where such a content is.")]
    public string? ContentLink { get; init; }
}
