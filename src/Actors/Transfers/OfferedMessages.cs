using System.Buffers.Binary;
using System.Security.Cryptography;

namespace EntityActors.Actors.Transfers;

/// <summary>Bytes of large messages that this node has told others to fetch: a bounded number of them, each for a bounded time. Thread-safe.</summary>
internal sealed class OfferedMessages(TransferLimits limits, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<UInt128, Offer> _byId = [];

    // A call that is sent a second time is offered once.
    private readonly Dictionary<object, Offer> _byMessage = new(ReferenceEqualityComparer.Instance);
    private long _bytes;

    public (int Count, long Bytes) Usage
    {
        get
        {
            lock (_lock) return (_byId.Count, _bytes);
        }
    }

    /// <param name="bytes">Kept as they are; nobody may change them.</param>
    /// <returns>The name under which they are fetched, or null when there is no room.</returns>
    public UInt128? TryOffer(object message, ReadOnlyMemory<byte> bytes)
    {
        lock (_lock)
        {
            if (_byMessage.TryGetValue(message, out var known) && known.Bytes.Length == bytes.Length)
            {
                known.Since = time.GetTimestamp();
                return known.Id;
            }

            if (_byId.Count >= limits.CountMax || _bytes + bytes.Length > limits.OfferedBytesMax) return null;
            // Nobody can guess it, so nobody fetches what was not offered to him.
            var offer = new Offer(BinaryPrimitives.ReadUInt128LittleEndian(RandomNumberGenerator.GetBytes(16)), message, bytes) { Since = time.GetTimestamp() };
            _byId.Add(offer.Id, offer);
            _byMessage[message] = offer;
            _bytes += bytes.Length;
            return offer.Id;
        }
    }

    /// <summary>Bytes of an offer, which ends with its last byte.</summary>
    /// <returns>False when there are no such bytes.</returns>
    public bool TryRead(UInt128 id, int offset, int length, out ReadOnlyMemory<byte> bytes)
    {
        lock (_lock)
        {
            bytes = default;
            if (offset < 0 || length < 1 || length > limits.ChunkBytes) return false;
            if (!_byId.TryGetValue(id, out var offer) || length > offer.Bytes.Length - offset) return false;
            bytes = offer.Bytes.Slice(offset, length);
            if (offset + length == offer.Bytes.Length) Remove(offer);
            return true;
        }
    }

    /// <summary>Drops what nobody has fetched in time.</summary>
    public void Expire()
    {
        lock (_lock)
        {
            foreach (var offer in _byId.Values.Where(offer => time.GetElapsedTime(offer.Since) >= limits.Timeout).ToList()) Remove(offer);
        }
    }

    private void Remove(Offer offer)
    {
        _byId.Remove(offer.Id);
        if (_byMessage.TryGetValue(offer.Message, out var last) && last == offer) _byMessage.Remove(offer.Message);
        _bytes -= offer.Bytes.Length;
    }

    private sealed class Offer(UInt128 id, object message, ReadOnlyMemory<byte> bytes)
    {
        public UInt128 Id { get; } = id;

        public object Message { get; } = message;

        public ReadOnlyMemory<byte> Bytes { get; } = bytes;

        public long Since { get; set; }
    }
}
