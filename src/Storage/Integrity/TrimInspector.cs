using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using EntityActors.Storage.Shards;

namespace EntityActors.Storage.Integrity;

/// <summary>What a shard's header says of trims against what its segments hold.</summary>
/// <param name="header">The header whose segments are looked at.</param>
public sealed class TrimInspector(ShardHeader header)
{
    private readonly Dictionary<string, HistoryTrim> _done = header.Erasure.Trims.Where(static trim => trim.Pending.IsEmpty)
        .ToDictionary(static trim => trim.Trim.Dataset, static trim => trim.Trim);

    private readonly Dictionary<(string Dataset, uint Ordinal), long> _counts = [];

    /// <summary>Takes a change of one of the header's segments.</summary>
    public void Add(Change change)
    {
        if (!_done.TryGetValue(change.Key.Dataset, out var trim) || change.RecordedAt > trim.Before) return;
        var key = (change.Key.Dataset, change.Ordinal);
        _counts[key] = _counts.GetValueOrDefault(key) + 1;
    }

    /// <summary>Entities that still have more changes than a trim that was carried out leaves. To be asked when every segment was read.</summary>
    public IEnumerable<string> Problems()
    {
        foreach (var ((dataset, ordinal), count) in _counts)
        {
            if (count > _done[dataset].KeepChanges)
                yield return $"{count} changes of the entity with ordinal {ordinal} are older than the horizon of {dataset}, which is carried out";
        }
    }

    /// <summary>Finds what older segments have of entities whose base is in a newer one, where nothing is about to take it away.</summary>
    /// <param name="oldestFirst">The segments of the header, open.</param>
    /// <param name="finding">Called with a sentence for each fact that does not hold.</param>
    /// <exception cref="CorruptDataException">The index of a segment cannot be read.</exception>
    public static void Inspect(ShardHeader header, IReadOnlyList<Segment> oldestFirst, Action<string> finding)
    {
        var bases = new Dictionary<string, OrdinalSet>();
        for (var i = oldestFirst.Count - 1; i >= 0; i--)
        {
            var segment = oldestFirst[i];
            foreach (var (dataset, trimmed) in bases)
            {
                var pending = header.Erasure.Trims.FirstOrDefault(trim => trim.Trim.Dataset == dataset)?.Pending ?? [];
                if (!pending.Contains(segment.Info.Id) && trimmed.From(0).Any(segment.Holds))
                    finding($"segment {segment.Info.Id} has trimmed history of {dataset}, and nothing is about to erase it");
            }

            foreach (var (dataset, trimmed) in segment.BasesByDataset())
            {
                if (dataset != HistoryTrim.StoredIn && header.Erasure.Trims.All(trim => trim.Trim.Dataset != dataset))
                    finding($"history of {dataset} was trimmed, and the header knows of no trim");
                if (!bases.TryAdd(dataset, trimmed)) bases[dataset].Or(trimmed);
            }
        }
    }
}
