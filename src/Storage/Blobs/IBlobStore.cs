using EntityActors.Storage.Model;

namespace EntityActors.Storage.Blobs;

/// <summary>Content too large for a change: written before the change that names it, never changed afterwards. Thread-safe. Blocks on disk.</summary>
/// <remarks>
/// What another deployment keeps elsewhere (rows of a database) it keeps behind this interface. The rules of who may delete what stand in
/// docs/decisions/0021. Every method throws <see cref="StoreIoException"/> when the disk refuses.
/// </remarks>
public interface IBlobStore
{
    /// <summary>Begins a blob for content of this entity. Nobody sees it before a change names it.</summary>
    IBlobUpload Begin(ShardId shard, EntityKey key);

    /// <summary>Opens the blob that a change of this entity names and checks its two ends; each block is checked as it is read.</summary>
    /// <exception cref="CorruptDataException">It is missing, damaged, or another one.</exception>
    IBlobReader Open(ShardId shard, EntityKey key, BlobReference blob);

    /// <summary>Deletes every blob of these entities, durably. To be called when a committed checkpoint holds their purge.</summary>
    /// <remarks>
    /// No later change can name them: a purged entity takes no command. Whoever still reads one goes on with the file it has open. A blob whose
    /// header is damaged is left and reported by verification, since nobody can tell whose it is.
    /// </remarks>
    /// <returns>How many were deleted.</returns>
    int DeleteOf(ShardId shard, IReadOnlySet<EntityKey> keys);
}

/// <summary>A blob being written. For one caller at a time; disposing removes what was not published.</summary>
public interface IBlobUpload : IDisposable
{
    /// <summary>Bytes taken so far.</summary>
    long Length { get; }

    /// <summary>Where the next bytes go; empty when <see cref="Flush"/> has to make room.</summary>
    Memory<byte> Free { get; }

    /// <summary>So many bytes were put into <see cref="Free"/>.</summary>
    void Advance(int count);

    void Flush();

    /// <summary>Makes the bytes durable. Nothing more is taken.</summary>
    void Finish();

    /// <summary>Makes the blob durable under a name that the shard's owner of now accepts. Again, after another owner came: under a new name.</summary>
    BlobReference Publish();
}

/// <summary>An open blob. For one caller at a time.</summary>
public interface IBlobReader : IDisposable
{
    long Length { get; }

    /// <summary>Bytes that one <see cref="Read"/> gives at most.</summary>
    int ReadBytesMax { get; }

    /// <summary>Reads and checks the blocks from the one that holds this offset on.</summary>
    /// <param name="count">Bytes wanted; no block behind the last of them is read.</param>
    /// <returns>The content from this offset on, at least one byte and perhaps less than wanted; valid until the next call.</returns>
    /// <exception cref="CorruptDataException">A block is damaged.</exception>
    ReadOnlyMemory<byte> Read(long offset, long count);
}
