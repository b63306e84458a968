using EntityActors.Storage.Model;

namespace EntityActors.Actors.Shards;

/// <summary>What has to wait for an event to be applied: answers to its commands, to duplicates of them, and reads of that time.</summary>
internal sealed class WaitingReplies<T>
{
    private readonly Dictionary<SequenceNumber, List<T>> _bySequence = [];

    public int Count { get; private set; }

    public void Add(SequenceNumber sequence, T item)
    {
        if (!_bySequence.TryGetValue(sequence, out var items)) _bySequence.Add(sequence, items = []);
        items.Add(item);
        Count++;
    }

    /// <summary>What waited for this event, in the order of arrival.</summary>
    public IReadOnlyList<T> Take(SequenceNumber applied)
    {
        if (!_bySequence.Remove(applied, out var items)) return [];
        Count -= items.Count;
        return items;
    }

    /// <summary>Everything, in the order of events; nothing waits afterwards.</summary>
    public IReadOnlyList<T> TakeAll()
    {
        var all = new List<T>(Count);
        foreach (var sequence in _bySequence.Keys.Order()) all.AddRange(_bySequence[sequence]);
        _bySequence.Clear();
        Count = 0;
        return all;
    }
}
