namespace EntityActors.Storage.Segments;

/// <summary>Where a change of a segment stands. Sorts by its recorded time, which no two changes of a shard share.</summary>
internal readonly record struct RecordedEntry(long RecordedAt, int Block, int Row) : IComparable<RecordedEntry>
{
    public int CompareTo(RecordedEntry other) => RecordedAt.CompareTo(other.RecordedAt);
}

/// <summary>A stretch of a segment's changes in the order in which they were recorded. Immutable.</summary>
/// <param name="After">Begins behind this recorded time.</param>
/// <param name="Through">Holds every change of the segment up to this recorded time, included.</param>
internal sealed record RecordedWindow(long After, long Through, RecordedEntry[] Entries) : ICachedItem
{
    private const int EntryBytes = 16;

    public int LengthBytes => Entries.Length * EntryBytes;

    /// <summary>Whether the change behind this recorded time, if there is one, is in here.</summary>
    public bool Follows(long recordedAt) => After <= recordedAt && recordedAt < Through;

    /// <summary>Index of the first entry behind this recorded time.</summary>
    public int IndexAfter(long recordedAt)
    {
        int low = 0, high = Entries.Length;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (Entries[middle].RecordedAt <= recordedAt) low = middle + 1;
            else high = middle;
        }

        return low;
    }
}
