using System.ComponentModel;
using System.Text.Json;

namespace EntityActors.Host.EntityDb;

// What requests and answers of EntityDB look like, for the OpenAPI document.

[Description("An error, as EntityDB tells it.")]
internal sealed record EdbErrorShape
{
    public required string Error { get; init; }

    [Description("Stable; not there in EntityDB.")]
    public required string Code { get; init; }
}

internal sealed record EdbEntityBody
{
    public string? Id { get; init; }

    [Description("name:value; the time before a tag, TIME|name:value, is left out.")]
    public string[]? Tags { get; init; }

    [Description("A text, or any other JSON value.")]
    public JsonElement? Content { get; init; }
}

internal sealed record EdbEntityShape
{
    public required string Id { get; init; }

    public required string[] Tags { get; init; }

    [Description("Base64; absent without content.")]
    public string? Content { get; init; }

    [Description("Instead of a content above 1 MiB: where it is.")]
    public string? Content_link { get; init; }

    [Description("ns since 1970.")]
    public required long Created_at { get; init; }

    [Description("ns since 1970.")]
    public required long Updated_at { get; init; }
}

internal sealed record EdbQueryShape
{
    public required EdbEntityShape[] Entities { get; init; }

    [Description("Of all matches.")]
    public required int Total { get; init; }

    public required int Offset { get; init; }

    [Description("0 without a limit.")]
    public required int Limit { get; init; }
}

internal sealed record EdbSummaryShape
{
    public required long Last_updated { get; init; }

    public required EdbEntityShape[] Recent_entities { get; init; }

    public required long Timestamp { get; init; }

    public required long Total_count { get; init; }

    public required Dictionary<string, long> Type_counts { get; init; }
}

internal sealed record EdbChangeShape
{
    [Description("tag_change, content_change or lifecycle_change.")]
    public required string Type { get; init; }

    [Description("ns since 1970.")]
    public required long Timestamp { get; init; }

    public string? Entity_id { get; init; }

    [Description("Tag that went.")]
    public string? Old_value { get; init; }

    [Description("Tag that came, behind its time; or the new content type or lifecycle.")]
    public string? New_value { get; init; }
}

internal sealed record EdbDiffShape
{
    public required string[] Added_tags { get; init; }

    public required EdbEntityShape? After { get; init; }

    public required EdbEntityShape? Before { get; init; }

    public required string Entity_id { get; init; }

    public required string From_time { get; init; }

    public required string[] Removed_tags { get; init; }

    public required string To_time { get; init; }
}

internal sealed record EdbReasonBody
{
    public required string Reason { get; init; }

    public string? Policy { get; init; }

    public bool? Force { get; init; }
}

internal sealed record EdbPurgeBody
{
    [Description("PURGE")]
    public required string Confirmation { get; init; }

    public string? Reason { get; init; }
}

internal sealed record EdbStatusShape
{
    public required string Entity_id { get; init; }

    [Description("active, soft_deleted or archived.")]
    public required string Lifecycle_state { get; init; }

    public required string Created_at { get; init; }

    public required string Updated_at { get; init; }

    public string? Deleted_at { get; init; }

    public string? Deleted_by { get; init; }

    public required bool Can_restore { get; init; }

    public required bool Can_purge { get; init; }
}

internal sealed record EdbDeletedShape
{
    public required EdbStatusShape[] Entities { get; init; }

    public required int Total { get; init; }

    public required int Count { get; init; }

    public required int Offset { get; init; }

    public required int Limit { get; init; }
}

internal sealed record EdbMessageShape
{
    public string? Status { get; init; }

    public required string Message { get; init; }
}

internal sealed record EdbValuesShape
{
    public required int Count { get; init; }

    public required string Namespace { get; init; }

    public required string[] Values { get; init; }
}

internal sealed record EdbDatasetBody
{
    public required string Name { get; init; }

    public string? Description { get; init; }
}

internal sealed record EdbDatasetShape
{
    [Description("Its name.")]
    public required string Id { get; init; }

    public required string Name { get; init; }

    public required string Description { get; init; }

    public required JsonElement? Settings { get; init; }
}
