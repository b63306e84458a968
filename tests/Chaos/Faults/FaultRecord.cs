namespace EntityActors.Chaos.Faults;

/// <summary>One fault as it happened.</summary>
public sealed class FaultRecord(FaultKind kind, string target, string detail, long started)
{
    public FaultKind Kind => kind;

    /// <summary>Names of the nodes it hit.</summary>
    public string Target => target;

    public string Detail { get; set; } = detail;

    public long Started => started;

    /// <summary>When everything was as before as far as the nemesis can tell: the process is ready again, the net is whole.</summary>
    public long? Ended { get; set; }

    /// <summary>Whether its targets no longer answer the others, without having left the cluster.</summary>
    public bool MakesSilent => kind is FaultKind.Kill or FaultKind.KillOldest or FaultKind.KillAll or FaultKind.Pause or FaultKind.Cut or FaultKind.CutOneWay;

    public override string ToString() => $"{Kind} {Target} {Detail}".TrimEnd();
}
