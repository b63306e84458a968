using EntityActors.Tests.Shared.Model;

namespace EntityActors.Chaos.Histories;

/// <summary>One write of a client over all its tries, which share one command id.</summary>
public sealed class ClientWrite(Operation operation, long called)
{
    private readonly List<Attempt> _attempts = [];

    public Operation Operation => operation;

    /// <summary>When the client began.</summary>
    public long Called => called;

    public IReadOnlyList<Attempt> Attempts => _attempts;

    /// <summary>Revision that a refusal told.</summary>
    public long? RefusedRevision { get; set; }

    public string? RefusalCode { get; set; }

    /// <summary>
    /// Some try before the last one may still be on its way, so that a refusal of the last one says what the entity was, but not that the
    /// write never takes effect.
    /// </summary>
    public bool IsRefusedAfterUnknown => Operation.Outcome == OperationOutcome.Unknown && RefusedRevision is not null;

    public void Add(Attempt attempt) => _attempts.Add(attempt);
}
