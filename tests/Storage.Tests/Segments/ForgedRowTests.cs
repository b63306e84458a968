using EntityActors.Storage.Format;
using EntityActors.Storage.Segments;
using Xunit;

namespace EntityActors.Storage.Tests.Segments;

/// <summary>Numbers of segment parts that no file holds, each of them once a failure of another type or an allocation.</summary>
public sealed class ForgedRowTests
{
    [Fact]
    public void A_posting_whose_event_block_takes_32_bits_is_malformed()
    {
        var random = new Random(1);
        var history = new History(random);
        for (var i = 0; i < 20; i++) history.Step(4);
        var postings = new PostingBuilder();
        foreach (var (before, change) in history.Recorded) postings.Add(before, change);
        var writer = new ByteWriter();
        PostingRow.Write(writer, postings.Chunks().First(), int.MaxValue, 0);
        var bytes = writer.ToArray();
        Assert.Equal(int.MaxValue, Read(bytes).EventBlock);
        // The number's last byte, before the row: 31 bits become 32.
        bytes[^2] = 0x0F;
        Assert.Throws<MalformedBytesException>(() => Read(bytes));
    }

    [Fact]
    public void A_block_that_is_said_to_grow_more_than_compression_can_make_it_is_malformed()
    {
        const int stored = 40;
        var blocks = Enumerable.Range(0, 16).Select(i => new BlockEntry(0, stored, SegmentFormat.BlockRawBytesMax, 0, FirstRow.None)).ToList();
        var end = SegmentFormat.HeaderBytes + (17L * stored);
        var parity = new List<BlockEntry> { new(0, stored, stored, 0, FirstRow.None) };
        Assert.Throws<MalformedBytesException>(() => BlockIndex.Read(Written(blocks, parity), end));
        var grown = blocks.Select(block => block with { RawBytes = stored * 255 }).ToList();
        Assert.Equal(16, BlockIndex.Read(Written(grown, parity), end).Blocks.Length);
    }

    [Fact]
    public void A_block_of_one_repeated_byte_stays_within_the_growth_that_is_read()
    {
        var raw = new byte[SegmentFormat.RowBytesMax];
        var stored = new byte[raw.Length];
        var count = K4os.Compression.LZ4.LZ4Codec.Encode(raw, stored, K4os.Compression.LZ4.LZ4Level.L12_MAX);
        Assert.Equal(raw.Length, BlockIndex.RawSize(raw.Length, count));
    }

    private static PostingRow Read(byte[] bytes)
    {
        var reader = new ByteReader(bytes);
        _ = PostingRow.ReadKey(ref reader, out _);
        return PostingRow.ReadBody(ref reader);
    }

    private static byte[] Written(List<BlockEntry> blocks, List<BlockEntry> parity)
    {
        var writer = new ByteWriter();
        BlockIndex.Write(writer, blocks, parity, dataCount: 16, eventCount: 0);
        return writer.ToArray();
    }
}
