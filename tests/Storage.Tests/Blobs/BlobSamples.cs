using EntityActors.Storage.Blobs;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Tests.Blobs;

/// <summary>Blobs of a shard in a directory of a test.</summary>
internal static class BlobSamples
{
    public static readonly ShardId Shard = new(3);
    public static readonly EntityKey Key = new("docs", "a/ü");

    public static BlobFiles Files(string directory, IFileSystem? files = null, Func<ShardId, Epoch>? newestEpoch = null)
    {
        var random = new Random(7);
        return new BlobFiles(files ?? PosixFileSystem.Instance, shard => Path.Combine(directory, "shards", shard.ToString(), "blobs"),
            Path.Combine(directory, "uploads"), newestEpoch ?? (_ => new Epoch(1)), () => NewId(random));
    }

    public static byte[] Bytes(int length, int seed = 1)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>Written and published.</summary>
    public static BlobReference Write(IBlobStore blobs, byte[] bytes, ShardId? shard = null, EntityKey? key = null)
    {
        using var upload = blobs.Begin(shard ?? Shard, key ?? Key);
        Take(upload, bytes);
        upload.Finish();
        return upload.Publish();
    }

    public static void Take(IBlobUpload upload, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (upload.Free.IsEmpty) upload.Flush();
            var count = Math.Min(upload.Free.Length, bytes.Length);
            bytes[..count].CopyTo(upload.Free.Span);
            upload.Advance(count);
            bytes = bytes[count..];
        }
    }

    public static byte[] Read(IBlobReader reader, long offset, long count)
    {
        var result = new List<byte>();
        while (result.Count < count && offset + result.Count < reader.Length)
        {
            var read = reader.Read(offset + result.Count, count - result.Count);
            result.AddRange(read.Span[..(int)Math.Min(read.Length, count - result.Count)]);
        }

        return [.. result];
    }

    private static UInt128 NewId(Random random) => new((ulong)random.NextInt64(), (ulong)random.NextInt64());
}
