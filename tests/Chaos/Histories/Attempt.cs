namespace EntityActors.Chaos.Histories;

/// <summary>What one try of a write showed about its effect.</summary>
public enum AttemptOutcome
{
    /// <summary>Not answered, or answered "outcome unknown": it may take effect at any later time.</summary>
    Unknown = 1,

    /// <summary>It never left, or was answered with a refusal that promises that nothing was applied.</summary>
    NotApplied = 2,

    /// <summary>Acknowledged, or refused by the entity's state.</summary>
    Definite = 3,
}

/// <summary>One try of a write at one node.</summary>
public sealed record Attempt(string Node, long Called, long Ended, AttemptOutcome Outcome, string Answer);
