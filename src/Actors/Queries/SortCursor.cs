using System.Buffers.Text;
using System.Collections.Immutable;
using System.IO.Hashing;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Format;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Queries;

/// <summary>Where a sorted query goes on: the times all its pages share, and the last place given.</summary>
/// <remarks>
/// Text form: base64url of version (1 byte), hash of query and order (8), at (8), recorded at (8), shard, place, and a bit for each shard that was left
/// out. A place is the entity's key in the order, so a page begins behind it, whatever became of that entity since.
/// </remarks>
internal sealed record SortCursor(AsOf AsOf, ShardId Shard, SortPlace Last)
{
    private const byte Version = 3;

    // Version, hash and times take 25 bytes, shard and ordinal at most 5 each, the key's length 2.
    private const int BytesMax = 37 + Tag.BytesMax;

    /// <summary>Shards that the pages before went without, in order; so do those behind.</summary>
    public ImmutableArray<ShardId> Missing { get; init; } = [];

    /// <summary>The place in one shard's own order behind which its part of the next page begins.</summary>
    public SortPlace After(ShardId shard)
    {
        // Of equal keys, shards before the last one have given all of theirs, those behind it none.
        if (shard == Shard) return Last;
        return Last with { Ordinal = shard.Value < Shard.Value ? uint.MaxValue + 1L : -1 };
    }

    public string Encode(TagQuery query, EntitySort sort, int shardCount)
    {
        var writer = new ByteWriter(BytesMax);
        writer.Byte(Version);
        writer.UInt64(HashOf(query, sort));
        ModelCodec.WriteAsOf(writer, AsOf);
        ModelCodec.WriteShard(writer, Shard);
        DataCodecs.WritePlace(writer, Last);
        if (!Missing.IsEmpty) writer.Bytes(ShardBits.Of(Missing, shardCount));
        return Base64Url.EncodeToString(writer.Written);
    }

    /// <exception cref="InvalidQueryException">The text is no cursor of this query in this order.</exception>
    public static SortCursor Decode(string text, TagQuery query, EntitySort sort, int shardCount)
    {
        try
        {
            if (text.Length > (((BytesMax + ShardBits.BytesFor(shardCount)) * 4) + 2) / 3) throw new MalformedBytesException($"{text.Length} characters");
            var reader = new ByteReader(Base64Url.DecodeFromChars(text));
            if (reader.Byte() != Version) throw new InvalidQueryException("the cursor belongs to a query without an order");
            if (reader.UInt64() != HashOf(query, sort)) throw new InvalidQueryException("the cursor belongs to another query or order");
            var cursor = new SortCursor(ModelCodec.ReadAsOf(ref reader), ModelCodec.ReadShard(ref reader), DataCodecs.ReadPlace(ref reader));
            if (!reader.IsAtEnd) cursor = cursor with { Missing = ShardBits.Read(reader.Bytes(ShardBits.BytesFor(shardCount)), shardCount) };
            reader.End();
            if (cursor.Shard.Value >= shardCount || cursor.AsOf.At.Nanoseconds < 1 || cursor.AsOf.RecordedAt < cursor.AsOf.At)
                throw new MalformedBytesException("values that no query has");
            return cursor;
        }
        catch (Exception cause) when (cause is MalformedBytesException or FormatException)
        {
            throw new InvalidQueryException("the cursor is not one that this store gave out");
        }
    }

    private static ulong HashOf(TagQuery query, EntitySort sort)
    {
        var writer = new ByteWriter();
        ModelCodec.WriteQuery(writer, query);
        DataCodecs.WriteSort(writer, sort);
        return XxHash64.HashToUInt64(writer.Written);
    }
}
