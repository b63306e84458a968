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
        var at = Seek(keyBytes, 0, AsOf.Everything);
        return at.IsNone ? null : ReadHeads(at, file.Load(at.Block), key).After;
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
        var at = Seek(keyBytes, revision, AsOf.Everything);
        return at.IsNone || RevisionAt(at) != revision ? null : ReadChange(at, key, copyContent: true, out _);
    }

    /// <summary>The base that the entity begins with here; null when it begins with none, or is not here.</summary>
    public Change? FindBase(EntityKey key, ReadOnlySpan<byte> keyBytes)
    {
        var head = Seek(keyBytes, 0, AsOf.Everything);
        return head.IsNone || !IsTrimmed(head) ? null : ReadChange(Next(head), key, copyContent: true, out _);
    }

    /// <summary>Revision of the base that the entity begins with here; 0 when it begins with none, or is not here.</summary>
    public long FindBaseRevision(ReadOnlySpan<byte> keyBytes)
    {
        var head = Seek(keyBytes, 0, AsOf.Everything);
        return head.IsNone || !IsTrimmed(head) ? 0 : RevisionAt(Next(head));
    }

    /// <summary>Whether the entity begins here with a base, so that what older segments have of it counts no more.</summary>
    public bool IsTrimmed(ReadOnlySpan<byte> keyBytes)
    {
        var head = Seek(keyBytes, 0, AsOf.Everything);
        return !head.IsNone && IsTrimmed(head);
    }

    public IEnumerable<Change> ReadChanges(EntityKey key, byte[] keyBytes, long from, long to)
    {
        var head = Seek(keyBytes, 0, AsOf.Everything);
        if (head.IsNone || from > to) yield break;
        var at = Seek(keyBytes, from - 1, AsOf.Everything);
        Block? block = null;
        for (var next = Next(at); next.Block < file.Index.DataCount; next = Next(next, block))
        {
            if (block is null || next.Row == 0) block = file.Load(next.Block);
            if (!TryReadChange(block, next, key, keyBytes, to, out var change)) yield break;
            yield return change;
        }
    }

    public IEnumerable<Change> ReadChangesBackward(EntityKey key, byte[] keyBytes, long from)
    {
        var at = Seek(keyBytes, from, AsOf.Everything);
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
                if (row.IsHead && row.HeadOrdinal == ordinal) return row.ReadHead(DataRow.ReadKey(row.Key));
            }
        }
        catch (MalformedBytesException cause)
        {
            throw file.Corrupt(index, "rows that follow the format", cause.Message);
        }

        throw file.Corrupt(index, $"the head row of ordinal {ordinal}", "no such row");
    }

    /// <summary>All entities in order. Walks forward only, and past the cache: a scan must not push out what point reads need.</summary>
    public IEnumerable<SegmentEntity> ReadAll()
    {
        var at = new RowPosition(0, 0);
        var block = file.Load(0, keep: false);
        byte[] bytes;
        do
        {
            (var key, bytes) = Decode(at, block, static (row, _) => (DataRow.ReadKey(row.Key), row.Key.ToArray()));
            var (before, after) = ReadHeads(at, block, key);
            yield return new SegmentEntity(before, ReadRun(key, bytes, at, block), after) { BaseRevision = BaseAt(at, block) };
        }
        while (TryNextEntity(ref at, ref block, bytes));
    }

    /// <summary>Revision of the base behind a head row; 0 when there is none.</summary>
    private long BaseAt(RowPosition head, Block block)
    {
        if (!IsTrimmed(head, block)) return 0;
        var first = Next(head, block);
        return Decode(first, first.Block == head.Block ? block : file.Load(first.Block, keep: false), static (row, _) => row.Revision);
    }

    /// <summary>The changes behind a head row.</summary>
    private IEnumerable<Change> ReadRun(EntityKey key, byte[] keyBytes, RowPosition head, Block block)
    {
        for (var at = Next(head, block); at.Block < file.Index.DataCount; at = Next(at, block))
        {
            if (at.Row == 0) block = file.Load(at.Block, keep: false);
            if (!TryReadChange(block, at, key, keyBytes, long.MaxValue, out var change)) yield break;
            yield return change;
        }
    }

    /// <summary>Moves behind the last change of the entity whose head stands here; blocks that hold nothing but its changes are not read.</summary>
    private bool TryNextEntity(ref RowPosition at, ref Block block, byte[] key)
    {
        var blocks = file.Index.Blocks;
        var (index, row) = (at.Block, at.Row + 1);
        while (index + 1 < file.Index.DataCount && blocks[index + 1].First is { Number: > 0 } first && first.Key.AsSpan().SequenceEqual(key))
            (index, row) = (index + 1, 1);
        if (index != at.Block) block = file.Load(index, keep: false);
        while (row < block.RowCount && Decode(new RowPosition(index, row), block, (next, _) => !next.IsHead && next.Key.SequenceEqual(key))) row++;
        if (row == block.RowCount)
        {
            (index, row) = (index + 1, 0);
            if (index == file.Index.DataCount) return false;
            block = file.Load(index, keep: false);
        }

        at = new RowPosition(index, row);
        return true;
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

        state ??= ReadHeads(at, file.Load(at.Block), key).Before;
        for (var i = steps.Count - 1; i >= 0; i--)
        {
            if (!EntityHead.IsFollowedBy(state, steps[i]))
                throw file.Corrupt(at.Block, $"a change of {key} after revision {state?.Revision ?? 0}", $"revision {steps[i].Revision}");
            state = EntityHead.Apply(state, steps[i]);
        }

        return state!;
    }

    private bool IsTrimmed(RowPosition head, Block? block = null) =>
        Decode(head, block ?? file.Load(head.Block), static (row, _) => row.Kind == RowKind.TrimmedHead);

    private long RevisionAt(RowPosition at) => Decode(at, file.Load(at.Block), static (row, _) => row.Revision);

    private (EntityHead? Before, EntityHead After) ReadHeads(RowPosition at, Block block, EntityKey key) =>
        Decode(at, block, (row, _) => row.IsHead
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
