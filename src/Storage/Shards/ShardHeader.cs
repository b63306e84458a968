using System.Collections.Immutable;
using EntityActors.Storage.Format;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;

namespace EntityActors.Storage.Shards;

/// <summary>Root of a shard: what its segments cover and what they must hold. Layout: docs/FORMAT.md, "Header".</summary>
/// <param name="Epoch">Owner that committed it.</param>
/// <param name="Generation">1, 2, 3 …, rising over all epochs.</param>
/// <param name="Sequence">Events up to this one are in the segments.</param>
/// <param name="Clock">Highest time the shard had stamped or answered when it was frozen.</param>
/// <param name="ElapsedSeconds">Serving time of the shard so far; the duplicate window is counted in it.</param>
/// <param name="NextOrdinal">Ordinal of the next new entity.</param>
/// <param name="EntityCount">Entities that were ever created, but for purged ones that are erased: the sum over the segments of those that begin there.</param>
/// <param name="TagCount">Tags held now, over all entities: the sum over the segments of added minus removed.</param>
/// <param name="Segments">Oldest first; their sequence ranges follow each other without a gap.</param>
public sealed record ShardHeader(
    ShardId Shard, Epoch Epoch, long Generation, SequenceNumber Sequence, Timestamp Clock, uint ElapsedSeconds,
    uint NextOrdinal, long EntityCount, long TagCount, long ChangeCount, ImmutableArray<SegmentInfo> Segments)
{
    /// <summary>Size in bytes of the part before the segment list.</summary>
    public const int FixedBytes = 128;

    /// <summary>Of headers of shards where history was trimmed; others stay as version 3, or as 2 where nothing was purged either.</summary>
    public const uint FormatVersion = 4;

    /// <summary>Most bytes a header may take; more is damage.</summary>
    public const int BytesMax = 16 * 1024 * 1024;

    private const ulong Magic = 0x31_30_52_48_54_43_41_45; // "EACTHR01"

    // It did not say which header it follows: one that a replaced owner committed late could pass for that.
    private const uint UnchainedVersion = 1;
    private const uint UnpurgedVersion = 2;
    private const uint UntrimmedVersion = 3;

    /// <summary>Name of this header.</summary>
    public HeaderName Name => new(Epoch, Generation);

    /// <summary>The header in force when this one was made: of all earlier ones it is the one to go back to. The default when there was none.</summary>
    public HeaderName Follows { get; init; }

    /// <summary>How far the bytes of purged entities and trimmed histories are gone.</summary>
    public ErasureState Erasure { get; init; } = ErasureState.None;

    /// <summary>A header over these segments, its counts taken from them.</summary>
    public static ShardHeader Over(ShardId shard, Epoch epoch, long generation, SequenceNumber sequence, Timestamp clock,
        uint elapsedSeconds, uint nextOrdinal, ImmutableArray<SegmentInfo> segments)
    {
        long entities = 0, tags = 0, changes = 0;
        foreach (var segment in segments)
        {
            entities += segment.NewEntityCount;
            tags += segment.TagsAddedCount - segment.TagsRemovedCount;
            changes += segment.ChangeCount;
        }

        return new ShardHeader(shard, epoch, generation, sequence, clock, elapsedSeconds, nextOrdinal, entities, tags, changes, segments);
    }

    /// <summary>What must hold of every header, whoever made it.</summary>
    /// <returns>The first fact that does not hold, or null.</returns>
    public string? Problem()
    {
        if (Epoch.Value < 1) return "its epoch is not positive";
        if (Generation < 1) return "its generation is not positive";
        if (Follows.Generation < 0 || Follows.Epoch.Value < 0 || Follows.Generation >= Generation || Follows.Epoch > Epoch)
            return $"it follows header {Follows}";
        var again = Over(Shard, Epoch, Generation, Sequence, Clock, ElapsedSeconds, NextOrdinal, Segments);
        if (EntityCount != again.EntityCount) return $"it counts {EntityCount} entities, its segments {again.EntityCount}";
        if (TagCount != again.TagCount) return $"it counts {TagCount} tags, its segments {again.TagCount}";
        if (ChangeCount != again.ChangeCount) return $"it counts {ChangeCount} changes, its segments {again.ChangeCount}";
        // While a trim is carried out an entity may count twice: where its base is, and in an older segment.
        if (NextOrdinal < EntityCount && !Erasure.IsTrimming) return $"its next ordinal {NextOrdinal} is below its {EntityCount} entities";
        var covered = new SequenceNumber(0);
        foreach (var segment in Segments)
        {
            if (segment.FirstSequence != covered.Next) return $"segment {segment.Id} does not follow event {covered}";
            if (segment.LastSequence < segment.FirstSequence) return $"segment {segment.Id} ends before it begins";
            if (segment.MaxRecordedAt > Clock) return $"segment {segment.Id} is later than the header's clock";
            covered = segment.LastSequence;
        }

        return covered == Sequence ? Erasure.Problem(this) : $"it covers event {Sequence}, its segments {covered}";
    }

    public byte[] Encode()
    {
        var writer = new ByteWriter(FixedBytes + (Segments.Length * 256));
        writer.UInt64(Magic);
        writer.UInt32(Erasure.IsNone ? UnpurgedVersion : Erasure.Trims.IsEmpty ? UntrimmedVersion : FormatVersion);
        writer.UInt32(0); // checksum, filled in last
        writer.UInt32(0); // length, filled in last
        writer.UInt32((uint)Shard.Value);
        writer.Int64(Epoch.Value);
        writer.Int64(Generation);
        writer.Int64(Sequence.Value);
        writer.Int64(Clock.Nanoseconds);
        writer.UInt32(ElapsedSeconds);
        writer.UInt32(NextOrdinal);
        writer.Int64(EntityCount);
        writer.Int64(TagCount);
        writer.Int64(ChangeCount);
        writer.UInt32((uint)Segments.Length);
        writer.UInt32(0);
        writer.Int64(Follows.Epoch.Value);
        writer.Int64(Follows.Generation);
        writer.Zeros(FixedBytes - writer.Length);
        foreach (var segment in Segments) segment.Write(writer);
        if (!Erasure.IsNone) Erasure.Write(writer);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(writer.Patch(16, 4), (uint)writer.Length);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(writer.Patch(12, 4), Crc32C.Compute(writer.Written));
        return writer.ToArray();
    }

    /// <exception cref="CorruptDataException">The bytes are not a header, or one that contradicts itself.</exception>
    public static ShardHeader Decode(ReadOnlySpan<byte> bytes, string path)
    {
        try
        {
            return Decode(bytes);
        }
        catch (MalformedBytesException cause)
        {
            throw new CorruptDataException(path, 0, "a shard header", cause.Message);
        }
    }

    private static ShardHeader Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        if (reader.UInt64() != Magic) throw new MalformedBytesException("other leading bytes");
        var version = reader.UInt32();
        if (version is not (FormatVersion or UntrimmedVersion or UnpurgedVersion or UnchainedVersion)) throw new MalformedBytesException($"version {version}");
        var checksum = reader.UInt32();
        var length = reader.UInt32();
        if (length != bytes.Length) throw new MalformedBytesException($"{bytes.Length} bytes instead of {length}");
        var zeroed = bytes.ToArray();
        zeroed.AsSpan(12, 4).Clear();
        var actual = Crc32C.Compute(zeroed);
        if (actual != checksum) throw new MalformedBytesException($"checksum {actual:x8} instead of {checksum:x8}");

        var shard = new ShardId((int)reader.UInt32());
        var epoch = new Epoch(reader.Int64());
        var generation = reader.Int64();
        var sequence = new SequenceNumber(reader.Int64());
        var clock = new Timestamp(reader.Int64());
        var elapsed = reader.UInt32();
        var nextOrdinal = reader.UInt32();
        var entities = reader.Int64();
        var tags = reader.Int64();
        var changes = reader.Int64();
        var segmentCount = reader.UInt32();
        var hasGap = reader.UInt32() != 0;
        var follows = version == UnchainedVersion ? default : new HeaderName(new Epoch(reader.Int64()), reader.Int64());
        if (hasGap || reader.Bytes(FixedBytes - reader.Offset).ContainsAnyExcept((byte)0))
            throw new MalformedBytesException("reserved bytes that are not zero");
        if (segmentCount > reader.Remaining / SegmentInfo.BytesMin) throw new MalformedBytesException($"{segmentCount} segments");
        var segments = ImmutableArray.CreateBuilder<SegmentInfo>((int)segmentCount);
        for (var i = 0; i < segmentCount; i++) segments.Add(SegmentInfo.Read(ref reader));
        var erasure = version >= UntrimmedVersion ? ErasureState.Read(ref reader, withTrims: version == FormatVersion) : ErasureState.None;
        reader.End();
        if (version == UntrimmedVersion && erasure.IsNone) throw new MalformedBytesException("a header without purges in the version with them");
        if (version == FormatVersion && erasure.Trims.IsEmpty) throw new MalformedBytesException("a header without trims in the version with them");
        var header = new ShardHeader(shard, epoch, generation, sequence, clock, elapsed, nextOrdinal, entities, tags, changes,
            segments.MoveToImmutable()) { Follows = follows, Erasure = erasure };
        return header.Problem() is { } problem ? throw new MalformedBytesException($"a header where {problem}") : header;
    }
}
