using EntityActors.Tests.Shared.Http;

namespace EntityActors.Tests.Shared.Model;

/// <summary>
/// Decides whether what a store says about one entity after a crash is allowed.
/// <para>
/// Allowed is: the history already verified, then changes with consecutive revisions, each of which is an acknowledged
/// operation at the revision it was acknowledged with, or an operation whose outcome was unknown, each at most once. Every
/// change is exactly what its operation does to the state before it, and no operation stands before one that had been
/// answered before it was sent. So the order of the history is a linearization of what the clients saw.
/// </para>
/// </summary>
public sealed class HistoryChecker
{
    private readonly string _id;
    private readonly List<string> _findings;

    private HistoryChecker(string id, List<string> findings)
    {
        _id = id;
        _findings = findings;
    }

    /// <summary>Checks the observed changes and extends <paramref name="verified"/> by them as far as they are allowed.</summary>
    /// <param name="observed">From the last verified change on, that one included; the whole history when none is verified.</param>
    /// <param name="operations">Operations on this entity since the last check.</param>
    /// <param name="inHistory">Receives the operations of unknown outcome that took effect, with their revision.</param>
    public static void Check(string id, List<ModelChange> verified, IReadOnlyList<ChangeShape> observed,
        IReadOnlyList<Operation> operations, IDictionary<Operation, long> inHistory, List<string> findings) =>
        new HistoryChecker(id, findings).Check(verified, observed, operations, inHistory);

    private void Check(List<ModelChange> verified, IReadOnlyList<ChangeShape> observed, IReadOnlyList<Operation> operations,
        IDictionary<Operation, long> inHistory)
    {
        var next = 0;
        if (verified.Count > 0)
        {
            var last = verified[^1];
            if (observed.Count == 0 || observed[0].Revision != last.Revision || observed[0].At != last.At)
            {
                Report($"verified revision {last.Revision} at {last.At} is gone; history goes on with {Describe(observed.Count == 0 ? null : observed[0])}");
                return;
            }

            next = 1;
        }

        var acknowledged = new Dictionary<long, Operation>();
        foreach (var operation in operations.Where(operation => operation.Outcome == OperationOutcome.Acknowledged))
        {
            if (!acknowledged.TryAdd(operation.Commit!.Revision, operation))
                Report($"two operations were acknowledged with one revision: {operation} and {acknowledged[operation.Commit.Revision]}");
        }

        var unknown = operations.Where(operation => operation.Outcome == OperationOutcome.Unknown).ToList();
        var applied = new List<Operation>();
        for (; next < observed.Count; next++)
        {
            var change = observed[next];
            CheckPosition(verified, change, next == 0 ? null : observed[next - 1]);
            var operation = Explain(verified, change, acknowledged, unknown);
            if (operation is null) return;
            if (operation.Outcome == OperationOutcome.Unknown) inHistory[operation] = change.Revision;
            applied.Add(operation);
            var delta = ModelRules.Apply(verified.LastOrDefault()?.After, verified.LastOrDefault()?.Revision ?? 0, operation)!;
            verified.Add(new ModelChange(change.Revision, change.At, delta.After));
        }

        foreach (var lost in acknowledged.Values) Report($"acknowledged but not in the history: {lost}");
        CheckOrder(applied);
    }

    private void CheckPosition(List<ModelChange> verified, ChangeShape change, ChangeShape? before)
    {
        var expected = (verified.LastOrDefault()?.Revision ?? 0) + 1;
        if (change.Revision != expected) Report($"revision {change.Revision} stands where {expected} must");
        if (change.Id != _id) Report($"a change of {change.Id} is in this history");
        if (change.At != change.RecordedAt) Report($"revision {change.Revision}: at {change.At} is not its recorded time {change.RecordedAt}");
        if (before is not null && (change.At <= before.At || change.RecordedAt <= before.RecordedAt))
            Report($"revision {change.Revision}: its times do not rise");
    }

    /// <summary>The operation that made the change; null (and a finding) when there is none.</summary>
    private Operation? Explain(List<ModelChange> verified, ChangeShape change, Dictionary<long, Operation> acknowledged,
        List<Operation> unknown)
    {
        var state = verified.LastOrDefault()?.After;
        var revision = verified.LastOrDefault()?.Revision ?? 0;
        if (acknowledged.Remove(change.Revision, out var operation))
        {
            var difference = Difference(ModelRules.Apply(state, revision, operation), change);
            if (operation.Commit!.At != change.At) difference ??= $"acknowledged at {operation.Commit.At}";
            if (difference is null) return operation;
            Report($"{Describe(change)} is not what was acknowledged ({difference}): {operation}");
            return null;
        }

        var index = unknown.FindIndex(candidate => Difference(ModelRules.Apply(state, revision, candidate), change) is null);
        if (index < 0)
        {
            Report($"{Describe(change)} is neither acknowledged nor in flight; in flight were: "
                + (unknown.Count == 0 ? "none" : string.Join("; ", unknown)));
            return null;
        }

        operation = unknown[index];
        unknown.RemoveAt(index);
        return operation;
    }

    private static string? Difference(ModelDelta? expected, ChangeShape change)
    {
        if (expected is null) return "it had to be refused";
        if (!change.Added.Order(StringComparer.Ordinal).SequenceEqual(expected.Added)) return $"added [{string.Join(' ', expected.Added)}]";
        if (!change.Removed.Order(StringComparer.Ordinal).SequenceEqual(expected.Removed)) return $"removed [{string.Join(' ', expected.Removed)}]";
        var lifecycle = expected.After.IsDeleted ? "deleted" : "active";
        if (change.Lifecycle is null ? expected.LifecycleChanged : change.Lifecycle != lifecycle) return $"lifecycle {lifecycle}";
        var content = expected.SetsContent ? expected.After.Content : null;
        return ModelState.Canonical(change.ContentText) != content ? $"content {content}" : null;
    }

    /// <summary>An operation that had ended before another was sent must not stand after it.</summary>
    private void CheckOrder(List<Operation> applied)
    {
        var firstEnd = long.MaxValue;
        for (var i = applied.Count - 1; i >= 0; i--)
        {
            if (applied[i].StartedTicks > firstEnd) Report($"stands before an operation that was answered before it was sent: {applied[i]}");
            firstEnd = Math.Min(firstEnd, applied[i].EndedTicks);
        }
    }

    private void Report(string finding) => _findings.Add($"{_id}: {finding}");

    private static string Describe(ChangeShape? change) => change is null
        ? "nothing"
        : $"revision {change.Revision} at {change.At} +[{string.Join(' ', change.Added)}] -[{string.Join(' ', change.Removed)}] "
            + $"{change.Lifecycle} {change.ContentText}";
}
