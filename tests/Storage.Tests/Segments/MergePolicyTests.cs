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

    private static int[] Pick(params long[] sizes)
    {
        var infos = sizes.Select((bytes, at) => new SegmentInfo(new SegmentId(new Epoch(1), at), bytes, 0, default, default,
            1, 1, 1, 0, 0, default, default, default, default)).ToArray();
        return [.. MergePolicy.Default.Pick(infos).Select(id => (int)id.Number)];
    }
}
