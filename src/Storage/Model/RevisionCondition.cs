namespace EntityActors.Storage.Model;

/// <summary>What must hold of the entity for a command to apply.</summary>
public enum RevisionConditionKind
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>There is an active or archived entity (<c>If-Match: *</c>).</summary>
    MustExist = 1,

    /// <summary>There is none, or it is deleted (<c>If-None-Match: *</c>).</summary>
    MustNotExist = 2,

    /// <summary>Its revision is the given one (<c>If-Match: "7"</c>).</summary>
    MustBeRevision = 3,
}

/// <summary>Condition on the entity's revision; <c>default</c> is no condition.</summary>
public readonly record struct RevisionCondition(RevisionConditionKind Kind, long Revision)
{
    public static readonly RevisionCondition MustExist = new(RevisionConditionKind.MustExist, 0);
    public static readonly RevisionCondition MustNotExist = new(RevisionConditionKind.MustNotExist, 0);

    public static RevisionCondition MustBe(long revision) => new(RevisionConditionKind.MustBeRevision, revision);

    /// <param name="deletedHasRevision">Whether the revision of a deleted entity counts: what restores or purges it refers to that one.</param>
    public bool Holds(EntityHead? head, bool deletedHasRevision)
    {
        var exists = head is { Lifecycle: Lifecycle.Active or Lifecycle.Archived };
        return Kind switch
        {
            RevisionConditionKind.None => true,
            RevisionConditionKind.MustExist => exists,
            RevisionConditionKind.MustNotExist => !exists,
            RevisionConditionKind.MustBeRevision => (exists || deletedHasRevision) && head?.Revision == Revision,
            _ => throw new InvariantViolationException($"unknown revision condition {Kind}"),
        };
    }
}
