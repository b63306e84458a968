using System.Buffers.Text;
using System.Collections.Immutable;
using System.IO.Hashing;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Format;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Queries;

/// <summary>Where a query goes on: the times all its pages share, and the first entity not yet given.</summary>
/// <remarks>
/// Text form: base64url of version (1 byte), hash of the query (8), at (8), recorded at (8), shard and ordinal (variable), and in version 2, which is
/// for a query that left shards out, a bit for each shard of the store. The hash ties the cursor to its query; it is no secret and no signature.
/// </remarks>
/// <param name="Ordinal">Entities of <paramref name="Shard"/> from this one on.</param>
internal readonly record struct QueryCursor(AsOf AsOf, ShardId Shard, uint Ordinal)
{
    private const byte Whole = 1;
    private const byte Partial = 2;

    // Version, hash and two times take 25 bytes, shard and ordinal at most 5 each.
    private const int BytesMax = 35;

    /// <summary>Shards that the pages before went without, in order; so do those behind.</summary>
    public ImmutableArray<ShardId> Missing { get; init; } = [];

    public string Encode(TagQuery query, int shardCount)
    {
        var writer = new ByteWriter(BytesMax);
        writer.Byte(Missing.IsEmpty ? Whole : Partial);
        writer.UInt64(HashOf(query));
        ModelCodec.WriteAsOf(writer, AsOf);
        ModelCodec.WriteShard(writer, Shard);
        writer.VarUInt(Ordinal);
        if (!Missing.IsEmpty) writer.Bytes(ShardBits.Of(Missing, shardCount));
        return Base64Url.EncodeToString(writer.Written);
    }

    /// <exception cref="InvalidQueryException">The text is no cursor of this query.</exception>
    public static QueryCursor Decode(string text, TagQuery query, int shardCount)
    {
        try
        {
            if (text.Length > (((BytesMax + ShardBits.BytesFor(shardCount)) * 4) + 2) / 3) throw new MalformedBytesException($"{text.Length} characters");
            var reader = new ByteReader(Base64Url.DecodeFromChars(text));
            var version = reader.Byte();
            if (version is not (Whole or Partial)) throw new MalformedBytesException("another version");
            if (reader.UInt64() != HashOf(query)) throw new InvalidQueryException("the cursor belongs to another query");
            var cursor = new QueryCursor(ModelCodec.ReadAsOf(ref reader), ModelCodec.ReadShard(ref reader), reader.VarUInt32())
            {
                Missing = version == Partial ? ShardBits.Read(reader.Bytes(ShardBits.BytesFor(shardCount)), shardCount) : [],
            };
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

    private static ulong HashOf(TagQuery query)
    {
        var writer = new ByteWriter();
        ModelCodec.WriteQuery(writer, query);
        return XxHash64.HashToUInt64(writer.Written);
    }
}
