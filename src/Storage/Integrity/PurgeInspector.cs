using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using EntityActors.Storage.Shards;

namespace EntityActors.Storage.Integrity;

/// <summary>Checks what a header says of purges against its segments: whose history is still there is known, and nobody else's purge has any.</summary>
internal static class PurgeInspector
{
    /// <param name="oldestFirst">The segments of the header, open.</param>
    /// <param name="finding">Called with a sentence for each fact that does not hold.</param>
    /// <exception cref="CorruptDataException">The index of a segment cannot be read.</exception>
    public static void Inspect(ShardHeader header, IReadOnlyList<Segment> oldestFirst, Action<string> finding)
    {
        var (purged, withHistory) = (new OrdinalSet(), new OrdinalSet());
        for (var i = oldestFirst.Count - 1; i >= 0; i--)
        {
            foreach (var ordinal in purged.From(0))
            {
                if (oldestFirst[i].Holds(ordinal)) withHistory.Add(ordinal);
            }

            foreach (var ordinal in oldestFirst[i].PurgedOrdinals().From(0))
            {
                if (!purged.Add(ordinal)) finding($"the entity with ordinal {ordinal} was purged twice");
            }
        }

        if (!purged.IsEmpty && header.Erasure.PurgedThrough.Value == 0) finding($"{purged.Count} entities were purged, and the header knows of no purge");
        foreach (var ordinal in withHistory.From(0))
        {
            if (header.Erasure.Pending.Contains(ordinal)) continue;
            finding($"history of the purged entity with ordinal {ordinal} is still there, and nothing is about to erase it");
        }

        foreach (var ordinal in header.Erasure.Pending.From(0))
        {
            if (!withHistory.Contains(ordinal)) finding($"the entity with ordinal {ordinal} has no purge, or no history that a purge could erase");
        }
    }
}
