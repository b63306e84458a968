using System.Buffers.Text;
using EntityActors.Actors.Client;
using EntityActors.Storage.Format;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Feeds;

/// <summary>How far a feed has come in each of its shards: recorded times, behind which it goes on. Immutable.</summary>
/// <remarks>
/// Text form: base64url of version (1 byte), shards of the store, first shard of the feed and number of shards (variable), the latest
/// position (8 bytes), for each shard how much earlier its own is (variable), and the CRC-32C of all this (4 bytes).
/// </remarks>
internal sealed class FeedCursor
{
    private const byte Version = 1;
    private const int ChecksumBytes = sizeof(uint);

    // Head and checksum, and at most ten bytes a shard.
    private const int FixedBytesMax = 1 + (3 * 5) + 8 + ChecksumBytes;
    private const int ShardBytesMax = 10;

    private readonly int _shardCount;
    private readonly int _first;
    private readonly Timestamp[] _positions;

    private FeedCursor(int shardCount, int first, Timestamp[] positions) => (_shardCount, _first, _positions) = (shardCount, first, positions);

    /// <summary>The same position in one shard, or in all of them.</summary>
    public static FeedCursor At(Timestamp position, int shardCount, ShardId? shard)
    {
        var positions = new Timestamp[shard is null ? shardCount : 1];
        Array.Fill(positions, position);
        return new FeedCursor(shardCount, shard?.Value ?? 0, positions);
    }

    /// <param name="shard">The shard that is asked for; null is all.</param>
    /// <exception cref="InvalidQueryException">The text is no cursor of a feed of this store and these shards.</exception>
    public static FeedCursor Decode(string text, int shardCount, ShardId? shard)
    {
        try
        {
            var cursor = Read(text, shardCount);
            if (shard is not { } one) return cursor._positions.Length == shardCount ? cursor : throw Other("all shards");
            var index = one.Value - cursor._first;
            return index >= 0 && index < cursor._positions.Length ? At(cursor._positions[index], shardCount, one) : throw Other($"shard {one}");
        }
        catch (Exception cause) when (cause is MalformedBytesException or FormatException)
        {
            throw new InvalidQueryException("the cursor is not one that this store gave out");
        }
    }

    public IEnumerable<ShardId> Shards()
    {
        for (var i = 0; i < _positions.Length; i++) yield return new ShardId(_first + i);
    }

    public Timestamp Of(ShardId shard) => _positions[shard.Value - _first];

    public FeedCursor With(ShardId shard, Timestamp position)
    {
        var positions = (Timestamp[])_positions.Clone();
        positions[shard.Value - _first] = position;
        return new FeedCursor(_shardCount, _first, positions);
    }

    /// <summary>The text of this cursor with another position in one shard.</summary>
    public string Encode(ShardId shard, Timestamp position)
    {
        var latest = position;
        foreach (var other in _positions)
        {
            if (other > latest) latest = other;
        }

        var writer = new ByteWriter(FixedBytesMax + (_positions.Length * ShardBytesMax));
        writer.Byte(Version);
        writer.VarUInt(_shardCount);
        writer.VarUInt(_first);
        writer.VarUInt(_positions.Length);
        writer.Int64(latest.Nanoseconds);
        for (var i = 0; i < _positions.Length; i++)
        {
            var own = _first + i == shard.Value ? position : _positions[i];
            writer.VarUInt(latest.Nanoseconds - own.Nanoseconds);
        }

        writer.UInt32(Crc32C.Compute(writer.Written));
        return Base64Url.EncodeToString(writer.Written);
    }

    public string Encode() => Encode(new ShardId(_first), _positions[0]);

    private static FeedCursor Read(string text, int shardCount)
    {
        if (text.Length > (((FixedBytesMax + ((long)shardCount * ShardBytesMax)) * 4) + 2) / 3) throw new MalformedBytesException($"{text.Length} characters");
        var bytes = Base64Url.DecodeFromChars(text);
        if (bytes.Length < ChecksumBytes) throw new MalformedBytesException($"{bytes.Length} bytes");
        var last = new ByteReader(bytes.AsSpan(bytes.Length - ChecksumBytes));
        if (last.UInt32() != Crc32C.Compute(bytes.AsSpan(0, bytes.Length - ChecksumBytes))) throw new MalformedBytesException("another checksum");
        var reader = new ByteReader(bytes.AsSpan(0, bytes.Length - ChecksumBytes));
        if (reader.Byte() != Version) throw new MalformedBytesException("another version");
        if (reader.VarUInt31() != shardCount) throw new InvalidQueryException("the cursor belongs to a store with another number of shards");
        var (first, count, latest) = (reader.VarUInt31(), reader.VarUInt31(), reader.Int64());
        if (count < 1 || first >= shardCount || count > shardCount - first || latest < 0) throw new MalformedBytesException("values that no feed has");
        var positions = new Timestamp[count];
        for (var i = 0; i < count; i++)
        {
            var earlier = reader.VarLong();
            if (earlier > latest) throw new MalformedBytesException("a position below 0");
            positions[i] = new Timestamp(latest - earlier);
        }

        reader.End();
        return new FeedCursor(shardCount, first, positions);
    }

    private static InvalidQueryException Other(string asked) => new($"the cursor is of a feed of other shards than {asked}");
}
