using EntityActors.Storage.Blobs;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Storage.Integrity;

/// <summary>Blobs that changes of one shard name: whether each is there, and is what the change says.</summary>
public sealed class NamedBlobs(IFileSystem files, StoreLayout layout, ShardId shard)
{
    private readonly Dictionary<BlobReference, EntityKey> _named = [];
    private readonly HashSet<EntityKey> _purged = [];

    public void Add(Change change)
    {
        if (change.Lifecycle == Lifecycle.Purged) _purged.Add(change.Key);
        if (change.Content?.Blob is { } blob) _named[blob] = change.Key;
    }

    /// <summary>Every blob that is missing, or another one at its two ends. A purged entity's blobs are meant to be gone.</summary>
    public IEnumerable<CorruptDataException> Problems()
    {
        foreach (var (blob, key) in _named)
        {
            if (!_purged.Contains(key) && ProblemOf(blob, key) is { } problem) yield return problem;
        }
    }

    private CorruptDataException? ProblemOf(BlobReference blob, EntityKey key)
    {
        try
        {
            using var reader = BlobReader.Open(files, Path.Combine(layout.Blobs(shard), blob.Id.FileName), key, blob);
            return null;
        }
        catch (CorruptDataException problem)
        {
            return problem;
        }
    }
}
