namespace EntityActors.Storage.Shards;

/// <summary>List with one writer and any number of concurrent readers, which see a prefix of it.</summary>
internal sealed class AppendOnlyList<T>
{
    private T[] _items = [];
    private int _count;

    public int Count => Volatile.Read(ref _count);

    public void Add(T item)
    {
        var items = _items;
        if (_count == items.Length)
        {
            Array.Resize(ref items, Math.Max(4, items.Length * 2));
            Volatile.Write(ref _items, items);
        }

        items[_count] = item;
        // The count is published last: whoever reads it finds an array that is long enough and filled.
        Volatile.Write(ref _count, _count + 1);
    }

    /// <summary>What was there at the call; it never changes.</summary>
    public ReadOnlyMemory<T> Snapshot()
    {
        var count = Volatile.Read(ref _count);
        return Volatile.Read(ref _items).AsMemory(0, count);
    }
}
