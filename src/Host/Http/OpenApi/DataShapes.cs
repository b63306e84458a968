using System.ComponentModel;
using System.Text.Json;

namespace EntityActors.Host.Http.OpenApi;

[Description("Changes that are made together or not at all.")]
internal sealed record TransactionBody
{
    [Description("1 to 100, on different entities of one shard.")]
    public required OperationBody[] Operations { get; init; }

    [Description("As in a put; of all operations.")]
    public JsonElement? At { get; init; }
}

internal sealed record OperationBody
{
    [Description("put, tags, delete or restore.")]
    public required string Op { get; init; }

    public required string Id { get; init; }

    [Description("Of a put.")]
    public string[]? Tags { get; init; }

    [Description("Of a put.")]
    public JsonElement? Content { get; init; }

    [Description("Of a put.")]
    public string? ContentBase64 { get; init; }

    [Description("Of a put.")]
    public string? ContentType { get; init; }

    [Description("Of tags.")]
    public string[]? Add { get; init; }

    [Description("Of tags.")]
    public string[]? Remove { get; init; }

    [Description("Only over this revision.")]
    public long? IfRevision { get; init; }

    [Description("Only when there is no live entity; true or left out.")]
    public bool? IfAbsent { get; init; }

    [Description("Only when there is a live entity; true or left out.")]
    public bool? Exists { get; init; }
}

[Description("What a transaction became.")]
internal sealed record TransactionShape
{
    public required int Shard { get; init; }

    [Description("Sequence number of the batch that holds all of it.")]
    public required long Sequence { get; init; }

    public required bool Duplicate { get; init; }

    [Description("Of each operation, in their order.")]
    public required CommitShape[] Commits { get; init; }
}

[Description("A dataset to declare.")]
internal sealed record DatasetBody
{
    [Description("1 to 64 of A-Z a-z 0-9 . _ -, the first one a letter or digit.")]
    public required string Name { get; init; }

    [Description("Up to 4,096 characters.")]
    public string? Description { get; init; }
}

internal sealed record DatasetShape
{
    public required string Name { get; init; }

    [Description("Active entities that it holds.")]
    public required long ActiveCount { get; init; }

    [Description("Whether it was declared, so that it is listed while it is empty.")]
    public required bool Declared { get; init; }

    public string? DeclaredAt { get; init; }

    public string? Description { get; init; }
}

internal sealed record DatasetPageShape
{
    public required DatasetShape[] Items { get; init; }

    [Description("Of the next page; absent on the last one.")]
    public string? Cursor { get; init; }
}

internal sealed record RelationNodeShape
{
    public required string Id { get; init; }

    [Description("Steps from the start, the fewest.")]
    public required int Depth { get; init; }

    public required long Revision { get; init; }

    public required string[] Tags { get; init; }
}

internal sealed record RelationEdgeShape
{
    public required string From { get; init; }

    [Description("Name of the tag.")]
    public required string Type { get; init; }

    public required string To { get; init; }
}

[Description("What a walk along relations found.")]
internal sealed record RelationsShape
{
    public required RelationNodeShape[] Nodes { get; init; }

    public required RelationEdgeShape[] Edges { get; init; }

    [Description("A limit ended the walk: there may be more.")]
    public required bool Truncated { get; init; }
}
