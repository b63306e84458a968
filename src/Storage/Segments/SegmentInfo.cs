using EntityActors.Storage.Format;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Segments;

/// <summary>What the shard's header says about a segment. Together with the file it pins every byte.</summary>
/// <param name="Checksum">CRC-32C of the footer; the footer holds the checksums of all index parts, and they those of all blocks.</param>
/// <param name="NewEntityCount">Entities whose first revision is in this segment, so that sums over segments count each entity once.</param>
/// <param name="FirstSequence">First event covered; <paramref name="LastSequence"/> is the last one.</param>
public sealed record SegmentInfo(SegmentId Id, long LengthBytes, uint Checksum, ReadOnlyMemory<byte> FirstKey,
    ReadOnlyMemory<byte> LastKey, long EntityCount, long NewEntityCount, long ChangeCount, long TagsAddedCount,
    long TagsRemovedCount, SequenceNumber FirstSequence, SequenceNumber LastSequence, Timestamp MaxAt, Timestamp MaxRecordedAt)
{
    /// <summary>Fewest bytes that <see cref="Write"/> takes: ten numbers of a byte or more, two empty keys, a checksum, two times.</summary>
    public const int BytesMin = 32;

    public void Write(ByteWriter writer)
    {
        writer.VarUInt(LengthBytes);
        writer.UInt32(Checksum);
        WriteFacts(writer);
    }

    /// <exception cref="MalformedBytesException">The bytes are no segment info.</exception>
    public static SegmentInfo Read(ref ByteReader reader)
    {
        var length = reader.VarLong();
        var checksum = reader.UInt32();
        return ReadFacts(ref reader) with { LengthBytes = length, Checksum = checksum };
    }

    public bool Equals(SegmentInfo? other)
    {
        if (other is null) return false;
        var (mine, others) = (new ByteWriter(), new ByteWriter());
        Write(mine);
        other.Write(others);
        return mine.Written.SequenceEqual(others.Written);
    }

    public override int GetHashCode() => HashCode.Combine(Id, LengthBytes, Checksum);

    /// <summary>Everything but length and checksum, which the file cannot hold itself.</summary>
    internal void WriteFacts(ByteWriter writer)
    {
        writer.VarUInt(Id.Epoch.Value);
        writer.VarUInt(Id.Number);
        writer.Block(FirstKey.Span);
        writer.Block(LastKey.Span);
        writer.VarUInt(EntityCount);
        writer.VarUInt(NewEntityCount);
        writer.VarUInt(ChangeCount);
        writer.VarUInt(TagsAddedCount);
        writer.VarUInt(TagsRemovedCount);
        writer.VarUInt(FirstSequence.Value);
        writer.VarUInt(LastSequence.Value);
        writer.Int64(MaxAt.Nanoseconds);
        writer.Int64(MaxRecordedAt.Nanoseconds);
    }

    internal static SegmentInfo ReadFacts(ref ByteReader reader) => new(
        new SegmentId(new Epoch(reader.VarLong()), reader.VarLong()), 0, 0, reader.Block().ToArray(), reader.Block().ToArray(),
        reader.VarLong(), reader.VarLong(), reader.VarLong(), reader.VarLong(), reader.VarLong(),
        new SequenceNumber(reader.VarLong()), new SequenceNumber(reader.VarLong()),
        new Timestamp(reader.Int64()), new Timestamp(reader.Int64()));
}
