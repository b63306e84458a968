using System.Buffers.Binary;
using EntityActors.Storage.Format;
using EntityActors.Storage.Fuzz.Engine;
using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;

namespace EntityActors.Storage.Fuzz.Decoders;

/// <summary>Segment files as a whole, and each of their parts alone, where no checksum stands before it.</summary>
internal static class SegmentDecoders
{
    private static readonly AsOf[] Moments =
        [AsOf.Everything, new(new Timestamp(1_100), new Timestamp(1_100)), new(new Timestamp(1_050), Timestamp.MaxValue)];

    public static IEnumerable<Decoder> All()
    {
        var small = SegmentSamples.Small();
        yield return new Decoder("segment", () => [small.Bytes], bytes => ReadAll(small.Info, bytes));
        yield return new Decoder("segment-sealed", FileSeeds, ReadSealed);
        yield return new Decoder("segment-repair", () => [small.Bytes], bytes => Repair(small.Info, bytes, small.Bytes));
        yield return new Decoder("block-rows", BlockSeeds, ReadBlock);
        yield return new Decoder("block-compressed", CompressedSeeds, Decompress);
        yield return new Decoder("block-index", IndexSeeds, ReadIndex);
        yield return new Decoder("ordinal-directory", DirectorySeeds, ReadDirectory);
        yield return new Decoder("posting-row", PostingSeeds, ReadPosting);
        yield return new Decoder("posting-events", EventSeeds, ReadEvents);
    }

    private static IEnumerable<byte[]> FileSeeds()
    {
        foreach (var (info, file) in new[] { SegmentSamples.Small(), SegmentSamples.Small(2, 3), SegmentSamples.Small(3, 40, 4096), SegmentSamples.Small(4, 40, 200) })
            yield return SegmentSamples.Join(info, file);
    }

    private static void ReadSealed(byte[] bytes)
    {
        var (info, file) = SegmentSamples.Split(bytes);
        var checksum = SegmentSeal.Apply(file);
        ReadAll(info with { LengthBytes = file.Length, Checksum = checksum }, file);
    }

    /// <summary>A repair that lost nothing leaves the bytes that were written, whatever was wrong with them.</summary>
    private static void Repair(SegmentInfo info, byte[] damaged, byte[] original)
    {
        var files = new MemoryFiles().With(SegmentSamples.Path, [.. damaged]);
        var repair = new SegmentRepair(files, SegmentSamples.Path, info, "fuzz");
        foreach (var _ in repair.Run(rewrites: true))
        {
            // Each step is a part of the file; all of them are the repair.
        }

        if (repair.IsRewritten && repair.Lost.Count == 0) RoundTripException.Check(original, files.BytesOf(SegmentSamples.Path));
        if (repair.Damaged.Count == 0) RoundTripException.Check(original, damaged);
    }

    /// <summary>Opens, verifies and asks everything that can be asked.</summary>
    private static void ReadAll(SegmentInfo info, byte[] file)
    {
        using var segment = SegmentSamples.Open(new MemoryFiles().With(SegmentSamples.Path, file), info);
        segment.Verify(static _ => { });
        foreach (var at in Moments)
        {
            foreach (var tag in segment.TagsFrom("data", "", null)) segment.ApplyTo(new OrdinalSet(), "data", tag, at);
        }

        if (!EntityKey.TryFromBytes(info.FirstKey.Span, out var key)) return;
        var bytes = info.FirstKey.ToArray();
        foreach (var at in Moments)
        {
            _ = segment.Rows.FindState(key, bytes, at);
            _ = segment.Rows.FindRevision(bytes, at);
        }

        _ = segment.Rows.FindChange(key, bytes, 1);
        foreach (var change in segment.Rows.ReadChanges(key, bytes, 1, long.MaxValue)) _ = change.Revision;
        foreach (var change in segment.Rows.ReadChangesBackward(key, bytes, 1)) _ = change.Revision;
    }

    private static IEnumerable<byte[]> BlockSeeds()
    {
        // One block that is not compressed, as Block reads it: rows, then their table.
        var builder = new BlockBuilder();
        var writer = new ByteWriter();
        var history = SegmentSamples.History(5, 12);
        foreach (var (before, change) in history.Recorded)
        {
            var key = change.Key.ToBytes();
            var after = EntityHead.Apply(before, change);
            writer.Clear();
            writer.Byte((byte)(before is null ? RowKind.NewHead : RowKind.ContinuedHead));
            writer.Block(key);
            ChangeCodec.WriteHead(writer, after);
            if (before is not null) ChangeCodec.WriteHead(writer, before);
            builder.Add(writer.Written);
            writer.Clear();
            writer.Byte((byte)RowKind.Keyframe);
            writer.Block(key);
            writer.VarUInt(change.Ordinal);
            ChangeCodec.WriteChange(writer, change);
            ChangeCodec.WriteHead(writer, after);
            builder.Add(writer.Written);
        }

        yield return builder.Finish().ToArray();
    }

    private static void ReadBlock(byte[] bytes)
    {
        var block = new Block(bytes);
        for (var i = 0; i < block.RowCount; i++)
        {
            var row = new DataRow(block.Row(i));
            var key = DataRow.ReadKey(row.Key);
            if (row.IsHead)
            {
                var (before, after) = row.ReadHeads(key);
                if (row.HeadOrdinal != after.Ordinal || (before is null) != (row.Kind == RowKind.NewHead)) throw new RoundTripException("another head");
                continue;
            }

            var change = row.ReadChange(key, block.RowMemory(i), out _);
            if (change.Revision != row.Revision || change.At != row.At || change.RecordedAt != row.RecordedAt)
                throw new RoundTripException($"revision {row.Revision} peeked, {change.Revision} read");
        }
    }

    private static IEnumerable<byte[]> CompressedSeeds()
    {
        foreach (var raw in new[] { new byte[3000], BlockSeeds().First() })
        {
            var stored = new byte[K4os.Compression.LZ4.LZ4Codec.MaximumOutputSize(raw.Length)];
            var count = K4os.Compression.LZ4.LZ4Codec.Encode(raw, stored);
            yield return [.. BitConverter.GetBytes(raw.Length), .. stored.AsSpan(0, count)];
        }
    }

    /// <summary>The input is the length after decompression, then the stored bytes; both as the block index checks them.</summary>
    private static void Decompress(byte[] bytes)
    {
        var reader = new ByteReader(bytes);
        var raw = reader.UInt32();
        var stored = reader.Bytes(reader.Remaining).ToArray();
        var entry = new BlockEntry(0, stored.Length, BlockIndex.RawSize(raw, stored.Length), 0, FirstRow.None);
        _ = SegmentFile.Decompress(stored, entry);
    }

    private static IEnumerable<byte[]> IndexSeeds()
    {
        foreach (var file in new[] { SegmentSamples.Small().Bytes, SegmentSamples.Small(4, 60, 100).Bytes })
        {
            var (start, length) = PartOf(file, SegmentPart.BlockIndex);
            yield return [.. BitConverter.GetBytes((long)PartOf(file, SegmentPart.Properties).Start), .. file.AsSpan(start, length)];
        }
    }

    /// <summary>The input is where the blocks end, then the index.</summary>
    private static void ReadIndex(byte[] bytes)
    {
        var reader = new ByteReader(bytes);
        var end = reader.Int64();
        var index = BlockIndex.Read(reader.Bytes(reader.Remaining), end);
        var writer = new ByteWriter();
        BlockIndex.Write(writer, [.. index.Blocks], [.. index.Parity], index.DataCount, index.EventCount);
        var again = BlockIndex.Read(writer.Written, end);
        var second = new ByteWriter();
        BlockIndex.Write(second, [.. again.Blocks], [.. again.Parity], again.DataCount, again.EventCount);
        RoundTripException.Check(writer.Written, second.Written);
    }

    private static IEnumerable<byte[]> DirectorySeeds()
    {
        foreach (var (ordinals, blocks) in new[] { (new uint[] { 1, 2, 70_000 }, 3), (new uint[] { 5, 9, 4_000_000_000 }, 300), ([0], 70_000) })
        {
            var writer = new ByteWriter();
            OrdinalDirectory.Write(writer, [.. ordinals.Select((ordinal, i) => (ordinal, i))], blocks);
            yield return [.. BitConverter.GetBytes(blocks), .. writer.Written];
        }
    }

    /// <summary>The input is the number of data blocks, then the directory.</summary>
    private static void ReadDirectory(byte[] bytes)
    {
        var reader = new ByteReader(bytes);
        var blocks = (int)(reader.UInt32() & int.MaxValue);
        var directory = new OrdinalDirectory(reader.Bytes(reader.Remaining).ToArray(), blocks);
        foreach (var ordinal in new uint[] { 0, 1, 5, 70_000, uint.MaxValue }) _ = directory.BlockOf(ordinal);
    }

    private static IEnumerable<byte[]> PostingSeeds()
    {
        var postings = new PostingBuilder();
        foreach (var (before, change) in SegmentSamples.History(6, 60).Recorded) postings.Add(before, change);
        foreach (var chunk in postings.Chunks().Take(6))
        {
            var writer = new ByteWriter();
            PostingRow.Write(writer, chunk, 3, 4);
            yield return writer.ToArray();
        }
    }

    private static void ReadPosting(byte[] bytes)
    {
        var reader = new ByteReader(bytes);
        _ = PostingRow.ReadKey(ref reader, out var high);
        var row = PostingRow.ReadBody(ref reader);
        var held = new OrdinalSet();
        held.OrChunk(high, row.Held);
        held.AndNotChunk(high, row.Gone);
        foreach (var ordinal in held.From(0))
        {
            if (row.Gone.Contains((ushort)ordinal)) throw new RoundTripException($"{ordinal} is gone and held");
        }
    }

    private static IEnumerable<byte[]> EventSeeds()
    {
        var postings = new PostingBuilder();
        foreach (var (before, change) in SegmentSamples.History(7, 60).Recorded) postings.Add(before, change);
        foreach (var chunk in postings.Chunks().Take(6))
        {
            var writer = new ByteWriter();
            PostingRow.WriteEvents(writer, chunk.Events);
            yield return writer.ToArray();
        }
    }

    private static void ReadEvents(byte[] bytes)
    {
        var events = PostingRow.ReadEvents(bytes, 1);
        var writer = new ByteWriter();
        PostingRow.WriteEvents(writer, events);
        if (!PostingRow.ReadEvents(writer.Written, 1).AsSpan().SequenceEqual(events)) throw new RoundTripException("other events");
    }

    private static (int Start, int Length) PartOf(byte[] file, SegmentPart part)
    {
        var entry = file.AsSpan(file.Length - (2 * SegmentFormat.FooterBytes) + 16 + ((int)part * 16));
        return ((int)BinaryPrimitives.ReadInt64LittleEndian(entry), (int)BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]));
    }
}
