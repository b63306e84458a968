namespace EntityActors.Tests.Shared.Linearizability;

/// <summary>One operation of a client on one object, with the interval in which it took effect.</summary>
/// <param name="Called">Place of its call in the order of all calls and returns.</param>
/// <param name="Returned">Place of its return; null when the outcome never became known: it may take effect at any later time, or never.</param>
/// <param name="Step">What it does to the object's state; null when it cannot have been answered so in that state.</param>
public sealed record Operation<TState>(string Name, long Called, long? Returned, Func<TState, SequentialStep<TState>?> Step);

/// <summary>State after an operation.</summary>
public readonly record struct SequentialStep<TState>(TState After);

/// <summary>Answer of the checker.</summary>
public enum LinearizabilityVerdict
{
    Linearizable = 1,
    NotLinearizable = 2,

    /// <summary>The search was given up at its limit. It counts as a failure: nothing was shown.</summary>
    Unknown = 3,
}
