using EntityActors.Storage.Indexes;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using EntityActors.Storage.Shards;
using EntityActors.Tests.Shared;
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

    [Fact]
    public void A_header_of_version_1_is_read_and_follows_none()
    {
        var bytes = (Sample() with { Follows = default }).Encode();
        bytes[8] = 1;
        Seal(bytes);
        var header = ShardHeader.Decode(bytes, "header");
        Assert.Equal((default, Sample().Generation), (header.Follows, header.Generation));
        bytes[96] = 1;
        Seal(bytes);
        Assert.Throws<CorruptDataException>(() => ShardHeader.Decode(bytes, "header"));
    }

    [Fact]
    public void A_header_follows_one_that_was_before_it()
    {
        Assert.Equal(new HeaderName(new Epoch(2), 11), ShardHeader.Decode(Sample().Encode(), "header").Follows);
        Assert.Null((Sample() with { Follows = default }).Problem());
        Assert.Contains("follows", (Sample() with { Follows = new HeaderName(new Epoch(3), 12) }).Problem(), StringComparison.Ordinal);
        Assert.Contains("follows", (Sample() with { Follows = new HeaderName(new Epoch(4), 11) }).Problem(), StringComparison.Ordinal);
        Assert.Contains("follows", (Sample() with { Follows = new HeaderName(new Epoch(-1), 11) }).Problem(), StringComparison.Ordinal);
    }

    /// <remarks>Found by interleaving three owners: the second one links its header after the third one has committed on top of the first one's.</remarks>
    [Fact]
    public void A_header_that_a_replaced_owner_linked_late_does_not_stand_between_one_and_the_one_it_follows()
    {
        using var directory = new TempDirectory();
        var layout = new StoreLayout(directory.Path);
        var store = new HeaderStore(PosixFileSystem.Instance, layout, static (_, _) => true);
        Directory.CreateDirectory(layout.Shard(Sample().Shard));
        store.Commit(Of(1, 4, default));
        store.Commit(Of(1, 5, new HeaderName(new Epoch(1), 4)));
        store.Commit(Of(3, 6, new HeaderName(new Epoch(1), 5)));
        // Its owner had listed the headers before the one of generation 5 was there.
        store.Commit(Of(2, 5, new HeaderName(new Epoch(1), 4)));
        Assert.Equal(["3.6", "1.5", "1.4"], store.List(Sample().Shard).Select(header => header.Name.ToString()));
        store.Trim(Sample().Shard, new Epoch(3));
        Assert.Equal(["3.6", "1.5"], store.List(Sample().Shard).Select(header => header.Name.ToString()));
        // It goes as soon as both that are kept are newer.
        store.Commit(Of(3, 7, new HeaderName(new Epoch(3), 6)));
        store.Trim(Sample().Shard, new Epoch(3));
        Assert.Equal(["header.3.6", "header.3.7"], Directory.GetFiles(layout.Shard(Sample().Shard)).Select(path => Path.GetFileName(path)).Order());

        static ShardHeader Of(long epoch, long generation, HeaderName follows) =>
            Sample() with { Epoch = new Epoch(epoch), Generation = generation, Follows = follows };
    }

    [Fact]
    public void Where_headers_do_not_say_which_they_follow_one_of_an_earlier_epoch_and_no_lower_generation_was_linked_late()
    {
        using var directory = new TempDirectory();
        var layout = new StoreLayout(directory.Path);
        var store = new HeaderStore(PosixFileSystem.Instance, layout, static (_, _) => true);
        Directory.CreateDirectory(layout.Shard(Sample().Shard));
        foreach (var (epoch, generation) in new[] { (1, 4), (2, 5), (1, 5), (1, 6) })
            store.Commit(Sample() with { Epoch = new Epoch(epoch), Generation = generation, Follows = default });
        Assert.Equal(["2.5", "1.4"], store.List(Sample().Shard).Select(header => header.Name.ToString()));
    }

    /// <summary>Worked out by a program of its own, from docs/FORMAT.md.</summary>
    [Fact]
    public void A_header_with_trims_has_its_golden_bytes()
    {
        const string Golden =
            "4541435448523031040000001EE914B9120100000700000003000000000000000C00000000000000090000000000000084030000000000004D00000005000000"
            + "050000000000000006000000000000000C00000000000000020000000000000002000000000000000B0000000000000000000000000000000000000000000000"
            + "8020CDAB000003010664656D6F00610664656D6F007A04030605020104200300000000000020030000000000008020CDAB000003020664656D6F00610664656D"
            + "6F007A0402060502050920030000000000002003000000000000080100020464656D6FF401000000000000AC02BC0200000000000046010302056F7468657201"
            + "000000000000000183030000000000000000";
        var erasure = new ErasureState(new OrdinalSet(), new SequenceNumber(8), FollowUp: true)
        {
            Trims =
            [
                new TrimProgress(new HistoryTrim("demo", new Timestamp(500), 300, new Timestamp(700), 70), [new SegmentId(new Epoch(3), 2)]),
                new TrimProgress(new HistoryTrim("other", new Timestamp(1), 1, new Timestamp(899), 0), []),
            ],
        };
        Assert.Equal(Golden, Convert.ToHexString((Sample() with { Erasure = erasure }).Encode()));
        var read = ShardHeader.Decode(Convert.FromHexString(Golden), "header").Erasure;
        Assert.Equal(erasure.Trims.Select(static trim => trim.Trim), read.Trims.Select(static trim => trim.Trim));
        Assert.Equal(erasure.Trims[0].Pending.AsEnumerable(), read.Trims[0].Pending);
        Assert.Equal((true, new SequenceNumber(8)), (read.FollowUp, read.PurgedThrough));
    }

    /// <remarks>Names of one character and numbers of one byte: a count is checked against the fewest bytes that its items may take.</remarks>
    [Fact]
    public void Headers_with_trims_of_any_size_read_back_down_to_the_smallest()
    {
        var random = SeedSource.For(SeedSource.Next(), 4);
        for (var round = 0; round < 300; round++)
        {
            var isSmallest = round % 2 == 0;
            var names = Enumerable.Range(0, 1 + (round % 26)).Select(i => (char)('a' + i) + new string('x', isSmallest ? 0 : random.Next(20)));
            var header = ShardHeader.Over(default, new Epoch(1), 1, default, Timestamp.MaxValue, 0, 0, []) with
            {
                Erasure = ErasureState.None with { Trims = [.. names.Select(name => new TrimProgress(Trim(name, isSmallest), []))] },
            };
            var bytes = header.Encode();
            Assert.Equal(bytes, ShardHeader.Decode(bytes, "header").Encode());
        }

        HistoryTrim Trim(string name, bool isSmallest)
        {
            var before = random.NextInt64(1, long.MaxValue / 2);
            return new HistoryTrim(name, new Timestamp(before), isSmallest ? 1 : random.NextInt64(1, long.MaxValue),
                new Timestamp(before + random.Next(1_000)), isSmallest ? 0 : (uint)random.Next());
        }
    }

    private static void Seal(byte[] bytes)
    {
        bytes.AsSpan(12, 4).Clear();
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(12), EntityActors.Storage.Format.Crc32C.Compute(bytes));
    }

    internal static ShardHeader Sample() => ShardHeader.Over(new ShardId(7), new Epoch(3), 12, new SequenceNumber(9), new Timestamp(900),
        77, 5, [Info(1, 1, 4, newEntities: 3), Info(2, 5, 9, newEntities: 2)]) with { Follows = new HeaderName(new Epoch(2), 11) };

    private static SegmentInfo Info(long number, long first, long last, long newEntities) => new(
        new SegmentId(new Epoch(3), number), 4096, 0xABCD, "demo\0a"u8.ToArray(), "demo\0z"u8.ToArray(), 4, newEntities, 6, 5, 2,
        new SequenceNumber(first), new SequenceNumber(last), new Timestamp(800), new Timestamp(800));
}
