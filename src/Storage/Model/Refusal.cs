namespace EntityActors.Storage.Model;

/// <summary>Why a command was not applied. The numbers are part of the wire format.</summary>
public enum RefusalCode
{
    NotFound = 1,
    PreconditionFailed = 2,
    AtNotLater = 3,
    AtInFuture = 4,
    TooManyTags = 5,
    ContentTooLarge = 6,
    NotDeleted = 7,
    CommandIdReused = 8,
    Invalid = 9,
    Purged = 10,
    Archived = 11,

    /// <summary>The blob that the command names cannot be taken in by this owner: another epoch's, not there, not whole, or given up.</summary>
    BlobNotAccepted = 12,
}

/// <summary>An expected outcome, not an error of the store: the command was understood and nothing was changed.</summary>
/// <param name="ActualRevision">Revision of the entity as it is; 0 when there is none.</param>
public sealed record Refusal(RefusalCode Code, string Detail, long ActualRevision);
