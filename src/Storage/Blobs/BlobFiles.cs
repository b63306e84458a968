using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Blobs;

/// <summary>Blobs as files of a data directory that all nodes share; layout in docs/format/blobs.md.</summary>
/// <param name="directoryOf">Directory of a shard's blobs.</param>
/// <param name="uploads">Directory of blobs that are being written, one directory in it for each process.</param>
/// <param name="newestEpoch">Highest epoch of a shard that was claimed.</param>
/// <param name="newId">128 random bits.</param>
internal sealed class BlobFiles(IFileSystem files, Func<ShardId, string> directoryOf, string uploads, Func<ShardId, Epoch> newestEpoch,
    Func<UInt128> newId) : IBlobStore, IDisposable
{
    private const string LockFile = "lock";
    private const int NoEntry = 2;
    private const int NotEmpty = 39;

    private readonly Lock _lock = new();
    private string? _directory;
    private IDisposable? _held;

    public string PathOf(ShardId shard, BlobId id) => Path.Combine(directoryOf(shard), id.FileName);

    public IBlobUpload Begin(ShardId shard, EntityKey key)
    {
        var id = newId();
        return new Upload(this, shard, key, id, Path.Combine(OwnDirectory(), id.ToString("x32")));
    }

    public IBlobReader Open(ShardId shard, EntityKey key, BlobReference blob) => BlobReader.Open(files, PathOf(shard, blob.Id), key, blob);

    public int DeleteOf(ShardId shard, IReadOnlySet<EntityKey> keys)
    {
        var deleted = 0;
        foreach (var id in List(shard))
        {
            if (TryKeyOf(shard, id) is not { } key || !keys.Contains(key)) continue;
            files.Delete(PathOf(shard, id));
            deleted++;
        }

        if (deleted > 0) files.SyncDirectory(directoryOf(shard));
        return deleted;
    }

    /// <summary>Blobs of a shard, named or not.</summary>
    public IEnumerable<BlobId> List(ShardId shard)
    {
        foreach (var name in files.List(directoryOf(shard)))
        {
            if (BlobId.TryParseFileName(name, out var id)) yield return id;
        }
    }

    /// <summary>The entity that the blob was written for.</summary>
    /// <returns>Null when it is gone, or damaged so that nobody can tell.</returns>
    public EntityKey? TryKeyOf(ShardId shard, BlobId id)
    {
        try
        {
            return BlobReader.KeyOf(files, PathOf(shard, id), id);
        }
        catch (CorruptDataException)
        {
            return null;
        }
    }

    /// <summary>Only for the shard's owner, of a blob that nobody names and nobody will.</summary>
    public void Delete(ShardId shard, BlobId id) => files.Delete(PathOf(shard, id));

    /// <summary>Removes what processes that have ended were writing: the end of a process frees its lock.</summary>
    public void DeleteDeadUploads()
    {
        foreach (var name in files.List(uploads))
        {
            var directory = Path.Combine(uploads, name);
            if (directory == _directory) continue;
            try
            {
                DeleteDead(directory);
            }
            catch (StoreIoException failure) when (failure.ErrorNumber is NoEntry or NotEmpty)
            {
                // Another process removes it at the same time, or has just made it.
                continue;
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _held?.Dispose();
            _held = null;
        }
    }

    private void DeleteDead(string directory)
    {
        using var held = files.TryLock(Path.Combine(directory, LockFile));
        if (held is null) return;
        foreach (var name in files.List(directory)) files.Delete(Path.Combine(directory, name));
        files.DeleteDirectory(directory);
    }

    /// <summary>Made by the first upload, locked as long as this process lives.</summary>
    private string OwnDirectory()
    {
        lock (_lock)
        {
            while (_held is null)
            {
                var directory = Path.Combine(uploads, newId().ToString("x32"));
                files.CreateDirectory(directory);
                try
                {
                    // Who removes directories of dead processes may have come in between.
                    _held = files.TryLock(Path.Combine(directory, LockFile));
                    _directory = directory;
                }
                catch (StoreIoException failure) when (failure.IsMissing)
                {
                    continue;
                }
            }

            return _directory!;
        }
    }

    private sealed class Upload : IBlobUpload
    {
        private readonly BlobFiles _owner;
        private readonly ShardId _shard;
        private readonly UInt128 _id;
        private readonly string _path;
        private readonly BlobWriter _writer;
        private UInt128? _hash;
        private bool _disposed;

        public Upload(BlobFiles owner, ShardId shard, EntityKey key, UInt128 id, string path)
        {
            (_owner, _shard, _id, _path) = (owner, shard, id, path);
            try
            {
                _writer = new BlobWriter(owner.Files, path, id, key);
            }
            catch
            {
                owner.Files.Delete(path);
                throw;
            }
        }

        public long Length => _writer.Length;

        public Memory<byte> Free => _writer.Free;

        public void Advance(int count) => _writer.Advance(count);

        public void Flush() => _writer.Flush();

        public void Finish()
        {
            Invariant.Check(_hash is null, "a blob is finished once");
            _hash = _writer.Finish();
        }

        public BlobReference Publish()
        {
            var hash = _hash ?? throw new InvariantViolationException("a blob is finished before it gets its name");
            var id = new BlobId(_owner.NewestEpoch(_shard), _id);
            var path = _owner.PathOf(_shard, id);
            var directory = Path.GetDirectoryName(path)!;
            _owner.Files.CreateDirectory(directory);
            // Under this name from the try before, if there is one already.
            _ = _owner.Files.TryLink(_path, path);
            _owner.Files.SyncDirectory(directory);
            return new BlobReference(id, Length, hash);
        }

        public void Dispose()
        {
            if (_disposed) return;
            _disposed = true;
            _writer.Dispose();
            _owner.Files.Delete(_path);
        }
    }

    private IFileSystem Files => files;

    private Epoch NewestEpoch(ShardId shard) => newestEpoch(shard);
}
