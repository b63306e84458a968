using EntityActors.Actors.Tests.Protocol;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Format;
using EntityActors.Storage.Fuzz.Engine;
using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using EntityActors.Storage.Shards;

namespace EntityActors.Storage.Fuzz.Decoders;

/// <summary>Codecs of Storage that need no file: changes, heads, sets of ordinals, shard headers, the store's description, names.</summary>
internal static class FormatDecoders
{
    private const string DescriptorPath = "/data/store.json";

    public static IEnumerable<Decoder> All()
    {
        yield return new Decoder("change-batch", BatchSeeds, static bytes => Again(bytes, ChangeCodec.ReadBatch, ChangeCodec.WriteBatch));
        yield return new Decoder("entity-head", static () => [Head(Samples.Head), Head(Samples.Head with { ContentType = null, Tags = [] })],
            static bytes => Again(bytes, ReadHead, Head));
        yield return new Decoder("ordinal-set", SetSeeds, static bytes => Again(bytes, ReadSet, Set));
        var header = new Decoder("shard-header", HeaderSeeds,
            static bytes => Again(bytes, static read => ShardHeader.Decode(read, "header"), static written => written.Encode()));
        yield return header;
        yield return header.Sealed(Seals.Header);
        yield return new Decoder("store-descriptor", DescriptorSeeds, ReadDescriptor)
        {
            IsExpected = static failure => failure is StoreUnusableException,
            Words = [.. "{|}|[|]|:|,|\"format\"|\"storeId\"|\"shardCount\"|\"hash\"|\"checksum\"|null|true|1e9|-1|\\ud800|\"xxh64-mod\"".Split('|').Select(StrictText.Utf8.GetBytes)],
        };
        yield return new Decoder("names", NameSeeds, ReadNames);
    }

    /// <summary>Reads, writes what was read, and reads that: it must be written as the same bytes.</summary>
    public static void Again<T>(ReadOnlySpan<byte> bytes, ReadBytes<T> read, Func<T, byte[]> write)
    {
        var once = write(read(bytes));
        RoundTripException.Check(once, write(read(once)));
    }

    public delegate T ReadBytes<out T>(ReadOnlySpan<byte> bytes);

    private static IEnumerable<byte[]> BatchSeeds() => Samples.Protocol().OfType<ChangeBatch>().Select(ChangeCodec.WriteBatch)
        .Append(ChangeCodec.WriteBatch(new ChangeBatch(new Epoch(1), new SequenceNumber(1), [.. SegmentSamples.History(5, 20).Recorded.Select(item => item.Change)])));

    private static byte[] Head(EntityHead head)
    {
        var writer = new ByteWriter();
        ChangeCodec.WriteHead(writer, head);
        return writer.ToArray();
    }

    private static EntityHead ReadHead(ReadOnlySpan<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        var head = ChangeCodec.ReadHead(ref reader, Samples.Key);
        reader.End();
        return head;
    }

    private static IEnumerable<byte[]> SetSeeds() =>
    [
        Set(new OrdinalSet()), Set(new OrdinalSet([1, 2, 3, 70_000, 4_000_000_000])),
        Set(new OrdinalSet(Enumerable.Range(0, 5_000).Select(i => (uint)i * 3))),
    ];

    private static byte[] Set(OrdinalSet set)
    {
        var writer = new ByteWriter();
        set.Write(writer);
        return writer.ToArray();
    }

    private static OrdinalSet ReadSet(ReadOnlySpan<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        var set = OrdinalSet.Read(ref reader);
        reader.End();
        var count = 0L;
        foreach (var ordinal in set.From(0))
        {
            if (!set.Contains(ordinal)) throw new RoundTripException($"{ordinal} is in the set and is not");
            count++;
        }

        return count == set.Count ? set : throw new RoundTripException($"{count} ordinals in a set of {set.Count}");
    }

    private static IEnumerable<byte[]> HeaderSeeds()
    {
        yield return ShardHeader.Over(new ShardId(3), new Epoch(2), 5, default, new Timestamp(100), 7, 9, []).Encode();
        var info = SegmentSamples.Small().Info with { FirstSequence = new SequenceNumber(1), LastSequence = new SequenceNumber(9) };
        yield return ShardHeader.Over(new ShardId(3), new Epoch(2), 5, new SequenceNumber(9), Timestamp.MaxValue, 7, 900, [info]).Encode();
        var next = info with { Id = new SegmentId(new Epoch(2), 8), FirstSequence = new SequenceNumber(10), LastSequence = new SequenceNumber(30) };
        yield return ShardHeader.Over(new ShardId(3), new Epoch(2), 6, new SequenceNumber(30), Timestamp.MaxValue, 7, 900, [info, next]).Encode();
    }

    private static IEnumerable<byte[]> DescriptorSeeds()
    {
        var files = new MemoryFiles();
        StoreDescriptor.New(new Guid("11111111-2222-3333-4444-555555555555"), 64).Write(files, DescriptorPath);
        yield return files.BytesOf(DescriptorPath);
    }

    private static void ReadDescriptor(byte[] bytes)
    {
        var found = StoreDescriptor.Read(new MemoryFiles().With(DescriptorPath, bytes), DescriptorPath);
        var files = new MemoryFiles();
        found.Write(files, DescriptorPath);
        if (StoreDescriptor.Read(files, DescriptorPath) != found) throw new RoundTripException("another description");
    }

    private static IEnumerable<byte[]> NameSeeds() => new[]
    {
        "header.3.17", "3-17.seg", "0000000000001000.wal", "00000000deadbeef", "2024-05-01T10:20:30.123456789Z", "1700000000123456789",
        "2024-05-01T10:20:30+02:00", "11111111-2222-3333-4444-555555555555", "shard-0007", "7fffffffffffffff.wal", "9223372036854775807-1.seg",
    }.Select(StrictText.Utf8.GetBytes);

    private static void ReadNames(byte[] bytes)
    {
        var text = System.Text.Encoding.UTF8.GetString(bytes);
        var layout = new StoreLayout("/data");
        if (StoreLayout.TryParseHeader(text, out var epoch, out var generation))
            SameName(StoreLayout.TryParseHeader(Path.GetFileName(layout.Header(new ShardId(1), epoch, generation)), out var e, out var g) && (e, g) == (epoch, generation));
        if (StoreLayout.TryParseSegment(text, out var segment))
            SameName(StoreLayout.TryParseSegment(Path.GetFileName(layout.Segment(new ShardId(1), segment)), out var again) && again == segment);
        if (SegmentId.TryParseFileName(text, out var id)) SameName(id.FileName == text);
        if (LogLayout.TryParseFileName(text, out var start)) SameName(LogLayout.FileName(start) == text);
        if (LogId.TryParse(text, out var log)) SameName(log.ToString() == text);
        if (Timestamp.TryParse(text, out var moment)) SameName(Timestamp.TryParse(moment.ToString(), out var same) && same == moment);
        _ = CommandId.FromText(text);
        _ = Tag.Problem(text);
        _ = EntityKey.Problem(text, text);
        if (EntityKey.TryFromBytes(bytes, out var key)) SameName(key.ToBytes().AsSpan().SequenceEqual(bytes));
    }

    private static void SameName(bool isSame)
    {
        if (!isSame) throw new RoundTripException("a name that was read is written as another");
    }
}
