namespace EntityActors.Chaos.Faults;

/// <summary>One kind of fault. It heals what it did before it returns, also when the run ends.</summary>
internal interface IFaultInjector
{
    FaultKind Kind { get; }

    /// <summary>Why it cannot be injected here; null when it can.</summary>
    string? Unavailable { get; }

    /// <returns>False when there was nothing to inject it into at this moment.</returns>
    Task<bool> TryInjectAsync(FaultSite site, CancellationToken end);
}
