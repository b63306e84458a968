using System.ComponentModel;

namespace EntityActors.Host.Http.OpenApi;

[Description("What becomes of a dataset's entities with time; an age that is absent is never.")]
internal record RetentionBody
{
    [Description("Seconds after which a deleted entity is purged.")]
    public double? PurgeDeletedAfter { get; init; }

    [Description("Seconds after which an archived entity is deleted.")]
    public double? DeleteArchivedAfter { get; init; }

    [Description("Seconds after which history goes, from when it was recorded. Of each entity the newest such change stays, with the whole state.")]
    public double? TrimHistoryAfter { get; init; }

    [Description("Newest changes of each entity that stay whatever their age. Without trimHistoryAfter, of what is older than an hour the others go.")]
    public long? KeepChanges { get; init; }
}

[Description("The retention policy of a dataset.")]
internal sealed record RetentionShape : RetentionBody
{
    public required string Dataset { get; init; }
}

internal sealed record RetentionPageShape
{
    public required RetentionShape[] Items { get; init; }
}

[Description("An entity that a policy lets go.")]
internal sealed record RetentionItemShape
{
    public required string Id { get; init; }

    [Description("Of the change that deleted or archived it.")]
    public required long Revision { get; init; }

    [Description("When it was deleted or archived.")]
    public required string Since { get; init; }

    [Description("purge or delete.")]
    public required string Action { get; init; }
}

[Description("What goes of histories.")]
internal sealed record TrimmedShape
{
    [Description("Entities that lose changes.")]
    public required long Entities { get; init; }

    public required long Changes { get; init; }
}

internal sealed record RetentionOutcomeShape
{
    public required bool DryRun { get; init; }

    public required RetentionItemShape[] Items { get; init; }

    public required TrimmedShape Trimmed { get; init; }

    [Description("The answer ended at a limit: apply again, with its cursor.")]
    public required bool More { get; init; }

    [Description("Where the next request goes on, while there is more.")]
    public string? Cursor { get; init; }
}

internal static class RetentionExamples
{
    public const string Body = """{"purgeDeletedAfter":2592000,"deleteArchivedAfter":31536000,"trimHistoryAfter":7776000,"keepChanges":10}""";
    public const string Policy =
        """{"dataset":"docs","purgeDeletedAfter":2592000,"deleteArchivedAfter":31536000,"trimHistoryAfter":7776000,"keepChanges":10}""";
    public const string Page = """{"items":[{"dataset":"docs","purgeDeletedAfter":2592000}]}""";

    public const string Outcome = """
        {"dryRun":true,"items":[{"id":"old","revision":7,"since":"2026-01-02T03:04:05.000000000Z","action":"purge"}],
        "trimmed":{"entities":3,"changes":41},"more":false}
        """;
}
