using EntityActors.Storage.Model;

namespace EntityActors.Storage.Shards;

/// <summary>Deletes blobs of the shards that this node owns which no change names and none will. For one caller at a time.</summary>
/// <remarks>
/// The age is courtesy to uploads that are about to be named, and measured by this process alone; safety does not rest on it: the owner gives a
/// blob up first, then looks into the history of its entity, then deletes it. See docs/decisions/0021.
/// </remarks>
/// <param name="age">How long a blob has to be known here before it is looked at.</param>
public sealed class BlobCollector(NodeStore store, TimeProvider time, TimeSpan age)
{
    private const int PageChanges = 1_000;
    private const long PageBytes = 4L * 1024 * 1024;

    private readonly Dictionary<(ShardId Shard, BlobId Id), long> _firstSeen = [];
    // With the last trim of its dataset that was obeyed when a change was found to name it: another one may take that change.
    private readonly Dictionary<(ShardId Shard, BlobId Id), (string Dataset, HistoryTrim? Trim)> _named = [];

    /// <summary>One pass over every shard that this node owns, and over uploads that ended processes left. Blocks on disk.</summary>
    /// <returns>Number of blobs deleted.</returns>
    /// <exception cref="StoreIoException">The disk refused; what was not done is done by a later pass.</exception>
    public int Run()
    {
        store.BlobFiles.DeleteDeadUploads();
        var deleted = 0;
        for (var i = 0; i < store.Descriptor.ShardCount; i++) deleted += Collect(new ShardId(i));
        return deleted;
    }

    private int Collect(ShardId shard)
    {
        var owner = store.Served(shard) is { } served && store.Log.IsStillOwner(shard, served.Epoch) ? served : null;
        var deleted = owner is null ? 0 : Erase(shard, owner);
        var ids = store.BlobFiles.List(shard).ToHashSet();
        ForgetGone(shard, ids);
        if (ids.Count == 0 || owner is null) return deleted;
        foreach (var id in ids)
        {
            if (IsKnownNamed(shard, id, owner) || !IsDue(shard, id, owner)) continue;
            if (TryDelete(shard, id, owner)) deleted++;
        }

        if (deleted > 0) store.Files.SyncDirectory(store.Layout.Blobs(shard));
        return deleted;
    }

    /// <summary>Deletes what was written for entities that are purged since, named or not.</summary>
    private int Erase(ShardId shard, ShardStore owner)
    {
        var purged = owner.Blobs.Purged();
        if (purged.Count == 0) return 0;
        var deleted = store.BlobFiles.DeleteOf(shard, purged);
        owner.Blobs.Erased(purged);
        return deleted;
    }

    private bool IsKnownNamed(ShardId shard, BlobId id, ShardStore owner) => _named.TryGetValue((shard, id), out var known)
        && (owner.Trims.GetValueOrDefault(known.Dataset) is not { } trim || trim == known.Trim || !IsCarriedOut(owner, trim));

    /// <summary>Views hide what was trimmed; until this segments and earlier headers may name its blobs, which a check of the files would miss.</summary>
    private static bool IsCarriedOut(ShardStore owner, HistoryTrim? trim) => trim is null || owner.Header?.Erasure.IsCarriedOut(trim) == true;

    private bool IsDue(ShardId shard, BlobId id, ShardStore owner)
    {
        if (owner.Blobs.IsUnused(id)) return true;
        if (_firstSeen.TryAdd((shard, id), time.GetTimestamp())) return age <= TimeSpan.Zero;
        return time.GetElapsedTime(_firstSeen[(shard, id)]) >= age;
    }

    private bool TryDelete(ShardId shard, BlobId id, ShardStore owner)
    {
        // A blob whose header is damaged stays: nobody can tell whose history to look into.
        if (store.BlobFiles.TryKeyOf(shard, id) is not { } key || !IsCarriedOut(owner, owner.Trims.GetValueOrDefault(key.Dataset))) return false;
        if (!owner.Blobs.TryGiveUp(id)) return false;
        try
        {
            using var view = owner.TryView();
            if (view is null) return false;
            // The trim that this very view obeys: there may be another one than before.
            var trim = view.TrimOf(key.Dataset);
            if (!IsCarriedOut(owner, trim)) return false;
            if (IsNamed(view, key, id))
            {
                _named[(shard, id)] = (key.Dataset, trim);
                return false;
            }

            store.BlobFiles.Delete(shard, id);
            return true;
        }
        catch (StoreException failure) when (failure is CorruptDataException)
        {
            // What cannot be read may name it.
            return false;
        }
        finally
        {
            owner.Blobs.Forget(id);
        }
    }

    /// <summary>Whether any change of the entity names the blob, however old.</summary>
    private static bool IsNamed(ShardView view, EntityKey key, BlobId id)
    {
        var everything = new AsOf(Timestamp.MaxValue, Timestamp.MaxValue);
        for (var after = 0L; ;)
        {
            var page = view.History(key, null, null, after, PageChanges, PageBytes, everything, out _, out var hasMore);
            if (page.Any(change => change.Content?.Blob?.Id == id)) return true;
            if (!hasMore) return false;
            after = page[^1].Revision;
        }
    }

    private void ForgetGone(ShardId shard, HashSet<BlobId> ids)
    {
        foreach (var known in _firstSeen.Keys.Concat(_named.Keys).Where(known => known.Shard == shard && !ids.Contains(known.Id)).ToList())
        {
            _firstSeen.Remove(known);
            _named.Remove(known);
        }
    }
}
