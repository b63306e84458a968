using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using Xunit;

namespace EntityActors.Storage.Tests.Segments;

public sealed class MergePolicyTests
{
    private const long Mega = 1024 * 1024;

    [Fact]
    public void Fewer_than_four_are_left_alone() => Assert.Empty(Pick(Mega, Mega, Mega));

    [Fact]
    public void Four_of_a_size_are_merged() => Assert.Equal([0, 1, 2, 3], Pick(Mega, Mega, Mega, Mega));

    [Fact]
    public void A_large_old_segment_is_not_rewritten_for_small_new_ones() =>
        Assert.Equal([1, 2, 3, 4], Pick(500 * Mega, Mega, Mega, Mega, Mega));

    [Fact]
    public void The_cheaper_run_comes_first() =>
        Assert.Equal([4, 5, 6, 7], Pick(90 * Mega, 80 * Mega, 90 * Mega, 99 * Mega, Mega, Mega, Mega, Mega));

    [Fact]
    public void A_merge_beyond_the_input_limit_is_not_picked() =>
        Assert.Empty(Pick(2000 * Mega, 2000 * Mega, 2000 * Mega, 2000 * Mega));

    [Fact]
    public void A_merge_that_would_hold_too_many_tag_events_in_memory_is_not_picked()
    {
        var infos = Infos(Mega, Mega, Mega, Mega, Mega).Select(info => info with { TagsAddedCount = 900, TagsRemovedCount = 0, ChangeCount = 100 }).ToArray();
        Assert.Equal(5, (MergePolicy.Default with { InputEventsMax = 5000 }).Pick(infos).Length);
        Assert.Equal(4, (MergePolicy.Default with { InputEventsMax = 4999 }).Pick(infos).Length);
        Assert.Empty((MergePolicy.Default with { InputEventsMax = 3999 }).Pick(infos));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Whatever_sizes_come_segments_stay_few_and_each_byte_is_written_few_times(int seed)
    {
        var random = new Random(seed);
        var (sizes, written, total, most) = (new List<long>(), 0L, 0L, 0);
        for (var i = 0; i < 600; i++)
        {
            // Sizes over five orders of magnitude, at random, falling or rising: the shapes that find the fewest similar neighbours.
            var exponent = seed switch { 1 => random.NextDouble() * 5, 2 => 5 - (i % 50 / 10.0), _ => i % 50 / 10.0 };
            sizes.Add((long)(1000 * Math.Pow(10, exponent)));
            total += Math.Max(sizes[^1], MergePolicy.Default.SmallBytes);
            while (Pick([.. sizes]) is { Length: > 0 } run)
            {
                written += run.Sum(at => sizes[at]);
                var bytes = run.Sum(at => sizes[at]);
                sizes.RemoveRange(run[0], run.Length);
                sizes.Insert(run[0], bytes);
            }

            most = Math.Max(most, sizes.Count);
        }

        Assert.True(most <= MergePolicy.Default.SegmentCountMax, $"seed {seed}: {most} segments");
        Assert.True(written <= 12.0 * total, $"seed {seed}: each byte was written {written / (double)total:F1} times");
    }

    [Fact]
    public void Repeated_merging_keeps_segments_few_and_writes_each_byte_few_times()
    {
        var (sizes, written) = (new List<long>(), 0L);
        for (var i = 0; i < 4096; i++)
        {
            sizes.Add(Mega);
            while (Pick([.. sizes]) is { Length: > 0 } run)
            {
                var bytes = run.Sum(at => sizes[at]);
                written += bytes;
                sizes.RemoveRange(run[0], run.Length);
                sizes.Insert(run[0], bytes);
            }
        }

        Assert.InRange(sizes.Count, 1, 24);
        Assert.InRange(written / (4096.0 * Mega), 0, 12);
    }

    private static int[] Pick(params long[] sizes) => [.. MergePolicy.Default.Pick(Infos(sizes)).Select(id => (int)id.Number)];

    private static SegmentInfo[] Infos(params long[] sizes) =>
        [.. sizes.Select((bytes, at) => new SegmentInfo(new SegmentId(new Epoch(1), at), bytes, 0, default, default,
            1, 1, 1, 0, 0, default, default, default, default))];
}
