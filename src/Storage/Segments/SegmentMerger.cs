using EntityActors.Storage.Model;

namespace EntityActors.Storage.Segments;

/// <summary>Merges neighbouring segments into the input of a writer.</summary>
public static class SegmentMerger
{
    /// <summary>Entities of all segments by key; the changes of one entity follow each other. Streams: holds one entity a segment.</summary>
    /// <param name="oldestFirst">Neighbours in their order.</param>
    /// <param name="erasure">What of purged entities goes; it counts that.</param>
    /// <exception cref="CorruptDataException">Damage beyond repair, or histories that do not join.</exception>
    public static IEnumerable<SegmentEntity> Merge(IReadOnlyList<Segment> oldestFirst, Erasure erasure) => Merge(oldestFirst, erasure, null);

    /// <param name="cut">What of trimmed histories goes; null where nothing was ever trimmed.</param>
    internal static IEnumerable<SegmentEntity> Merge(IReadOnlyList<Segment> oldestFirst, Erasure erasure, HistoryCut? cut)
    {
        var next = new PriorityQueue<int, (byte[] Key, int Segment)>(Comparer<(byte[] Key, int Segment)>.Create(static (left, right) =>
        {
            var order = left.Key.AsSpan().SequenceCompareTo(right.Key);
            return order != 0 ? order : left.Segment.CompareTo(right.Segment);
        }));
        var inputs = new IEnumerator<SegmentEntity>[oldestFirst.Count];
        try
        {
            for (var i = 0; i < inputs.Length; i++)
            {
                inputs[i] = oldestFirst[i].ReadAll().GetEnumerator();
                Advance(i);
            }

            var parts = new List<int>();
            while (next.TryDequeue(out var first, out var position))
            {
                parts.Clear();
                parts.Add(first);
                while (next.TryPeek(out var other, out var same) && same.Key.AsSpan().SequenceEqual(position.Key))
                {
                    next.Dequeue();
                    parts.Add(other);
                }

                if (Join(oldestFirst, inputs, parts, erasure, cut) is { } joined) yield return joined;
                foreach (var part in parts) Advance(part);
            }
        }
        finally
        {
            foreach (var input in inputs) input?.Dispose();
        }

        void Advance(int index)
        {
            if (inputs[index].MoveNext()) next.Enqueue(index, (inputs[index].Current.After.Key.ToBytes(), index));
        }
    }

    /// <returns>Null when nothing of the entity stays.</returns>
    private static SegmentEntity? Join(IReadOnlyList<Segment> segments, IEnumerator<SegmentEntity>[] inputs, List<int> parts, Erasure erasure, HistoryCut? cut)
    {
        var runs = new SegmentEntity[parts.Count];
        for (var i = 0; i < runs.Length; i++) runs[i] = inputs[parts[i]].Current;
        if (erasure.TryErase(runs, out var purge)) return purge;
        return cut is null ? JoinRuns(runs) : cut.Cut(runs, JoinRuns);

        SegmentEntity JoinRuns(SegmentEntity[] following)
        {
            for (var i = 1; i < following.Length; i++)
            {
                if (following[i].Before?.Revision != following[i - 1].After.Revision)
                    throw new CorruptDataException(segments[parts[^(following.Length - i)]].Path, 0,
                        $"{following[i].After.Key} from revision {following[i - 1].After.Revision} on",
                        $"from revision {following[i].Before?.Revision ?? 0} on");
            }

            return following.Length == 1 ? following[0]
                : new SegmentEntity(following[0].Before, Concatenate(following), following[^1].After) { BaseRevision = following[0].BaseRevision };
        }
    }

    private static IEnumerable<Change> Concatenate(SegmentEntity[] runs)
    {
        foreach (var run in runs)
        {
            foreach (var change in run.Changes) yield return change;
        }
    }
}
