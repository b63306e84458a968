using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using EntityActors.Storage.Shards;
using Xunit;

namespace EntityActors.Storage.Tests.Shards;

public sealed class ShardHeaderTests
{
    [Fact]
    public void A_header_reads_back_as_it_was_written()
    {
        var header = Sample();
        var again = ShardHeader.Decode(header.Encode(), "header");
        Assert.Equal(header.Encode(), again.Encode());
        Assert.Equal(header with { Segments = [] }, again with { Segments = [] });
        Assert.Equal(header.Segments.AsEnumerable(), again.Segments);
    }

    [Fact]
    public void Every_flipped_bit_of_a_header_is_found()
    {
        var bytes = Sample().Encode();
        for (var bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<CorruptDataException>(() => ShardHeader.Decode(bytes, "header"));
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void Every_truncation_of_a_header_is_found()
    {
        var bytes = Sample().Encode();
        for (var length = 0; length < bytes.Length; length++)
            Assert.Throws<CorruptDataException>(() => ShardHeader.Decode(bytes.AsSpan(0, length), "header"));
    }

    [Fact]
    public void Counts_that_disagree_with_the_segments_are_a_problem()
    {
        var header = Sample();
        Assert.Null(header.Problem());
        Assert.Contains("entities", (header with { EntityCount = header.EntityCount + 1 }).Problem(), StringComparison.Ordinal);
        Assert.Contains("tags", (header with { TagCount = header.TagCount - 1 }).Problem(), StringComparison.Ordinal);
        Assert.Contains("changes", (header with { ChangeCount = 0 }).Problem(), StringComparison.Ordinal);
        Assert.Contains("covers", (header with { Sequence = header.Sequence.Next }).Problem(), StringComparison.Ordinal);
        Assert.Contains("follow", (header with { Segments = header.Segments.RemoveAt(0) } with
        {
            EntityCount = 2, TagCount = 3, ChangeCount = 6,
        }).Problem(), StringComparison.Ordinal);
    }

    internal static ShardHeader Sample() => ShardHeader.Over(new ShardId(7), new Epoch(3), 12, new SequenceNumber(9), new Timestamp(900),
        77, 5, [Info(1, 1, 4, newEntities: 3), Info(2, 5, 9, newEntities: 2)]);

    private static SegmentInfo Info(long number, long first, long last, long newEntities) => new(
        new SegmentId(new Epoch(3), number), 4096, 0xABCD, "demo\0a"u8.ToArray(), "demo\0z"u8.ToArray(), 4, newEntities, 6, 5, 2,
        new SequenceNumber(first), new SequenceNumber(last), new Timestamp(800), new Timestamp(800));
}
