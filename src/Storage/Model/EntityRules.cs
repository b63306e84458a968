using System.Collections.Immutable;

namespace EntityActors.Storage.Model;

/// <summary>Outcome of checking a command against the state of its entity.</summary>
public abstract record Decision
{
    private Decision()
    {
    }

    /// <summary>The command becomes this change, and the entity this state once the change is durable.</summary>
    public sealed record Accepted(Change Change, EntityHead After) : Decision;

    public sealed record Refused(Refusal Refusal) : Decision;
}

/// <summary>Pure rules of an entity: state and command in, change or refusal out. No clock, no disk.</summary>
public static class EntityRules
{
    /// <param name="head">State of the entity, null when there never was one.</param>
    /// <param name="sequence">Event that will hold the change.</param>
    /// <param name="recordedAt">Stamp of the shard's clock, later than every earlier one.</param>
    /// <param name="newOrdinal">Ordinal the entity gets if this is its first change.</param>
    public static Decision Decide(EntityHead? head, EntityCommand command, SequenceNumber sequence, Timestamp recordedAt,
        uint elapsedSeconds, uint newOrdinal, EntityLimits limits)
    {
        var actual = head?.Revision ?? 0;
        if (Problem(command, limits) is { } problem) return Refuse(problem.Code, problem.Detail, actual);
        if (head is { Lifecycle: Lifecycle.Purged })
            return Refuse(RefusalCode.Purged, "the entity was purged", actual);
        if (command is not PutEntity && !IsThereFor(command, head))
            return Refuse(RefusalCode.NotFound, $"there is no entity {command.Key}", actual);
        if (!command.Condition.Holds(head, deletedHasRevision: command is RestoreEntity or PurgeEntity))
            return Refuse(RefusalCode.PreconditionFailed, $"the entity's revision is {actual}", actual);
        if (command is RestoreEntity && head!.Lifecycle == Lifecycle.Active)
            return Refuse(RefusalCode.NotDeleted, "the entity is neither deleted nor archived", actual);
        if (head is { Lifecycle: Lifecycle.Archived } && command is not (RestoreEntity or DeleteEntity or PurgeEntity))
            return Refuse(RefusalCode.Archived, "the entity is archived; restore it first", actual);
        var at = command.At ?? recordedAt;
        if (at > recordedAt) return Refuse(RefusalCode.AtInFuture, $"at {at} is later than now, {recordedAt}", actual);
        if (head is not null && at <= head.UpdatedAt)
            return Refuse(RefusalCode.AtNotLater, $"at {at} is not later than the entity's last change, {head.UpdatedAt}", actual);

        var change = ChangeFor(head, command, sequence, at, recordedAt, elapsedSeconds, head?.Ordinal ?? newOrdinal);
        var after = EntityHead.Apply(head, change);
        if (after.Tags.Length > limits.TagCountMax)
            return Refuse(RefusalCode.TooManyTags, $"an entity holds at most {limits.TagCountMax} tags", actual);
        if (ExpiryOf(command) is not null && after.ExpiresAt <= recordedAt)
            return Refuse(RefusalCode.Invalid, $"it expires at {after.ExpiresAt}, which is not later than now, {recordedAt}", actual);
        return new Decision.Accepted(change, after);
    }

    /// <summary>What is wrong with the command whatever the entity's state, or null.</summary>
    public static (RefusalCode Code, string Detail)? Problem(EntityCommand command, EntityLimits limits)
    {
        if (EntityKey.Problem(command.Key.Dataset, command.Key.Id) is { } key) return (RefusalCode.Invalid, key);
        if (StrictText.ByteCount(command.Author) is < 0 or > Change.AuthorBytesMax)
            return (RefusalCode.Invalid, $"an author is at most {Change.AuthorBytesMax} bytes of valid Unicode text");
        if (command.At is { Nanoseconds: <= 0 }) return (RefusalCode.Invalid, "at must be later than 1970-01-01");
        return command switch
        {
            PutEntity put => TagProblem(put.Tags, limits) ?? ContentProblem(put.Content, limits) ?? ExpiryProblem(put.Expiry),
            ChangeTags tags => TagProblem(tags.Add, limits) ?? TagProblem(tags.Remove, limits) ?? ExpiryProblem(tags.Expiry),
            PutContent content => ContentProblem(content.Content, limits),
            DeleteEntity or RestoreEntity or ArchiveEntity or PurgeEntity => null,
            _ => throw new InvariantViolationException($"unknown command {command.GetType()}"),
        };
    }

    private static Expiry? ExpiryOf(EntityCommand command) => command switch
    {
        PutEntity put => put.Expiry,
        ChangeTags change => change.Expiry,
        _ => null,
    };

    private static (RefusalCode Code, string Detail)? ExpiryProblem(Expiry? expiry) =>
        expiry?.Problem() is { } problem ? (RefusalCode.Invalid, problem) : null;

    private static (RefusalCode Code, string Detail)? TagProblem(ImmutableArray<Tag> tags, EntityLimits limits)
    {
        if (tags.Length > limits.TagCountMax) return (RefusalCode.TooManyTags, $"an entity holds at most {limits.TagCountMax} tags");
        foreach (var tag in tags)
        {
            if (Tag.Problem(tag.Text) is { } problem) return (RefusalCode.Invalid, problem);
        }

        return null;
    }

    private static (RefusalCode Code, string Detail)? ContentProblem(Content? content, EntityLimits limits)
    {
        if (content is null) return null;
        var lengthMax = content.Blob is null ? limits.ContentBytesMax : BlobReference.LengthMax;
        if (content.Length > lengthMax) return (RefusalCode.ContentTooLarge, $"content is at most {lengthMax} bytes");
        if (content.ContentType is not { } type)
            return content.Length == 0 && content.Blob is null ? null : (RefusalCode.Invalid, "content without a content type has bytes");
        return StrictText.ByteCount(type) is < 1 or > Content.ContentTypeBytesMax
            ? (RefusalCode.Invalid, $"a content type is 1 to {Content.ContentTypeBytesMax} bytes of valid Unicode text")
            : null;
    }

    private static bool IsThereFor(EntityCommand command, EntityHead? head) =>
        head is not null && (head.Lifecycle != Lifecycle.Deleted || command is RestoreEntity or PurgeEntity);

    private static Change ChangeFor(EntityHead? head, EntityCommand command, SequenceNumber sequence, Timestamp at,
        Timestamp recordedAt, uint elapsedSeconds, uint ordinal)
    {
        var held = head?.Tags ?? [];
        var lifecycle = head?.Lifecycle ?? Lifecycle.Active;
        ImmutableArray<Tag> added = [], removed = [];
        Content? content = null;
        // A deletion ends it: what is restored must not be gone again at once.
        var expiresAt = command is PutEntity or DeleteEntity or PurgeEntity ? null : head?.ExpiresAt;
        if (ExpiryOf(command) is { } expiry) expiresAt = expiry.From(recordedAt);
        switch (command)
        {
            case PutEntity put:
                var tags = TagSet.Normalize(put.Tags);
                (added, removed) = (TagSet.Except(tags, held), TagSet.Except(held, tags));
                content = put.Content ?? (head?.ContentType is null ? null : Content.Cleared);
                lifecycle = Lifecycle.Active;
                break;
            case ChangeTags change:
                var adds = TagSet.Normalize(change.Add);
                added = TagSet.Except(adds, held);
                removed = [.. TagSet.Except(TagSet.Normalize(change.Remove), adds).Where(tag => TagSet.Contains(held, tag))];
                break;
            case PutContent put:
                content = put.Content;
                break;
            case DeleteEntity:
                lifecycle = Lifecycle.Deleted;
                break;
            case RestoreEntity:
                lifecycle = Lifecycle.Active;
                break;
            case ArchiveEntity:
                lifecycle = Lifecycle.Archived;
                break;
            case PurgeEntity:
                // Neither tags nor content: what is recorded of a purge must stay when everything else goes.
                lifecycle = Lifecycle.Purged;
                break;
            default:
                throw new InvariantViolationException($"unknown command {command.GetType()}");
        }

        var revision = (head?.Revision ?? 0) + 1;
        return new Change(command.Key, ordinal, revision, sequence, at, recordedAt, elapsedSeconds, command.Id,
            CommandFingerprint.Of(command), command.Author, added, removed, lifecycle,
            lifecycle == Lifecycle.Purged ? 0 : content is null ? head?.ContentRevision ?? 0 : revision, content) { ExpiresAt = expiresAt };
    }

    private static Decision.Refused Refuse(RefusalCode code, string detail, long actual) => new(new Refusal(code, detail, actual));
}
