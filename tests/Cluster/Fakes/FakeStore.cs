using System.Collections.Immutable;
using EntityActors.Tests.Shared.Model;

namespace EntityActors.Cluster.Tests.Fakes;

/// <summary>What a write is answered.</summary>
/// <param name="Change">Null when it is refused.</param>
/// <param name="Revision">Of the entity when it was refused.</param>
internal sealed record FakeAnswer(FakeChange? Change, bool Duplicate, long Revision, bool IsUnavailable = false);

/// <summary>A change the fake keeps.</summary>
internal sealed record FakeChange(long Revision, long At, ModelDelta Delta, Guid CommandId);

/// <summary>Entities in memory, changed by the reference rules, with one fault on demand. What the kill test is tested against.</summary>
internal sealed class FakeStore(FakeFault fault)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, List<FakeChange>> _entities = new(StringComparer.Ordinal);
    private long _clock = 1_700_000_000_000_000_000;
    private int _writes;
    private int _reads;

    /// <summary>Every n-th change is hit by the fault.</summary>
    private const int FaultEvery = 40;

    public FakeFault Fault => fault;

    public FakeAnswer Execute(Operation operation)
    {
        lock (_gate)
        {
            if (!_entities.TryGetValue(operation.Id, out var changes)) _entities[operation.Id] = changes = [];
            var last = changes.LastOrDefault();
            if (fault != FakeFault.ForgetsCommandIds && changes.Find(change => change.CommandId == operation.CommandId) is { } first)
                return new FakeAnswer(first, true, first.Revision);
            var revision = fault == FakeFault.IgnoresIfMatch && operation.IfMatch is { } match ? match : last?.Revision ?? 0;
            var delta = ModelRules.Apply(last?.Delta.After, revision, operation);
            if (delta is null) return new FakeAnswer(null, false, last?.Revision ?? 0);
            var isHit = ++_writes % FaultEvery == 0;
            if (isHit && fault == FakeFault.LosesATagOfAChange && delta.Added.Length > 0)
            {
                var lost = delta.Added[0];
                delta = delta with { Added = delta.Added.Remove(lost), After = delta.After with { Tags = delta.After.Tags.Remove(lost) } };
            }

            var change = new FakeChange((last?.Revision ?? 0) + 1, _clock += 1_000, delta, operation.CommandId);
            if (isHit && fault == FakeFault.LosesAnAcknowledgedChange) return new FakeAnswer(change, false, change.Revision);
            changes.Add(change);
            if (isHit && fault == FakeFault.AppliesAChangeTwice)
                changes.Add(change with { Revision = change.Revision + 1, At = _clock += 1_000, Delta = delta with { Added = [], Removed = [] } });
            return new FakeAnswer(change, false, change.Revision, isHit && fault == FakeFault.AppliesWhatItRefuses);
        }
    }

    /// <summary>What a store loses that answers before its log is synced.</summary>
    public void OnKill()
    {
        if (fault != FakeFault.LosesTheTailAtAKill) return;
        lock (_gate)
        {
            foreach (var changes in _entities.Values.Where(changes => changes.Count > 0)) changes.RemoveAt(changes.Count - 1);
        }
    }

    /// <summary>Newest visible change of a live entity.</summary>
    public FakeChange? Get(string id, long? asOf)
    {
        lock (_gate)
        {
            var at = fault == FakeFault.AsOfIsNow ? null : asOf;
            var visible = (_entities.GetValueOrDefault(id) ?? []).Where(change => at is null || change.At <= at);
            var isStale = fault == FakeFault.AnswersAStaleRead && at is null && ++_reads % FaultEvery == 0;
            var last = isStale ? visible.SkipLast(1).LastOrDefault() : visible.LastOrDefault();
            return last is null || last.Delta.After.IsDeleted ? null : last;
        }
    }

    public long CreatedAt(string id)
    {
        lock (_gate) return _entities[id][0].At;
    }

    public ImmutableArray<FakeChange> History(string id, long from)
    {
        lock (_gate) return [.. (_entities.GetValueOrDefault(id) ?? []).Where(change => change.At >= from)];
    }

    /// <summary>Entities that hold the tag, with the state that holds it: looked up again, it may have lost the tag meanwhile.</summary>
    public ImmutableArray<(string Id, FakeChange Change)> Find(string tag, long? asOf)
    {
        lock (_gate)
        {
            return [.. _entities.Keys.Order(StringComparer.Ordinal)
                .Select(id => (Id: id, Change: Get(id, asOf)!))
                .Where(found => found.Change?.Delta.After.Tags.Contains(tag) == true)
                .Skip(fault == FakeFault.QueriesMissAnEntity ? 1 : 0)];
        }
    }
}
