using System.Runtime.InteropServices;
using EntityActors.Storage.Model;

namespace EntityActors.Simulation.Tests.Model;

/// <summary>History of one shard as it was handed to the store: event after event. Only grows, so that an earlier moment is a prefix.</summary>
internal sealed class ModelShard
{
    private static readonly AsOf Everything = new(Timestamp.MaxValue, Timestamp.MaxValue);

    private readonly List<IReadOnlyList<ModelChange>> _events = [];
    private readonly Dictionary<EntityKey, List<ModelChange>> _entities = [];
    private readonly List<ModelChange> _trims = [];
    private readonly List<ulong> _digests = [];

    /// <summary>Events handed to the store.</summary>
    public long Submitted => _events.Count;

    /// <summary>Events that the store acknowledged, or that it showed after a recovery.</summary>
    public long Acknowledged { get; private set; }

    /// <summary>Highest recorded time that a read was answered for: nothing may come to lie at or before it.</summary>
    public Timestamp Answered { get; private set; }

    /// <summary>All entities but the one that records trims.</summary>
    public IReadOnlyCollection<EntityKey> Keys => _entities.Keys;

    /// <summary>Trims in the order in which they were recorded.</summary>
    public IEnumerable<HistoryTrim> Trims => _trims.Select(static item => HistoryTrim.Of(item.Change)!);

    /// <summary>Entities that were not purged.</summary>
    public long LivingCount => _entities.Values.Count(static changes => changes[^1].After.Lifecycle != Lifecycle.Purged);

    public bool IsPurged(EntityKey key) => History(key) is [.., { After.Lifecycle: Lifecycle.Purged }];

    public long TagCount => _entities.Values.Sum(changes => (long)changes[^1].After.Tags.Length);

    /// <summary>Revision that the entity's history begins with.</summary>
    public long BaseOf(EntityKey key)
    {
        if (_trims.Count == 0 || IsPurged(key)) return 1;
        var history = History(key);
        return Trims.Select(trim => Math.Min(
            history.Count(item => item.Change.RecordedAt <= trim.Before),
            history.Count(item => item.Change.RecordedAt <= trim.RecordedAt) - trim.KeepChanges + 1)).Append(1).Max();
    }

    /// <summary>Whether what a read of the entity would see was trimmed.</summary>
    public bool IsTrimmed(EntityKey key, AsOf asOf) => IsBeforeHorizon(asOf) && BaseOf(key) is > 1 and var first
        && History(key).Count(item => asOf.Sees(item.Change)) < first;

    /// <summary>Whether not everything can be asked about at this moment.</summary>
    public bool IsBeforeHorizon(AsOf asOf)
    {
        if (_trims.Count == 0) return false;
        var horizon = Trims.Max(static trim => trim.Before);
        return asOf.At < horizon || asOf.RecordedAt < horizon;
    }

    public void Submit(IReadOnlyList<(EntityCommand Command, Change Change)> changes)
    {
        var added = new List<ModelChange>(changes.Count);
        foreach (var (command, change) in changes)
        {
            var history = change.Key.Dataset == HistoryTrim.StoredIn ? _trims : _entities.GetValueOrDefault(change.Key);
            if (history is null) _entities[change.Key] = history = [];
            var before = history.Count > 0 ? history[^1].After : null;
            SimulationViolation.Unless(change.RecordedAt > Answered, $"{change.Key} was recorded at {change.RecordedAt}, but reads were answered up to {Answered}");
            var last = _events.Count > 0 ? _events[^1][^1].Change.RecordedAt : default;
            SimulationViolation.Unless(change.RecordedAt > last, $"{change.Key} was recorded at {change.RecordedAt}, not after {last}");
            var item = new ModelChange(command, change, ModelState.After(before, command, change));
            SimulationViolation.Unless(change.Revision == item.After.Revision, $"{change.Key} got revision {change.Revision}, not {item.After.Revision}");
            history.Add(item);
            added.Add(item);
        }

        _events.Add(added);
        _digests.Add(added.Aggregate(_digests.Count > 0 ? _digests[^1] : 1, static (hash, item) => item.Digest(hash)));
    }

    /// <summary>Hash of the first events: equal for equal histories.</summary>
    public ulong DigestOf(long events) => events == 0 ? 0 : _digests[(int)events - 1];

    public void Acknowledge(long through) => Acknowledged = Math.Max(Acknowledged, through);

    public void Answer(Timestamp recordedAt)
    {
        if (recordedAt > Answered) Answered = recordedAt;
    }

    public IReadOnlyList<ModelChange> Event(long sequence) => _events[(int)sequence - 1];

    public IReadOnlyList<ModelChange> History(EntityKey key) => _entities.GetValueOrDefault(key) ?? [];

    public ModelState? State(EntityKey key) => State(key, Everything);

    public ModelState? State(EntityKey key, AsOf asOf)
    {
        var history = History(key);
        // Purged is purged as of every moment.
        if (IsPurged(key)) return history[^1].After;
        for (var i = history.Count - 1; i >= 0; i--)
        {
            if (asOf.Sees(history[i].Change)) return history[i].After;
        }

        return null;
    }

    /// <summary>The first events of this history as one that grows by itself, all of it acknowledged.</summary>
    public ModelShard Prefix(long events, Timestamp answered)
    {
        var prefix = new ModelShard { Acknowledged = events, Answered = answered };
        prefix._events.AddRange(CollectionsMarshal.AsSpan(_events)[..(int)events]);
        prefix._digests.AddRange(CollectionsMarshal.AsSpan(_digests)[..(int)events]);
        prefix._trims.AddRange(_trims.TakeWhile(item => item.Change.Sequence.Value <= events));
        foreach (var (key, history) in _entities)
        {
            var count = history.Count;
            while (count > 0 && history[count - 1].Change.Sequence.Value > events) count--;
            if (count > 0) prefix._entities[key] = history.GetRange(0, count);
        }

        return prefix;
    }
}

/// <summary>What was promised of a shard at one moment: a crash then must leave at least the acknowledged and at most the submitted events.</summary>
internal readonly record struct ModelPromise(ModelShard Shard, long Acknowledged, long Submitted, Timestamp Answered)
{
    public static ModelPromise Of(ModelShard shard) => new(shard, shard.Acknowledged, shard.Submitted, shard.Answered);
}
