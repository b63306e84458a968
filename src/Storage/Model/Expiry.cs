namespace EntityActors.Storage.Model;

/// <summary>When an entity shall be deleted by itself: at a moment, or some time after the change that says so; with neither, never.</summary>
/// <param name="At">A moment in the future.</param>
/// <param name="After">Counted from the recorded time of the change, so that a retry asks for the same.</param>
public readonly record struct Expiry(Timestamp? At, TimeSpan? After)
{
    public static readonly TimeSpan AfterMax = TimeSpan.FromDays(36_500);

    /// <summary>Takes an earlier one away.</summary>
    public static readonly Expiry Never;

    /// <summary>What is wrong with it whatever the time, or null.</summary>
    public string? Problem()
    {
        if (At is not null && After is not null) return "an expiry is a moment or a time to live, not both";
        return After is { } after && (after <= TimeSpan.Zero || after > AfterMax)
            ? $"a time to live is more than 0 and at most {AfterMax.TotalDays} days"
            : null;
    }

    /// <summary>The moment, for a change recorded at this time; null when there is none.</summary>
    public Timestamp? From(Timestamp recordedAt) => After is { } after ? recordedAt.Plus(after) : At;
}
