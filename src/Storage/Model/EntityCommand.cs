using System.Collections.Immutable;

namespace EntityActors.Storage.Model;

/// <summary>A request to change one entity. It may be refused; what was accepted becomes one <see cref="Change"/>.</summary>
/// <param name="Id">Kept across retries: within ten minutes of serving time the same id takes effect once.</param>
/// <param name="Author">Who asks, for the history; at most 256 bytes.</param>
/// <param name="At">Time of the change when it is not now (a backfill): later than the entity's last, not in the future.</param>
public abstract record EntityCommand(EntityKey Key, CommandId Id, string Author, Timestamp? At, RevisionCondition Condition)
{
    /// <summary>The blob whose bytes it makes the entity's content, if any.</summary>
    public BlobReference? Blob => this switch
    {
        PutEntity put => put.Content?.Blob,
        PutContent put => put.Content.Blob,
        _ => null,
    };
}

/// <summary>Whole new state: these tags and this content, whatever was before. Creates, replaces, or makes active again.</summary>
/// <param name="Content">Null leaves the entity without content.</param>
public sealed record PutEntity(EntityKey Key, CommandId Id, string Author, Timestamp? At, RevisionCondition Condition,
    ImmutableArray<Tag> Tags, Content? Content) : EntityCommand(Key, Id, Author, At, Condition)
{
    /// <summary>When the entity expires; null is never, also when it did before.</summary>
    public Expiry? Expiry { get; init; }
}

/// <summary>Adds and removes tags of an active entity. A tag in both lists is added.</summary>
public sealed record ChangeTags(EntityKey Key, CommandId Id, string Author, Timestamp? At, RevisionCondition Condition,
    ImmutableArray<Tag> Add, ImmutableArray<Tag> Remove) : EntityCommand(Key, Id, Author, At, Condition)
{
    /// <summary>When the entity expires from now on; null leaves that alone.</summary>
    public Expiry? Expiry { get; init; }
}

/// <summary>Replaces the content of an active entity.</summary>
public sealed record PutContent(EntityKey Key, CommandId Id, string Author, Timestamp? At, RevisionCondition Condition,
    Content Content) : EntityCommand(Key, Id, Author, At, Condition);

/// <summary>Soft delete: the entity leaves queries, its history and its past stay.</summary>
public sealed record DeleteEntity(EntityKey Key, CommandId Id, string Author, Timestamp? At, RevisionCondition Condition)
    : EntityCommand(Key, Id, Author, At, Condition);

/// <summary>Puts an active entity aside: it can be read and leaves queries of active ones; nothing of it can be changed until it is restored.</summary>
public sealed record ArchiveEntity(EntityKey Key, CommandId Id, string Author, Timestamp? At, RevisionCondition Condition)
    : EntityCommand(Key, Id, Author, At, Condition);

/// <summary>Takes a soft delete or an archiving back: tags and content are as they were before it.</summary>
public sealed record RestoreEntity(EntityKey Key, CommandId Id, string Author, Timestamp? At, RevisionCondition Condition)
    : EntityCommand(Key, Id, Author, At, Condition);

/// <summary>Takes the entity away for ever, its past included: what is left is that it was purged. It is always as of now.</summary>
public sealed record PurgeEntity(EntityKey Key, CommandId Id, string Author, RevisionCondition Condition)
    : EntityCommand(Key, Id, Author, null, Condition);
