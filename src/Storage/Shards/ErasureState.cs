using System.Collections.Immutable;
using EntityActors.Storage.Format;
using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;

namespace EntityActors.Storage.Shards;

/// <summary>What a shard's header says of purges and trims: how far their bytes are gone. Layout: docs/FORMAT.md, "Header".</summary>
/// <remarks>
/// A purge goes to a segment with the next flush; then merges leave its history out, segment after segment; then one more header is written, so
/// that no retained one refers to what was merged away, and the log files up to the purge go.
/// </remarks>
/// <param name="Pending">Ordinals of purged entities whose history is still in segments of this header.</param>
/// <param name="PurgedThrough">Event of the last purge in the segments: log files that hold this event or earlier ones hold history of purged entities.</param>
/// <param name="FollowUp">Whether another header is due, since the one before this one still refers to such history.</param>
public sealed record ErasureState(OrdinalSet Pending, SequenceNumber PurgedThrough, bool FollowUp)
{
    // A name of one character with its length, two times, three numbers.
    private const int TrimBytesMin = 2 + 8 + 8 + 3;

    /// <summary>Nothing was ever purged or trimmed. It must not be changed.</summary>
    public static readonly ErasureState None = new(new OrdinalSet(), default, false);

    /// <summary>The last trim of each dataset, in the order of their names.</summary>
    public ImmutableArray<TrimProgress> Trims { get; init; } = [];

    public bool IsNone => PurgedThrough.Value == 0 && Pending.IsEmpty && !FollowUp && Trims.IsEmpty;

    /// <summary>Whether anything is left to be done by checkpoints.</summary>
    public bool IsUnderWay => IsDue || IsTrimming;

    /// <summary>Whether something can be done at once.</summary>
    internal bool IsDue => FollowUp || !Pending.IsEmpty;

    /// <summary>Whether segments have to be looked at for a trim.</summary>
    internal bool IsTrimming => Trims.Any(static trim => !trim.Pending.IsEmpty);

    /// <summary>Whether the same holds for the trim of one dataset.</summary>
    internal bool IsTrimmingOf(string dataset) => Trims.Any(trim => trim.Trim.Dataset == dataset && !trim.Pending.IsEmpty);

    /// <summary>Whether a trim is carried out in every header that is kept.</summary>
    internal bool IsCarriedOut(HistoryTrim trim) => !FollowUp && Trims.Any(done => done.Trim == trim && done.Pending.IsEmpty);

    /// <summary>Whether any of these segments may hold something that a trim takes.</summary>
    internal bool IsTrimmingAny(IReadOnlyCollection<Segment> segments) =>
        Trims.Any(trim => segments.Any(segment => trim.Pending.Contains(segment.Info.Id)));

    /// <summary>The state once these entities' purges are in a segment of their own behind the others.</summary>
    /// <param name="after">All segments of the shard then.</param>
    internal ErasureState AfterFlush(Memtable flushed, IReadOnlyList<Segment> segments, IReadOnlyCollection<SegmentInfo> after)
    {
        var through = flushed.LastPurge > flushed.LastTrim ? flushed.LastPurge : flushed.LastTrim;
        var trims = Trims.Where(trim => !flushed.Trims.ContainsKey(trim.Trim.Dataset))
            .Concat(flushed.Trims.Values.Select(trim => TrimProgress.Begin(trim, after)));
        var state = this with
        {
            PurgedThrough = through > PurgedThrough ? through : PurgedThrough,
            FollowUp = flushed.Purged.Count > 0,
            Trims = [.. trims.OrderBy(static trim => trim.Trim.Dataset, StringComparer.Ordinal)],
        };
        if (flushed.Purged.Count == 0) return state;
        var pending = Pending.Clone();
        foreach (var ordinal in flushed.Purged)
        {
            if (segments.Any(segment => segment.Holds(ordinal))) pending.Add(ordinal);
        }

        return state with { Pending = pending };
    }

    /// <summary>The state once these segments are merged.</summary>
    /// <param name="result">What took their place.</param>
    /// <param name="ripe">The trims that the merge carried out, by dataset.</param>
    internal ErasureState AfterMerge(IReadOnlyList<Segment> segments, IReadOnlyCollection<Segment> merged, SegmentId result, HistoryCut? cut,
        IReadOnlyDictionary<string, HistoryTrim> ripe)
    {
        var left = Erasure.After(segments, Pending, merged);
        var ids = merged.Select(static segment => segment.Info.Id).ToArray();
        return this with
        {
            Pending = left,
            FollowUp = left.Count < Pending.Count || merged.Any(HoldsPending) || cut is { IsAny: true },
            Trims = TrimsAfter(ids, result, cut, ripe),
        };
    }

    /// <summary>The state once a segment was looked at of which no trim takes anything.</summary>
    internal ErasureState AfterLook(SegmentId segment, HistoryCut looked, IReadOnlyDictionary<string, HistoryTrim> ripe) =>
        this with { FollowUp = false, Trims = TrimsAfter([segment], segment, looked, ripe) };

    internal void Write(ByteWriter writer)
    {
        writer.VarUInt(PurgedThrough.Value);
        writer.Byte(FollowUp ? (byte)1 : (byte)0);
        Pending.Write(writer);
        if (Trims.IsEmpty) return;
        writer.VarUInt((ulong)Trims.Length);
        foreach (var trim in Trims) trim.Write(writer);
    }

    /// <exception cref="MalformedBytesException">The bytes are no such state.</exception>
    /// <param name="withTrims">There is a list of trims behind it.</param>
    internal static ErasureState Read(ref ByteReader reader, bool withTrims)
    {
        var through = new SequenceNumber(reader.VarLong());
        var followUp = reader.Byte() switch
        {
            0 => false,
            1 => true,
            var other => throw new MalformedBytesException($"flag {other}"),
        };
        var state = new ErasureState(OrdinalSet.Read(ref reader), through, followUp);
        if (!withTrims) return state;
        var trims = ImmutableArray.CreateBuilder<TrimProgress>();
        for (var left = reader.Count(TrimBytesMin); left > 0; left--) trims.Add(TrimProgress.Read(ref reader));
        return state with { Trims = trims.ToImmutable() };
    }

    /// <returns>The first fact that does not hold, or null.</returns>
    internal string? Problem(ShardHeader header)
    {
        if (PurgedThrough > header.Sequence) return $"its last purge is event {PurgedThrough}, later than what it covers";
        if (PurgedThrough.Value == 0 && IsUnderWay) return "it has purges to erase and no purge";
        if (Pending.From(header.NextOrdinal).Any()) return "it has purges to erase of ordinals that were never given";
        for (var i = 1; i < Trims.Length; i++)
        {
            if (string.CompareOrdinal(Trims[i - 1].Trim.Dataset, Trims[i].Trim.Dataset) >= 0) return "its trims are not in the order of their datasets";
        }

        return Trims.Select(trim => trim.Problem(header)).FirstOrDefault(static problem => problem is not null);
    }

    private ImmutableArray<TrimProgress> TrimsAfter(
        SegmentId[] merged, SegmentId result, HistoryCut? cut, IReadOnlyDictionary<string, HistoryTrim> ripe) =>
        [.. Trims.Select(trim => trim.AfterMerge(merged, result, ripe.ContainsKey(trim.Trim.Dataset) && !cut!.Waiting.Contains(trim.Trim.Dataset)))];

    private bool HoldsPending(Segment segment) => Pending.From(0).Any(segment.Holds);
}
