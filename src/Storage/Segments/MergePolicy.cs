using System.Collections.Immutable;

namespace EntityActors.Storage.Segments;

/// <summary>Picks which segments to merge: a run of neighbours of similar size, so that each byte is rewritten few times.</summary>
public sealed record MergePolicy
{
    public static readonly MergePolicy Default = new();

    /// <summary>Segments of one size class that make a merge due, and the fewest that one merge takes.</summary>
    public int RunCountMin { get; init; } = 4;

    /// <summary>Most segments that one merge takes.</summary>
    public int RunCountMax { get; init; } = 16;

    /// <summary>Sizes are similar when the largest of a run is at most this many times the mean of the run's others.</summary>
    public double SimilarFactor { get; init; } = 4;

    /// <summary>Segments below this count as being of this size, so that tiny ones are similar to each other.</summary>
    public long SmallBytes { get; init; } = 256 * 1024;

    /// <summary>A merge whose input is larger than this is not picked. Bounds the time of one merge.</summary>
    public long InputBytesMax { get; init; } = 4L * 1024 * 1024 * 1024;

    /// <summary>
    /// A merge of more changes and tag events than this is not picked. Bounds the memory of one merge, which is at most about 100 bytes
    /// for each: the writer sorts them, and the validator after it.
    /// </summary>
    public long InputEventsMax { get; init; } = 8_000_000;

    /// <summary>
    /// With so many segments the cheapest run is merged whatever its sizes, and before a flush. Under a steady load something is always
    /// due to be flushed; writers then wait at the limit of the memtable, rather than readers for ever more segments.
    /// </summary>
    public int SegmentCountMax { get; init; } = 32;

    /// <summary>The run to merge next, oldest first, or empty when none is due. Pure: the same list gives the same answer.</summary>
    /// <param name="oldestFirst">The segments of the shard in order.</param>
    public ImmutableArray<SegmentId> Pick(IReadOnlyList<SegmentInfo> oldestFirst)
    {
        Run best = default, cheapest = default;
        for (var start = 0; start + RunCountMin <= oldestFirst.Count; start++)
        {
            var (bytes, largest, events) = (0L, 0L, 0L);
            for (var count = 1; count <= RunCountMax && start + count <= oldestFirst.Count; count++)
            {
                var next = oldestFirst[start + count - 1];
                var size = Math.Max(SmallBytes, next.LengthBytes);
                (bytes, largest) = (bytes + size, Math.Max(largest, size));
                events += next.ChangeCount + next.TagsAddedCount + next.TagsRemovedCount;
                if (bytes > InputBytesMax || events > InputEventsMax) break;
                if (count < RunCountMin) continue;
                var run = new Run(start, count, bytes);
                if (run.Cost < cheapest.Cost) cheapest = run;
                if (largest <= SimilarFactor * (bytes - largest) / (count - 1) && run.Cost < best.Cost) best = run;
            }
        }

        if (best.Count == 0 && oldestFirst.Count >= SegmentCountMax) best = cheapest;
        var ids = ImmutableArray.CreateBuilder<SegmentId>(best.Count);
        for (var i = 0; i < best.Count; i++) ids.Add(oldestFirst[best.Start + i].Id);
        return ids.ToImmutable();
    }

    private readonly record struct Run(int Start, int Count, long Bytes)
    {
        /// <summary>Bytes to write for each segment that goes away.</summary>
        public double Cost => Count < 2 ? double.MaxValue : Bytes / (double)(Count - 1);
    }
}
