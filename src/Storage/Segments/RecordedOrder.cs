using EntityActors.Storage.Format;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Segments;

/// <summary>Reads the changes of one segment in the order in which they were recorded. Thread-safe.</summary>
/// <remarks>
/// A segment is sorted by key, so this order has to be found out: one scan of the data blocks makes a window, the places of the next
/// changes, which is kept in the block cache. So reading a segment from end to end costs as many scans as it has windows: one up to
/// 65,536 changes, never more than <see cref="ScansMax"/>. A segment that fits in one window has one for all readers.
/// </remarks>
internal sealed class RecordedOrder(SegmentFile file, int windowChangesMax)
{
    /// <summary>Changes of a window, 1 MiB; more where a segment would need more scans than <see cref="ScansMax"/>.</summary>
    public const int WindowChangesMax = 65_536;

    /// <summary>
    /// Windows of a segment at most, so that the scans of a large one do not grow with its square. The largest that a merge makes
    /// (8 million changes) has windows of 4 MiB.
    /// </summary>
    public const int ScansMax = 32;

    /// <summary>Windows of one segment that may be cached: as many readers at different places do not take them from each other.</summary>
    public const int WindowCountMax = 16;

    private readonly int _windowChanges = (int)Math.Clamp((file.Info.ChangeCount / ScansMax) + 1, windowChangesMax, int.MaxValue / 4);

    // Readers that need the same window wait for the one that makes it.
    private readonly Lock _making = new();
    private int _nextSlot;

    /// <summary>Changes recorded after a time, lazily.</summary>
    /// <exception cref="CorruptDataException">A block is damaged beyond repair: which changes were in it, nobody can tell.</exception>
    public IEnumerable<Change> ReadAfter(Timestamp after)
    {
        var from = after.Nanoseconds;
        var end = file.Info.MaxRecordedAt.Nanoseconds;
        while (from < end)
        {
            var window = WindowAfter(from);
            for (var i = window.IndexAfter(from); i < window.Entries.Length; i++) yield return Read(window.Entries[i]);
            from = window.Through;
        }
    }

    private RecordedWindow WindowAfter(long recordedAt)
    {
        if (FindCached(recordedAt) is { } cached) return cached;
        lock (_making)
        {
            if (FindCached(recordedAt) is { } made) return made;
            var window = Make(file.Info.ChangeCount <= _windowChanges ? 0 : recordedAt);
            file.Cache(SlotKey(_nextSlot), window);
            _nextSlot = (_nextSlot + 1) % WindowCountMax;
            return window;
        }
    }

    private RecordedWindow? FindCached(long recordedAt)
    {
        for (var slot = 0; slot < WindowCountMax; slot++)
        {
            if (file.FindCached(SlotKey(slot)) is RecordedWindow window && window.Follows(recordedAt)) return window;
        }

        return null;
    }

    /// <summary>The earliest changes behind a recorded time, found by reading all of them; never more than twice a window's are held.</summary>
    private RecordedWindow Make(long after)
    {
        var (found, bound) = (new List<RecordedEntry>(), long.MaxValue);
        for (var index = 0; index < file.Index.DataCount; index++)
        {
            Collect(index, file.Load(index, keep: false), after, bound, found);
            if (found.Count >= 2 * _windowChanges) bound = Cut(found);
        }

        if (found.Count > _windowChanges) bound = Cut(found);
        else found.Sort();
        var through = bound == long.MaxValue ? file.Info.MaxRecordedAt.Nanoseconds : bound;
        return new RecordedWindow(after, through, [.. found]);
    }

    /// <summary>Leaves the earliest ones.</summary>
    /// <returns>Recorded time of the last one left: no later change belongs into the window.</returns>
    private long Cut(List<RecordedEntry> found)
    {
        found.Sort();
        found.RemoveRange(_windowChanges, found.Count - _windowChanges);
        return found[^1].RecordedAt;
    }

    private void Collect(int index, Block block, long after, long bound, List<RecordedEntry> found)
    {
        try
        {
            for (var i = 0; i < block.RowCount; i++)
            {
                var row = new DataRow(block.Row(i));
                if (row.IsHead) continue;
                var recordedAt = row.RecordedAt.Nanoseconds;
                if (recordedAt > after && recordedAt <= bound) found.Add(new RecordedEntry(recordedAt, index, i));
            }
        }
        catch (MalformedBytesException cause)
        {
            throw file.Corrupt(index, "rows that follow the format", cause.Message);
        }
    }

    private Change Read(RecordedEntry entry)
    {
        var block = file.Load(entry.Block);
        try
        {
            var row = new DataRow(block.Row(entry.Row));
            // Copied: a page that is kept must not keep a block for every change in it.
            return row.ReadChange(DataRow.ReadKey(row.Key), default, out _);
        }
        catch (MalformedBytesException cause)
        {
            throw file.Corrupt(entry.Block, "rows that follow the format", cause.Message);
        }
    }

    // Blocks have the numbers from 0 up.
    private static int SlotKey(int slot) => -1 - slot;
}
