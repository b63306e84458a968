namespace EntityActors.Storage.Segments;

/// <summary>
/// Decompressed blocks of all segments of a process, and what feeds found out about their order, bounded in bytes, least recently used out
/// first. Thread-safe.
/// </summary>
/// <param name="bytesMax">Bound of the blocks held, in bytes; 0 keeps none.</param>
public sealed class BlockCache(long bytesMax)
{
    private const int StripeCount = 16;

    private readonly Stripe[] _stripes = MakeStripes(bytesMax / StripeCount);
    private long _nextOwner;

    public long BytesMax { get; } = bytesMax;

    /// <summary>Changes of a <see cref="RecordedWindow"/>, which takes 16 bytes for each.</summary>
    public int WindowChangesMax { get; init; } = RecordedOrder.WindowChangesMax;

    /// <summary>Bytes of the blocks held now.</summary>
    public long Bytes
    {
        get
        {
            var bytes = 0L;
            foreach (var stripe in _stripes) bytes += stripe.Bytes;
            return bytes;
        }
    }

    internal long NewOwner() => Interlocked.Increment(ref _nextOwner);

    internal ICachedItem? Find(long owner, int index) => StripeOf(owner, index).Find((owner, index));

    /// <summary>Keeps an item that is not there yet.</summary>
    internal void Add(long owner, int index, ICachedItem item) => StripeOf(owner, index).Add((owner, index), item);

    /// <summary>Keeps an item in the place of the one that is there.</summary>
    internal void Replace(long owner, int index, ICachedItem item)
    {
        StripeOf(owner, index).Remove((owner, index));
        Add(owner, index, item);
    }

    internal void RemoveOwner(long owner, int blockCount)
    {
        for (var i = -RecordedOrder.WindowCountMax; i < blockCount; i++) StripeOf(owner, i).Remove((owner, i));
    }

    private Stripe StripeOf(long owner, int index) => _stripes[(int)(((ulong)owner + (ulong)index) % StripeCount)];

    private static Stripe[] MakeStripes(long bytesMax)
    {
        var stripes = new Stripe[StripeCount];
        for (var i = 0; i < StripeCount; i++) stripes[i] = new Stripe(bytesMax);
        return stripes;
    }

    private sealed class Stripe(long bytesMax)
    {
        private readonly Lock _gate = new();
        private readonly Dictionary<(long, int), LinkedListNode<((long, int) Key, ICachedItem Item)>> _nodes = [];
        private readonly LinkedList<((long, int) Key, ICachedItem Item)> _recent = new();
        private long _bytes;

        public long Bytes => Volatile.Read(ref _bytes);

        public ICachedItem? Find((long, int) key)
        {
            lock (_gate)
            {
                if (!_nodes.TryGetValue(key, out var node)) return null;
                if (_recent.First != node)
                {
                    _recent.Remove(node);
                    _recent.AddFirst(node);
                }

                return node.Value.Item;
            }
        }

        public void Add((long, int) key, ICachedItem item)
        {
            if (item.LengthBytes > bytesMax) return;
            lock (_gate)
            {
                if (_nodes.ContainsKey(key)) return;
                _nodes.Add(key, _recent.AddFirst((key, item)));
                _bytes += item.LengthBytes;
                while (_bytes > bytesMax) Drop(_recent.Last!);
            }
        }

        public void Remove((long, int) key)
        {
            lock (_gate)
            {
                if (_nodes.TryGetValue(key, out var node)) Drop(node);
            }
        }

        private void Drop(LinkedListNode<((long, int) Key, ICachedItem Item)> node)
        {
            _recent.Remove(node);
            _nodes.Remove(node.Value.Key);
            _bytes -= node.Value.Item.LengthBytes;
        }
    }
}
