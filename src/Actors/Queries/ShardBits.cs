using System.Collections.Immutable;
using EntityActors.Storage.Format;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Queries;

/// <summary>Some shards of a store as bits, for cursors.</summary>
internal static class ShardBits
{
    public static int BytesFor(int shardCount) => (shardCount + 7) / 8;

    public static byte[] Of(ImmutableArray<ShardId> shards, int shardCount)
    {
        var bits = new byte[BytesFor(shardCount)];
        foreach (var shard in shards) bits[shard.Value / 8] |= (byte)(1 << (shard.Value % 8));
        return bits;
    }

    /// <exception cref="MalformedBytesException">There is no such shard, or none is named.</exception>
    public static ImmutableArray<ShardId> Read(ReadOnlySpan<byte> bits, int shardCount)
    {
        var shards = ImmutableArray.CreateBuilder<ShardId>();
        for (var i = 0; i < bits.Length * 8; i++)
        {
            if ((bits[i / 8] & (1 << (i % 8))) == 0) continue;
            shards.Add(i < shardCount ? new ShardId(i) : throw new MalformedBytesException("a shard that there is not"));
        }

        return shards.Count > 0 ? shards.ToImmutable() : throw new MalformedBytesException("no shard is missing");
    }
}
