using EntityActors.Chaos.Histories;
using EntityActors.Tests.Shared.Linearizability;
using EntityActors.Tests.Shared.Model;

namespace EntityActors.Chaos.Checks;

/// <summary>What clients did with and saw of one entity, as operations on a register for the checker.</summary>
/// <remarks>
/// Every change of an entity raises its revision by one, so each revision belongs to one change. An open write is therefore never tried where
/// the next revision was acknowledged to another one, nor past the last revision of the final history. This keeps the search short and leaves
/// its verdict as it is.
/// </remarks>
internal sealed class EntityOperations
{
    private readonly HashSet<long> _acknowledged = [];
    private readonly long _lastRevision;
    private readonly List<Operation<RegisterState>> _operations = [];

    /// <param name="lastRevision">Of the final history; null when it could not be read.</param>
    public EntityOperations(string id, IEnumerable<ClientWrite> writes, IEnumerable<ClientRead> reads, long? lastRevision)
    {
        (Id, _lastRevision) = (id, lastRevision ?? long.MaxValue);
        var ownWrites = writes.ToList();
        foreach (var write in ownWrites)
        {
            if (write.Operation.Commit is { } commit) _acknowledged.Add(commit.Revision);
        }

        foreach (var write in ownWrites) AddWrite(write);
        foreach (var read in reads) _operations.Add(new Operation<RegisterState>(read.ToString(), read.Called, read.Returned, StepOf(read)));
        if (lastRevision is null || _operations.Count == 0) return;
        var end = _operations.Max(static operation => operation.Returned ?? operation.Called) + 1;
        _operations.Add(new Operation<RegisterState>($"the final history ends with revision {lastRevision}", end, end + 1,
            state => state.Revision == lastRevision ? new SequentialStep<RegisterState>(state) : null));
    }

    public string Id { get; }

    public IReadOnlyList<Operation<RegisterState>> Operations => _operations;

    /// <summary>The operations as known at a moment: what had not returned by then is open, what was not called yet is not there.</summary>
    public IReadOnlyList<Operation<RegisterState>> Until(long moment) =>
        [.. _operations.Where(operation => operation.Called < moment).Select(operation => operation.Returned > moment
            ? operation with { Returned = null }
            : operation)];

    private void AddWrite(ClientWrite write)
    {
        var operation = write.Operation;
        switch (operation.Outcome)
        {
            case OperationOutcome.Acknowledged:
                Add(operation.StartedTicks, operation.EndedTicks, state =>
                    state.Revision + 1 == operation.Commit!.Revision ? Apply(state, operation) : null);
                break;
            case OperationOutcome.Refused when write.RefusedRevision is { } revision:
                Add(operation.StartedTicks, operation.EndedTicks, state => Refuse(state, operation, revision));
                break;
            case OperationOutcome.Refused:
                // It promised to have done nothing: the checks of the final history look for it.
                break;
            default:
                Add(operation.StartedTicks, null, state => _acknowledged.Contains(state.Revision + 1) || state.Revision >= _lastRevision
                    ? null
                    : Apply(state, operation));
                // The last try saw the entity refuse it, even though an earlier one may still take effect later.
                if (write.RefusedRevision is { } seen)
                    Add(write.Attempts[^1].Called, write.Attempts[^1].Ended, state => Refuse(state, operation, seen));
                break;
        }

        void Add(long called, long? returned, Func<RegisterState, SequentialStep<RegisterState>?> step) =>
            _operations.Add(new Operation<RegisterState>(operation.ToString(), called, returned, step));
    }

    private static SequentialStep<RegisterState>? Apply(RegisterState state, Operation operation) =>
        ModelRules.Apply(state.State, state.Revision, operation) is { } delta
            ? new SequentialStep<RegisterState>(new RegisterState(state.Revision + 1, delta.After))
            : null;

    private static SequentialStep<RegisterState>? Refuse(RegisterState state, Operation operation, long revision) =>
        state.Revision == revision && ModelRules.Apply(state.State, state.Revision, operation) is null
            ? new SequentialStep<RegisterState>(state)
            : null;

    private static Func<RegisterState, SequentialStep<RegisterState>?> StepOf(ClientRead read)
    {
        if (read.Seen is not { } seen)
        {
            return state => state.IsLive && (read.Tag is null || state.State!.Tags.Contains(read.Tag))
                ? null
                : new SequentialStep<RegisterState>(state);
        }

        var tags = seen.Tags.Order(StringComparer.Ordinal).ToList();
        var content = ModelState.Canonical(seen.ContentText);
        return state => state.Revision == seen.Revision && state.IsLive && state.State!.Tags.SequenceEqual(tags)
            && state.State.Content == content && state.State.ContentType == seen.ContentType
            && (read.Tag is null || tags.Contains(read.Tag))
            ? new SequentialStep<RegisterState>(state)
            : null;
    }
}
