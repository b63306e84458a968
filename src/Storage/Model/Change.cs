using System.Collections.Immutable;

namespace EntityActors.Storage.Model;


/// <summary>One stored fact in the history of an entity. Immutable; the state at a moment is the fold of the changes up to it.</summary>
/// <remarks>
/// Per entity <see cref="Revision"/> counts 1, 2, 3 … and <see cref="At"/> and <see cref="RecordedAt"/> strictly rise; so the
/// changes with at ≤ T and recorded ≤ R are always a prefix of the history.
/// </remarks>
/// <param name="Ordinal">Number of the entity within its shard, given at its first change, never reused.</param>
/// <param name="Sequence">Event of the shard's journal that holds this change.</param>
/// <param name="ElapsedSeconds">Serving time of the shard when the change was stamped; it never jumps with the clock.</param>
/// <param name="Fingerprint">Hash of the command's body: the same command id with another body is refused.</param>
/// <param name="Lifecycle">Lifecycle after this change.</param>
/// <param name="ContentRevision">Revision that last set or cleared the content, this one included; 0 when none did.</param>
/// <param name="Content">New content, or null when this change left it alone.</param>
public sealed record Change(
    EntityKey Key,
    uint Ordinal,
    long Revision,
    SequenceNumber Sequence,
    Timestamp At,
    Timestamp RecordedAt,
    uint ElapsedSeconds,
    CommandId CommandId,
    ulong Fingerprint,
    string Author,
    ImmutableArray<Tag> Added,
    ImmutableArray<Tag> Removed,
    Lifecycle Lifecycle,
    long ContentRevision,
    Content? Content)
{
    /// <summary>When the entity expires, after this change; null is never.</summary>
    public Timestamp? ExpiresAt { get; init; }

    /// <summary>
    /// Of a base alone: when the entity was created. What was before a base was trimmed, so its tags, content and the rest are the whole state after it;
    /// <see cref="ContentRevision"/> may then be that of an earlier change. Null of every other change.
    /// </summary>
    public Timestamp? CreatedAt { get; init; }

    /// <summary>Whether what was before this change was trimmed.</summary>
    public bool IsBase => CreatedAt is not null;

    /// <summary>This change as the first one that is left.</summary>
    /// <param name="after">State after it.</param>
    /// <param name="content">Content then; null when there is none.</param>
    public Change AsBase(EntityHead after, Content? content) => this with
    {
        Added = after.Tags, Removed = [], CreatedAt = after.CreatedAt,
        ContentRevision = after.ContentRevision, Content = after.ContentType is null ? null : content,
    };

    /// <summary>Upper bound of an author's name in bytes of UTF-8.</summary>
    public const int AuthorBytesMax = 256;
}
