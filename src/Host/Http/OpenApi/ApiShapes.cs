using System.ComponentModel;
using System.Text.Json;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Http.OpenApi;

// What requests and answers look like, for the OpenAPI document alone: JSON is read and written by hand elsewhere. ApiDocumentTests and HttpFuzz compare
// both with what a node really takes and sends.

[Description("State of an entity at one moment.")]
internal sealed record EntityShape
{
    public required string Dataset { get; init; }

    public required string Id { get; init; }

    [Description("Counts the entity's changes from 1; also the ETag.")]
    public required long Revision { get; init; }

    public required Lifecycle Lifecycle { get; init; }

    [Description("RFC 3339 with nine fraction digits.")]
    public required string CreatedAt { get; init; }

    [Description("RFC 3339 with nine fraction digits.")]
    public required string UpdatedAt { get; init; }

    [Description("When it is deleted by itself; absent is never.")]
    public string? ExpiresAt { get; init; }

    [Description("name:value, ordered; one name may have several values.")]
    public required string[] Tags { get; init; }

    [Description("Absent without content.")]
    public string? ContentType { get; init; }

    [Description("Bytes; absent without content.")]
    public long? ContentLength { get; init; }

    [Description("The JSON value, or base64 text for any other content type.")]
    public JsonElement? Content { get; init; }

    [Description("Instead of content: bytes that only call themselves JSON.")]
    public string? ContentBase64 { get; init; }

    [Description("Instead of content put as raw bytes of more than 1 MiB: the path of its bytes.")]
    public string? ContentLink { get; init; }
}

[Description("A match of a query: an entity, or those of its members that fields= picked.")]
internal sealed record MatchShape
{
    public string? Dataset { get; init; }

    public string? Id { get; init; }

    public long? Revision { get; init; }

    public Lifecycle? Lifecycle { get; init; }

    public string? CreatedAt { get; init; }

    public string? UpdatedAt { get; init; }

    public string? ExpiresAt { get; init; }

    public string[]? Tags { get; init; }

    public string? ContentType { get; init; }

    public long? ContentLength { get; init; }

    public JsonElement? Content { get; init; }

    public string? ContentBase64 { get; init; }

    [Description("Instead of content put as raw bytes of more than 1 MiB: the path of its bytes.")]
    public string? ContentLink { get; init; }

    [Description("With partial=true, alone in the last line of a stream: shards that did not answer.")]
    public int[]? MissingShards { get; init; }
}

[Description("What a write became.")]
internal sealed record CommitShape
{
    public required string Dataset { get; init; }

    public required string Id { get; init; }

    [Description("The entity's revision after the change.")]
    public required long Revision { get; init; }

    [Description("When it is true from on; RFC 3339 with nine fraction digits.")]
    public required string At { get; init; }

    public required int Shard { get; init; }

    [Description("Sequence number of the batch within the shard.")]
    public required long Sequence { get; init; }

    [Description("Whether it was applied by an earlier sending of the same Idempotency-Key.")]
    public required bool Duplicate { get; init; }
}

[Description("One change of an entity.")]
internal sealed record ChangeShape
{
    public required string Dataset { get; init; }

    public required string Id { get; init; }

    public required long Revision { get; init; }

    [Description("When it is true from on.")]
    public required string At { get; init; }

    [Description("When the store learned it.")]
    public required string RecordedAt { get; init; }

    [Description("Who made it; empty when nobody said.")]
    public required string Author { get; init; }

    public required string[] Added { get; init; }

    public required string[] Removed { get; init; }

    [Description("The lifecycle behind it.")]
    public required Lifecycle Lifecycle { get; init; }

    [Description("True of the first change that is left where history was trimmed: its tags and content are the whole state.")]
    public bool? Trimmed { get; init; }

    [Description("When the entity expires after this change; absent is never.")]
    public string? ExpiresAt { get; init; }

    public string? ContentType { get; init; }

    [Description("Bytes; only with contentLink.")]
    public long? ContentLength { get; init; }

    [Description("The new content, when it changed; null when it was taken away.")]
    public JsonElement? Content { get; init; }

    public string? ContentBase64 { get; init; }

    [Description("Instead of content put as raw bytes of more than 1 MiB: the path of its bytes.")]
    public string? ContentLink { get; init; }

    [Description("In a feed: shard that made it.")]
    public int? Shard { get; init; }

    [Description("In a feed: sequence number of its batch.")]
    public long? Sequence { get; init; }

    [Description("Where to go on behind it.")]
    public required string Cursor { get; init; }
}

internal sealed record EntityPageShape
{
    public required MatchShape[] Items { get; init; }

    [Description("Of the next page; absent on the last one.")]
    public string? Cursor { get; init; }

    [Description("Matches on all pages, with count=true.")]
    public long? Total { get; init; }

    [Description("With partial=true: shards that did not answer.")]
    public int[]? MissingShards { get; init; }
}

internal sealed record ChangePageShape
{
    public required ChangeShape[] Items { get; init; }

    [Description("Of the next page; absent on the last one.")]
    public string? Cursor { get; init; }
}

internal sealed record TagCountShape
{
    public required string Tag { get; init; }

    [Description("Active entities that hold it.")]
    public required long Count { get; init; }
}

internal sealed record TagPageShape
{
    public required TagCountShape[] Items { get; init; }

    public string? Cursor { get; init; }

    public int[]? MissingShards { get; init; }
}

[Description("What changed between two moments.")]
internal sealed record DiffShape
{
    public required string[] Added { get; init; }

    public required string[] Removed { get; init; }

    public required bool ContentChanged { get; init; }

    [Description("Null when there was no live entity.")]
    public required EntityShape? Before { get; init; }

    [Description("Null when there was no live entity.")]
    public required EntityShape? After { get; init; }
}

internal sealed record RejectionShape
{
    [Description("Number of the line, from 1.")]
    public required long Line { get; init; }

    public required string Code { get; init; }

    public required string Detail { get; init; }
}

internal sealed record ImportShape
{
    public required long Applied { get; init; }

    [Description("Lines that were there before.")]
    public required long Duplicate { get; init; }

    [Description("The first 10,000 lines that were refused.")]
    public required RejectionShape[] Rejected { get; init; }

    public required long RejectedCount { get; init; }
}

[Description("RFC 9457 problem.")]
internal sealed record ProblemShape
{
    public required string Type { get; init; }

    public required string Title { get; init; }

    public required int Status { get; init; }

    public required string Detail { get; init; }

    [Description("Stable; what a program decides by.")]
    public required string Code { get; init; }

    [Description("Whether the same request may succeed later.")]
    public required bool Retryable { get; init; }

    public int? Shard { get; init; }

    [Description("Of a transaction: index of the operation that was refused.")]
    public int? Operation { get; init; }

    [Description("The entity's revision when a condition failed.")]
    public long? ActualRevision { get; init; }

    [Description("The earliest moment that can be asked about, where history was trimmed.")]
    public string? Earliest { get; init; }

    public required string TraceId { get; init; }
}
