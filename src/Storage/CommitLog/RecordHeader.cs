using System.Buffers.Binary;
using EntityActors.Storage.Format;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>The 64 bytes before each record's body; layout in docs/FORMAT.md, "Commit log, claims, clock".</summary>
internal readonly record struct RecordHeader(int BodyBytes, uint Checksum, LogId Log, long Position, long Watermark, long Sequence,
    uint PreviousChecksum, int Shard, long Epoch, RecordKind Kind)
{
    public const int SizeBytes = 64;
    private const int ChecksumOffset = 4;
    private const int KindOffset = 56;

    public long End => Position + LogLayout.RecordBytes(BodyBytes);

    /// <summary>Writes header and body to the start of <paramref name="target"/> and returns the checksum of both.</summary>
    public uint Write(Span<byte> target, ReadOnlySpan<byte> body)
    {
        Invariant.Check(body.Length == BodyBytes, "a record's header tells the length of its body");
        var record = target[..(int)LogLayout.RecordBytes(BodyBytes)];
        record.Clear();
        BinaryPrimitives.WriteInt32LittleEndian(record, BodyBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(record[8..], Log.Value);
        BinaryPrimitives.WriteInt64LittleEndian(record[16..], Position);
        BinaryPrimitives.WriteInt64LittleEndian(record[24..], Watermark);
        BinaryPrimitives.WriteInt64LittleEndian(record[32..], Sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(record[40..], PreviousChecksum);
        BinaryPrimitives.WriteInt32LittleEndian(record[44..], Shard);
        BinaryPrimitives.WriteInt64LittleEndian(record[48..], Epoch);
        record[KindOffset] = (byte)Kind;
        body.CopyTo(record[SizeBytes..]);
        var checksum = ComputeChecksum(record[..(SizeBytes + BodyBytes)]);
        BinaryPrimitives.WriteUInt32LittleEndian(record[ChecksumOffset..], checksum);
        return checksum;
    }

    /// <summary>Reads a header that claims to stand at this position of this log; its checksum is not looked at.</summary>
    /// <returns>False when the bytes are no such header: padding, damage, or what an earlier use of the file left behind.</returns>
    public static bool TryRead(ReadOnlySpan<byte> source, LogId log, long position, out RecordHeader header)
    {
        header = default;
        if (source.Length < SizeBytes) return false;
        var bodyBytes = BinaryPrimitives.ReadInt32LittleEndian(source);
        var kind = (RecordKind)source[KindOffset];
        var watermark = BinaryPrimitives.ReadInt64LittleEndian(source[24..]);
        // What is synced when a record is written ends where some group begins, its own at the latest.
        if (bodyBytes < 0
            || watermark < 0 || watermark > position || watermark % LogLayout.SectorBytes != 0
            || BinaryPrimitives.ReadUInt64LittleEndian(source[8..]) != log.Value
            || BinaryPrimitives.ReadInt64LittleEndian(source[16..]) != position
            || kind is not (RecordKind.Event or RecordKind.Watermark or RecordKind.EventAgain)
            || source[(KindOffset + 1)..SizeBytes].ContainsAnyExcept((byte)0)) return false;
        header = new RecordHeader(bodyBytes, BinaryPrimitives.ReadUInt32LittleEndian(source[ChecksumOffset..]), log, position,
            watermark, BinaryPrimitives.ReadInt64LittleEndian(source[32..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[40..]), BinaryPrimitives.ReadInt32LittleEndian(source[44..]),
            BinaryPrimitives.ReadInt64LittleEndian(source[48..]), kind);
        return true;
    }

    /// <summary>Checksum of a header with its body, the checksum field itself left out.</summary>
    public static uint ComputeChecksum(ReadOnlySpan<byte> record) =>
        Crc32C.Append(Crc32C.Compute(record[..ChecksumOffset]), record[(ChecksumOffset + 4)..]);
}

/// <summary>What a record holds; on disk, so never renumbered.</summary>
internal enum RecordKind : byte
{
    /// <summary>One event of a shard.</summary>
    Event = 1,

    /// <summary>No event: says only up to where the log is synced.</summary>
    Watermark = 2,

    /// <summary>An event of a predecessor that may not have been durable, appended before the epoch serves: no proof that it ever did.</summary>
    EventAgain = 3,
}
