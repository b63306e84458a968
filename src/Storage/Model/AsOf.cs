namespace EntityActors.Storage.Model;

/// <summary>What a read may see: changes with at ≤ <see cref="At"/> that were recorded at or before <see cref="RecordedAt"/>.</summary>
/// <remarks>
/// Both times of an entity strictly rise, so the visible changes are a prefix of its history. The second time keeps an answer
/// the same when a backfill is recorded later, and keeps the pages of one query in agreement.
/// </remarks>
public readonly record struct AsOf(Timestamp At, Timestamp RecordedAt)
{
    public static readonly AsOf Everything = new(Timestamp.MaxValue, Timestamp.MaxValue);

    public bool Sees(Timestamp at, Timestamp recordedAt) => at <= At && recordedAt <= RecordedAt;

    public bool Sees(Change change) => Sees(change.At, change.RecordedAt);

    public bool Sees(EntityHead head) => Sees(head.UpdatedAt, head.RecordedAt);
}
