using EntityActors.Storage.Model;

namespace EntityActors.Storage.Segments;

/// <summary>What a segment holds of one entity: a run of its history, or of a purged one the purge and nothing else.</summary>
/// <param name="Before">State just before the first of the changes; null when that one is revision 1, a base, or the purge.</param>
/// <param name="Changes">At least one, with contiguous revisions. To be enumerated before the next entity is asked for.</param>
/// <param name="After">State after the last of the changes.</param>
public sealed record SegmentEntity(EntityHead? Before, IEnumerable<Change> Changes, EntityHead After)
{
    /// <summary>Revision of the base that it begins with; 0 when it begins with none.</summary>
    public long BaseRevision { get; init; }

    public bool IsTrimmed => BaseRevision > 0;

    /// <summary>Number of the changes; a purge counts with those that it took away.</summary>
    public long ChangeCount => After.Revision - (FirstRevision - 1);

    /// <summary>Revision of the first of the changes.</summary>
    public long FirstRevision => IsTrimmed ? BaseRevision : (Before?.Revision ?? 0) + 1;

    public bool IsPurged => After.Lifecycle == Lifecycle.Purged;
}
