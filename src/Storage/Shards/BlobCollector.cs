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
    private readonly HashSet<(ShardId Shard, BlobId Id)> _named = [];
    private readonly Dictionary<ShardId, IReadOnlyDictionary<string, HistoryTrim>> _trims = [];

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
        // What was trimmed may still be in segments, which name its blobs; a check of the files would miss them.
        if (owner is not null && !TryForgetTrimmed(shard, owner)) return deleted;
        var ids = store.BlobFiles.List(shard).ToHashSet();
        ForgetGone(shard, ids);
        if (ids.Count == 0 || owner is null) return deleted;
        foreach (var id in ids)
        {
            if (_named.Contains((shard, id)) || !IsDue(shard, id, owner)) continue;
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

    /// <summary>Once trims are carried out, blobs that were named before may be named no more.</summary>
    /// <returns>False while they are not.</returns>
    private bool TryForgetTrimmed(ShardId shard, ShardStore owner)
    {
        var trims = owner.Trims;
        if (trims.Count == 0 || ReferenceEquals(_trims.GetValueOrDefault(shard), trims)) return true;
        if (!owner.IsErased || owner.Header is not { Erasure.IsUnderWay: false }) return false;
        _named.RemoveWhere(known => known.Shard == shard);
        _trims[shard] = trims;
        return true;
    }

    private bool IsDue(ShardId shard, BlobId id, ShardStore owner)
    {
        if (owner.Blobs.IsUnused(id)) return true;
        if (_firstSeen.TryAdd((shard, id), time.GetTimestamp())) return age <= TimeSpan.Zero;
        return time.GetElapsedTime(_firstSeen[(shard, id)]) >= age;
    }

    private bool TryDelete(ShardId shard, BlobId id, ShardStore owner)
    {
        // A blob whose header is damaged stays: nobody can tell whose history to look into.
        if (store.BlobFiles.TryKeyOf(shard, id) is not { } key || !owner.Blobs.TryGiveUp(id)) return false;
        try
        {
            if (IsNamed(owner, key, id) is not { } isNamed) return false;
            if (isNamed)
            {
                _named.Add((shard, id));
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

    /// <summary>Whether any change of the entity names the blob, however old; null when the shard has stopped.</summary>
    private static bool? IsNamed(ShardStore owner, EntityKey key, BlobId id)
    {
        using var view = owner.TryView();
        if (view is null) return null;
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
        foreach (var known in _firstSeen.Keys.Concat(_named).Where(known => known.Shard == shard && !ids.Contains(known.Id)).ToList())
        {
            _firstSeen.Remove(known);
            _named.Remove(known);
        }
    }
}
