using EntityActors.Storage.Format;
using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Segments;

/// <summary>Codec of posting rows and event rows; layout in docs/FORMAT.md, "Segments".</summary>
internal readonly record struct PostingRow(
    AsOf Earliest, AsOf Latest, OrdinalChunk Held, OrdinalChunk Gone, int EventCount, int EventBlock, int EventRow)
{
    public static void Write(ByteWriter writer, PostingChunk chunk, int eventBlock, int eventRow)
    {
        var (earliest, latest) = Range(chunk);
        var (held, gone) = chunk.AtEnd();
        writer.Block(chunk.Key);
        writer.UInt16(chunk.High);
        writer.Int64(earliest.At.Nanoseconds);
        writer.Int64(earliest.RecordedAt.Nanoseconds);
        writer.Int64(latest.At.Nanoseconds);
        writer.Int64(latest.RecordedAt.Nanoseconds);
        held.Write(writer);
        gone.Write(writer);
        writer.VarUInt((ulong)chunk.Events.Count);
        writer.VarUInt((ulong)eventBlock);
        writer.VarUInt((ulong)eventRow);
    }

    public static ReadOnlySpan<byte> ReadKey(scoped ref ByteReader reader, out ushort high)
    {
        var key = reader.Block();
        high = reader.UInt16();
        return key;
    }

    /// <summary>What follows the key.</summary>
    public static PostingRow ReadBody(ref ByteReader reader)
    {
        var earliest = new AsOf(new Timestamp(reader.Int64()), new Timestamp(reader.Int64()));
        var latest = new AsOf(new Timestamp(reader.Int64()), new Timestamp(reader.Int64()));
        var row = new PostingRow(earliest, latest, OrdinalChunk.Read(ref reader), OrdinalChunk.Read(ref reader),
            reader.VarUInt31(), reader.VarUInt31(), reader.VarUInt31());
        reader.End();
        return row;
    }

    public static void WriteEvents(ByteWriter writer, ReadOnlySpan<PostingEvent> events)
    {
        writer.VarUInt((ulong)events.Length);
        var (low, at) = (0, 0L);
        foreach (ref readonly var item in events)
        {
            var differs = item.At != item.RecordedAt;
            var next = (ushort)item.Ordinal;
            writer.VarUInt(((ulong)(next - low) << 2) | (differs ? 2UL : 0) | (item.Added ? 1UL : 0));
            writer.VarInt(item.At.Nanoseconds - at);
            if (differs) writer.VarInt(item.RecordedAt.Nanoseconds - item.At.Nanoseconds);
            (low, at) = (next, item.At.Nanoseconds);
        }
    }

    public static PostingEvent[] ReadEvents(ReadOnlySpan<byte> row, ushort high)
    {
        var reader = new ByteReader(row);
        var count = reader.Count(2);
        if (count > SegmentFormat.EventsPerRow) throw new MalformedBytesException($"a row of {count} events");
        var events = new PostingEvent[count];
        var (low, at) = (0UL, 0L);
        for (var i = 0; i < events.Length; i++)
        {
            var mark = reader.VarUInt();
            low += mark >> 2;
            if (low > ushort.MaxValue) throw new MalformedBytesException("an ordinal beyond its chunk");
            at += reader.VarInt();
            var recorded = (mark & 2) == 0 ? at : at + reader.VarInt();
            events[i] = new PostingEvent(((uint)high << 16) | (uint)low, new Timestamp(at), new Timestamp(recorded), (mark & 1) != 0);
        }

        reader.End();
        return events;
    }

    private static (AsOf Earliest, AsOf Latest) Range(PostingChunk chunk)
    {
        var (minAt, minRecorded, maxAt, maxRecorded) = (long.MaxValue, long.MaxValue, 0L, 0L);
        foreach (var item in chunk.Events)
        {
            minAt = Math.Min(minAt, item.At.Nanoseconds);
            minRecorded = Math.Min(minRecorded, item.RecordedAt.Nanoseconds);
            maxAt = Math.Max(maxAt, item.At.Nanoseconds);
            maxRecorded = Math.Max(maxRecorded, item.RecordedAt.Nanoseconds);
        }

        return (new AsOf(new Timestamp(minAt), new Timestamp(minRecorded)), new AsOf(new Timestamp(maxAt), new Timestamp(maxRecorded)));
    }
}
