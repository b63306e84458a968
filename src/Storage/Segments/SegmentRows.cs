using EntityActors.Storage.Format;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Segments;

/// <summary>Place of a row in a segment's data blocks.</summary>
internal readonly record struct RowPosition(int Block, int Row)
{
    public static readonly RowPosition None = new(-1, -1);

    public bool IsNone => Block < 0;
}

/// <summary>Finds and decodes the rows of entities in one segment. Stateless over an immutable file, so thread-safe.</summary>
internal sealed class SegmentRows(SegmentFile file)
{
    public static readonly AsOf Everything = new(Timestamp.MaxValue, Timestamp.MaxValue);

    /// <summary>Last row of this key with at most this revision that the read sees; the head row (revision 0) counts as seen.</summary>
    /// <returns><see cref="RowPosition.None"/> when the segment does not have the key.</returns>
    public RowPosition Seek(ReadOnlySpan<byte> key, long revisionMax, AsOf asOf)
    {
        var blocks = file.Index.Blocks;
        var (from, to) = (0, file.Index.DataCount);
        while (from < to)
        {
            var middle = (from + to) / 2;
            var first = blocks[middle].First;
            if (IsAtOrBefore(first.Key, first.Number, first.At, first.RecordedAt, key, revisionMax, asOf)) from = middle + 1;
            else to = middle;
        }

        if (from == 0) return RowPosition.None;
        var index = from - 1;
        var block = file.Load(index);
        try
        {
            (from, to) = (0, block.RowCount);
            while (from < to)
            {
                var middle = (from + to) / 2;
                var row = new DataRow(block.Row(middle));
                if (IsAtOrBefore(row.Key, row.Revision, row.At.Nanoseconds, row.RecordedAt.Nanoseconds, key, revisionMax, asOf))
                    from = middle + 1;
                else to = middle;
            }

            return from > 0 && new DataRow(block.Row(from - 1)).Key.SequenceEqual(key)
                ? new RowPosition(index, from - 1)
                : RowPosition.None;
        }
        catch (MalformedBytesException cause)
        {
            throw file.Corrupt(index, "rows that follow the format", cause.Message);
        }
    }

    public EntityHead? FindHead(EntityKey key, ReadOnlySpan<byte> keyBytes)
    {
        var at = Seek(keyBytes, 0, Everything);
        return at.IsNone ? null : ReadHeads(at, key).After;
    }

    /// <summary>State after the last change of this segment that the read sees; null when it sees none of them.</summary>
    public EntityHead? FindState(EntityKey key, ReadOnlySpan<byte> keyBytes, AsOf asOf)
    {
        if (FindHead(key, keyBytes) is not { } head) return null;
        if (asOf.Sees(head)) return head;
        var at = Seek(keyBytes, long.MaxValue, asOf);
        return at.IsNone || RevisionAt(at) == 0 ? null : StateAt(at, key);
    }

    /// <summary>Revision of the last change the read sees; 0 when it sees none here.</summary>
    public long FindRevision(ReadOnlySpan<byte> keyBytes, AsOf asOf)
    {
        var at = Seek(keyBytes, long.MaxValue, asOf);
        return at.IsNone ? 0 : RevisionAt(at);
    }

    public Change? FindChange(EntityKey key, ReadOnlySpan<byte> keyBytes, long revision)
    {
        var at = Seek(keyBytes, revision, Everything);
        return at.IsNone || RevisionAt(at) != revision ? null : ReadChange(at, key, copyContent: true, out _);
    }

    public IEnumerable<Change> ReadChanges(EntityKey key, byte[] keyBytes, long from, long to, bool scan = false)
    {
        var head = Seek(keyBytes, 0, Everything);
        if (head.IsNone || from > to) yield break;
        var at = Seek(keyBytes, from - 1, Everything);
        Block? block = null;
        for (var next = Next(at); next.Block < file.Index.DataCount; next = Next(next, block))
        {
            if (block is null || next.Row == 0) block = file.Load(next.Block, keep: !scan);
            if (!TryReadChange(block, next, key, keyBytes, to, out var change)) yield break;
            yield return change;
        }
    }

    public IEnumerable<Change> ReadChangesBackward(EntityKey key, byte[] keyBytes, long from)
    {
        var at = Seek(keyBytes, from, Everything);
        while (!at.IsNone && RevisionAt(at) > 0)
        {
            yield return ReadChange(at, key, copyContent: true, out _);
            at = Previous(at);
        }
    }

    public EntityHead? FindHeadByOrdinal(uint ordinal)
    {
        var index = file.Ordinals.BlockOf(ordinal);
        if (index < 0) return null;
        if (index >= file.Index.DataCount) throw file.Corrupt(0, "an ordinal directory within the data blocks", $"block {index}");
        var block = file.Load(index);
        try
        {
            for (var i = 0; i < block.RowCount; i++)
            {
                var row = new DataRow(block.Row(i));
                if (row.IsHead && row.HeadOrdinal == ordinal) return row.ReadHead(EntityKey.FromBytes(row.Key));
            }
        }
        catch (MalformedBytesException cause)
        {
            throw file.Corrupt(index, "rows that follow the format", cause.Message);
        }

        throw file.Corrupt(index, $"the head row of ordinal {ordinal}", "no such row");
    }

    public IEnumerable<SegmentEntity> ReadAll()
    {
        var at = new RowPosition(0, 0);
        while (at.Block < file.Index.DataCount)
        {
            var keyBytes = KeyAt(at);
            var key = EntityKey.FromBytes(keyBytes);
            var (before, after) = ReadHeads(at, key, scan: true);
            yield return new SegmentEntity(before, ReadChanges(key, keyBytes, 1, long.MaxValue, scan: true), after);
            at = Next(Seek(keyBytes, long.MaxValue, Everything));
        }
    }

    // Back to the last state that is written out, then forward again.
    private EntityHead StateAt(RowPosition at, EntityKey key)
    {
        var steps = new List<Change>(SegmentFormat.KeyframeInterval);
        EntityHead? state = null;
        while (RevisionAt(at) > 0)
        {
            var change = ReadChange(at, key, copyContent: false, out state);
            if (state is not null) break;
            steps.Add(change);
            at = Previous(at);
        }

        state ??= ReadHeads(at, key).Before;
        for (var i = steps.Count - 1; i >= 0; i--)
        {
            if (steps[i].Revision != (state?.Revision ?? 0) + 1)
                throw file.Corrupt(at.Block, $"a change of {key} after revision {state?.Revision ?? 0}", $"revision {steps[i].Revision}");
            state = EntityHead.Apply(state, steps[i]);
        }

        return state!;
    }

    private byte[] KeyAt(RowPosition at) => Decode(at, file.Load(at.Block), static (row, _) => row.Key.ToArray());

    private long RevisionAt(RowPosition at) => Decode(at, file.Load(at.Block), static (row, _) => row.Revision);

    private (EntityHead? Before, EntityHead After) ReadHeads(RowPosition at, EntityKey key, bool scan = false) =>
        Decode(at, file.Load(at.Block, keep: !scan), (row, _) => row.IsHead
            ? row.ReadHeads(key)
            : throw new MalformedBytesException($"a change of {key} where its head must be"));

    private Change ReadChange(RowPosition at, EntityKey key, bool copyContent, out EntityHead? keyframe)
    {
        EntityHead? found = null;
        var change = Decode(at, file.Load(at.Block), (row, memory) => row.ReadChange(key, copyContent ? default : memory, out found));
        keyframe = found;
        return change;
    }

    private bool TryReadChange(Block block, RowPosition at, EntityKey key, byte[] keyBytes, long to, out Change change)
    {
        var read = Decode(at, block, (row, _) =>
            row.IsHead || row.Revision > to || !row.Key.SequenceEqual(keyBytes) ? null : row.ReadChange(key, default, out EntityHead? _));
        change = read!;
        return read is not null;
    }

    private T Decode<T>(RowPosition at, Block block, RowDecoder<T> decode)
    {
        try
        {
            return decode(new DataRow(block.Row(at.Row)), block.RowMemory(at.Row));
        }
        catch (MalformedBytesException cause)
        {
            throw file.Corrupt(at.Block, "rows that follow the format", cause.Message);
        }
    }

    private RowPosition Next(RowPosition at, Block? block = null) =>
        at.Row + 1 < (block ?? file.Load(at.Block)).RowCount ? at with { Row = at.Row + 1 } : new RowPosition(at.Block + 1, 0);

    private RowPosition Previous(RowPosition at)
    {
        if (at.Row > 0) return at with { Row = at.Row - 1 };
        return at.Block == 0 ? RowPosition.None : new RowPosition(at.Block - 1, file.Load(at.Block - 1).RowCount - 1);
    }

    private static bool IsAtOrBefore(ReadOnlySpan<byte> rowKey, long revision, long at, long recordedAt,
        ReadOnlySpan<byte> key, long revisionMax, AsOf asOf)
    {
        var order = rowKey.SequenceCompareTo(key);
        if (order != 0) return order < 0;
        return revision == 0 || (revision <= revisionMax && asOf.Sees(new Timestamp(at), new Timestamp(recordedAt)));
    }

    private delegate T RowDecoder<out T>(DataRow row, ReadOnlyMemory<byte> memory);
}
