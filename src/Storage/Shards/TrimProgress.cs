using System.Collections.Immutable;
using EntityActors.Storage.Format;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;

namespace EntityActors.Storage.Shards;

/// <summary>The last trim of a dataset in a shard, and which segments have not been looked at for it. Layout: docs/FORMAT.md, "Header".</summary>
/// <param name="Pending">Segments of the header that may still hold what was trimmed.</param>
public sealed record TrimProgress(HistoryTrim Trim, ImmutableArray<SegmentId> Pending)
{
    /// <summary>A trim that a flush just brought to the segments: each that may hold the dataset is pending, the new one too.</summary>
    internal static TrimProgress Begin(HistoryTrim trim, IEnumerable<SegmentInfo> segments) =>
        new(trim, [.. segments.Where(segment => trim.MayBeIn(segment.FirstKey.Span, segment.LastKey.Span)).Select(static segment => segment.Id)]);

    /// <param name="isDone">Nothing that the trim takes away is left in the result.</param>
    internal TrimProgress AfterMerge(IReadOnlyCollection<SegmentId> merged, SegmentId result, bool isDone)
    {
        var left = Pending.RemoveAll(merged.Contains);
        if (left.Length == Pending.Length) return this;
        return this with { Pending = isDone ? left : left.Add(result) };
    }

    internal void Write(ByteWriter writer)
    {
        writer.Text(Trim.Dataset);
        writer.Int64(Trim.Before.Nanoseconds);
        writer.VarUInt(Trim.KeepChanges);
        writer.Int64(Trim.RecordedAt.Nanoseconds);
        writer.VarUInt(Trim.ElapsedSeconds);
        writer.VarUInt((ulong)Pending.Length);
        foreach (var id in Pending)
        {
            writer.VarUInt(id.Epoch.Value);
            writer.VarUInt(id.Number);
        }
    }

    internal static TrimProgress Read(ref ByteReader reader)
    {
        var trim = new HistoryTrim(reader.Text(), new Timestamp(reader.Int64()), reader.VarLong(), new Timestamp(reader.Int64()), reader.VarUInt32());
        var pending = ImmutableArray.CreateBuilder<SegmentId>();
        for (var left = reader.Count(2); left > 0; left--) pending.Add(new SegmentId(new Epoch(reader.VarLong()), reader.VarLong()));
        return new TrimProgress(trim, pending.ToImmutable());
    }

    /// <returns>The first fact that does not hold, or null.</returns>
    internal string? Problem(ShardHeader header)
    {
        if (!EntityKey.IsValidDataset(Trim.Dataset) || Trim.KeepChanges < 1) return "a trim is of no dataset, or keeps nothing";
        if (Trim.Before.Nanoseconds < 1 || Trim.Before > Trim.RecordedAt || Trim.RecordedAt > header.Clock)
            return $"the times of the trim of {Trim.Dataset} are out of order";
        return Pending.Any(id => header.Segments.All(segment => segment.Id != id)) ? $"the trim of {Trim.Dataset} waits for a segment that is not there" : null;
    }
}
