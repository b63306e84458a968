using System.Collections.Immutable;

namespace EntityActors.Storage.Model;

/// <summary>State of an entity after one of its changes, without the content's bytes.</summary>
/// <param name="Tags">Tags held, each once, in ordinal order.</param>
/// <param name="ContentRevision">Revision that last set or cleared the content; 0 when none did.</param>
/// <param name="ContentType">Media type of the content; null when the entity has none.</param>
public sealed record EntityHead(
    EntityKey Key,
    uint Ordinal,
    long Revision,
    Lifecycle Lifecycle,
    Timestamp CreatedAt,
    Timestamp UpdatedAt,
    Timestamp RecordedAt,
    ImmutableArray<Tag> Tags,
    long ContentRevision,
    string? ContentType,
    long ContentLength)
{
    /// <summary>When the entity is to be deleted by itself; null is never.</summary>
    public Timestamp? ExpiresAt { get; init; }

    /// <summary>Whether this change is the next one of an entity in this state: the next revision, both times later.</summary>
    /// <remarks>A purge may stand alone, since what was before it goes; nothing follows it. A base stands first.</remarks>
    public static bool IsFollowedBy(EntityHead? before, Change change)
    {
        if (before is null) return change.Revision == 1 || change.Lifecycle == Lifecycle.Purged || change.IsBase;
        return !change.IsBase && before.Lifecycle != Lifecycle.Purged && change.Revision == before.Revision + 1
            && change.At > before.UpdatedAt && change.RecordedAt > before.RecordedAt;
    }

    /// <summary>The state after <paramref name="change"/>, which must be the next one of this entity (or its first, on null).</summary>
    public static EntityHead Apply(EntityHead? before, Change change)
    {
        Invariant.Check(IsFollowedBy(before, change), "a change must follow the revision and the times before it");
        if (change.Lifecycle == Lifecycle.Purged)
            return new EntityHead(change.Key, change.Ordinal, change.Revision, Lifecycle.Purged, change.At, change.At, change.RecordedAt, [], 0, null, 0);
        var content = change.Content;
        return new EntityHead(
            change.Key, change.Ordinal, change.Revision, change.Lifecycle,
            before?.CreatedAt ?? change.CreatedAt ?? change.At, change.At, change.RecordedAt,
            TagSet.Apply(before?.Tags ?? [], change.Added, change.Removed),
            change.ContentRevision,
            content is null ? before?.ContentType : content.ContentType,
            content is null ? before?.ContentLength ?? 0 : content.Length) { ExpiresAt = change.ExpiresAt };
    }
}
