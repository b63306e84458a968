using EntityActors.Storage.Format;
using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;

namespace EntityActors.Storage.Shards;

/// <summary>What a shard's header says of purges: how far their bytes are gone. Layout: docs/FORMAT.md, "Header".</summary>
/// <remarks>
/// A purge goes to a segment with the next flush; then merges leave its history out, segment after segment; then one more header is written, so
/// that no retained one refers to what was merged away, and the log files up to the purge go.
/// </remarks>
/// <param name="Pending">Ordinals of purged entities whose history is still in segments of this header.</param>
/// <param name="PurgedThrough">Event of the last purge in the segments: log files that hold this event or earlier ones hold history of purged entities.</param>
/// <param name="FollowUp">Whether another header is due, since the one before this one still refers to such history.</param>
public sealed record ErasureState(OrdinalSet Pending, SequenceNumber PurgedThrough, bool FollowUp)
{
    /// <summary>Nothing was ever purged. It must not be changed.</summary>
    public static readonly ErasureState None = new(new OrdinalSet(), default, false);

    public bool IsNone => PurgedThrough.Value == 0 && Pending.IsEmpty && !FollowUp;

    /// <summary>Whether anything is left to be done by checkpoints.</summary>
    public bool IsUnderWay => FollowUp || !Pending.IsEmpty;

    /// <summary>The state once these entities' purges are in a segment of their own behind the others.</summary>
    internal ErasureState AfterFlush(Memtable flushed, IReadOnlyList<Segment> segments)
    {
        if (flushed.Purged.Count == 0) return this with { FollowUp = false };
        var pending = Pending.Clone();
        foreach (var ordinal in flushed.Purged)
        {
            if (segments.Any(segment => segment.Holds(ordinal))) pending.Add(ordinal);
        }

        return new ErasureState(pending, flushed.LastPurge, FollowUp: true);
    }

    /// <summary>The state once these segments are merged.</summary>
    internal ErasureState AfterMerge(IReadOnlyList<Segment> segments, IReadOnlyCollection<Segment> merged)
    {
        var left = Erasure.After(segments, Pending, merged);
        return this with { Pending = left, FollowUp = left.Count < Pending.Count || merged.Any(HoldsPending) };
    }

    internal void Write(ByteWriter writer)
    {
        writer.VarUInt(PurgedThrough.Value);
        writer.Byte(FollowUp ? (byte)1 : (byte)0);
        Pending.Write(writer);
    }

    /// <exception cref="MalformedBytesException">The bytes are no such state.</exception>
    internal static ErasureState Read(ref ByteReader reader)
    {
        var through = new SequenceNumber(reader.VarLong());
        var followUp = reader.Byte() switch
        {
            0 => false,
            1 => true,
            var other => throw new MalformedBytesException($"flag {other}"),
        };
        return new ErasureState(OrdinalSet.Read(ref reader), through, followUp);
    }

    /// <returns>The first fact that does not hold, or null.</returns>
    internal string? Problem(ShardHeader header)
    {
        if (PurgedThrough > header.Sequence) return $"its last purge is event {PurgedThrough}, later than what it covers";
        if (PurgedThrough.Value == 0 && IsUnderWay) return "it has purges to erase and no purge";
        return Pending.From(header.NextOrdinal).Any() ? "it has purges to erase of ordinals that were never given" : null;
    }

    private bool HoldsPending(Segment segment) => Pending.From(0).Any(segment.Holds);
}
