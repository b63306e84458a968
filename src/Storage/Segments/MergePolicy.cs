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

    /// <summary>A merge whose input is larger than this is not picked. Bounds the memory and the time of one merge.</summary>
    public long InputBytesMax { get; init; } = 4L * 1024 * 1024 * 1024;

    /// <summary>The run to merge next, oldest first, or empty when none is due. Pure: the same list gives the same answer.</summary>
    /// <param name="oldestFirst">The segments of the shard in order.</param>
    public ImmutableArray<SegmentId> Pick(IReadOnlyList<SegmentInfo> oldestFirst)
    {
        var best = (Start: 0, Count: 0, Bytes: long.MaxValue);
        for (var start = 0; start + RunCountMin <= oldestFirst.Count; start++)
        {
            var (bytes, largest) = (0L, 0L);
            for (var count = 1; count <= RunCountMax && start + count <= oldestFirst.Count; count++)
            {
                var size = Math.Max(SmallBytes, oldestFirst[start + count - 1].LengthBytes);
                (bytes, largest) = (bytes + size, Math.Max(largest, size));
                if (bytes > InputBytesMax) break;
                if (count < RunCountMin || largest > SimilarFactor * (bytes - largest) / (count - 1)) continue;

                // The cheapest merge for each segment that goes away.
                if (best.Count == 0 || bytes / (double)(count - 1) < best.Bytes / (double)(best.Count - 1))
                    best = (start, count, bytes);
            }
        }

        var ids = ImmutableArray.CreateBuilder<SegmentId>(best.Count);
        for (var i = 0; i < best.Count; i++) ids.Add(oldestFirst[best.Start + i].Id);
        return ids.ToImmutable();
    }
}
