using System.Collections.Concurrent;
using EntityActors.Tests.Shared.Model;

namespace EntityActors.Cluster.Tests.Kill;

/// <summary>Verified history of every entity, over all cycles, and the operations since.</summary>
internal sealed class ReferenceModel
{
    private readonly Dictionary<string, List<ModelChange>> _entities = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<Operation> _operations = new();

    public IReadOnlyDictionary<string, List<ModelChange>> Entities => _entities;

    /// <summary>Called by clients before the first attempt, so that nothing sent is forgotten. Thread-safe.</summary>
    public void Sent(Operation operation) => _operations.Enqueue(operation);

    /// <summary>Operations since the last call, by entity.</summary>
    public Dictionary<string, List<Operation>> TakeOperations()
    {
        var taken = new Dictionary<string, List<Operation>>(StringComparer.Ordinal);
        while (_operations.TryDequeue(out var operation))
        {
            if (!taken.TryGetValue(operation.Id, out var list)) taken[operation.Id] = list = [];
            list.Add(operation);
        }

        return taken;
    }

    public List<ModelChange> ChangesOf(string id)
    {
        lock (_entities)
        {
            if (!_entities.TryGetValue(id, out var changes)) _entities[id] = changes = [];
            return changes;
        }
    }

    /// <summary>State at a moment; null when the entity was absent or deleted.</summary>
    public ModelChange? LiveAsOf(string id, long at)
    {
        var changes = _entities[id];
        var (low, high) = (0, changes.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (changes[middle].At <= at) low = middle + 1;
            else high = middle;
        }

        return low == 0 || changes[low - 1].After.IsDeleted ? null : changes[low - 1];
    }

    /// <summary>Live entities that hold a tag at a moment, in ordinal order.</summary>
    public List<string> IdsWithTag(string tag, long at) =>
        [.. _entities.Keys.Where(id => LiveAsOf(id, at)?.After.Tags.Contains(tag) == true).Order(StringComparer.Ordinal)];
}
