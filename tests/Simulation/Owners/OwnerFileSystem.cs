using EntityActors.Simulation.Tests.Disk;
using EntityActors.Storage.Io;

namespace EntityActors.Simulation.Tests.Owners;

/// <summary>The shared disk as one process uses it: each call can be held before it takes effect, and none does after the process was killed.</summary>
internal sealed class OwnerFileSystem(OwnerDisk disk, int strand) : IFileSystem
{
    /// <summary>Number of the strand of calls that this process makes.</summary>
    public int Strand { get; } = strand;

    public bool IsDead { get; set; }

    public IStoreFile OpenRead(string path)
    {
        Enter(DiskCallKind.Open, path);
        return new OwnerFile(this, disk.Files.OpenRead(path));
    }

    public IStoreFile OpenWrite(string path)
    {
        Enter(DiskCallKind.Open, path);
        return new OwnerFile(this, disk.Files.OpenWrite(path));
    }

    public IStoreFile Create(string path)
    {
        Enter(DiskCallKind.Create, path);
        return new OwnerFile(this, disk.Files.Create(path));
    }

    public bool FileExists(string path)
    {
        Enter(DiskCallKind.Look, path);
        return disk.Files.FileExists(path);
    }

    public bool DirectoryExists(string path)
    {
        Enter(DiskCallKind.Look, path);
        return disk.Files.DirectoryExists(path);
    }

    public IReadOnlyList<string> List(string directory)
    {
        Enter(DiskCallKind.List, directory);
        return disk.Files.List(directory);
    }

    public void CreateDirectory(string path)
    {
        Enter(disk.Files.DirectoryExists(path) ? DiskCallKind.Look : DiskCallKind.MakeDirectory, path);
        disk.Files.CreateDirectory(path);
    }

    public bool TryLink(string existingPath, string newPath)
    {
        Enter(DiskCallKind.Link, newPath);
        return disk.Files.TryLink(existingPath, newPath);
    }

    public void Rename(string oldPath, string newPath)
    {
        Enter(new OwnerCall(DiskCallKind.Rename, oldPath, newPath));
        disk.Files.Rename(oldPath, newPath);
    }

    public void Delete(string path)
    {
        // To delete what is not there changes nothing for anybody.
        Enter(disk.Files.FileExists(path) ? DiskCallKind.Delete : DiskCallKind.Look, path);
        disk.Files.Delete(path);
    }

    public void DeleteDirectory(string path)
    {
        Enter(DiskCallKind.DeleteDirectory, path);
        disk.Files.DeleteDirectory(path);
    }

    public void SyncDirectory(string path)
    {
        Enter(DiskCallKind.SyncDirectory, path);
        disk.Files.SyncDirectory(path);
    }

    public IDisposable? TryLock(string path, LockMode mode = LockMode.Exclusive)
    {
        Enter(DiskCallKind.Lock, path);
        // Creates the file; who holds it is told by the disk, since a kill must let go of it.
        disk.Files.TryLock(path)?.Dispose();
        return disk.TryLock(path, this, mode) ? new HeldLock(() => disk.Unlock(path, this)) : null;
    }

    public IStoreFile? TryLockExisting(string path)
    {
        Enter(DiskCallKind.Lock, path);
        var file = disk.Files.OpenRead(path);
        if (disk.TryLock(path, this, LockMode.Exclusive)) return new OwnerFile(this, file, () => disk.Unlock(path, this));
        file.Dispose();
        return null;
    }

    internal void Enter(DiskCallKind kind, string path) => Enter(new OwnerCall(kind, path));

    private void Enter(OwnerCall call)
    {
        if (IsDead) throw new OwnerKilledException();
        disk.BeforeCall?.Invoke(this, call);
        if (IsDead) throw new OwnerKilledException();
    }

    private sealed class HeldLock(Action release) : IDisposable
    {
        public void Dispose() => release();
    }

    private sealed class OwnerFile(OwnerFileSystem files, IStoreFile inner, Action? release = null) : IStoreFile
    {
        public string Path => inner.Path;

        public long Length => inner.Length;

        public int Read(long offset, Span<byte> buffer)
        {
            files.Enter(DiskCallKind.Read, Path);
            return inner.Read(offset, buffer);
        }

        public void Write(long offset, ReadOnlySpan<byte> bytes)
        {
            files.Enter(DiskCallKind.Write, Path);
            inner.Write(offset, bytes);
        }

        public void SetLength(long length)
        {
            files.Enter(DiskCallKind.SetLength, Path);
            inner.SetLength(length);
        }

        public void SyncData()
        {
            files.Enter(DiskCallKind.Sync, Path);
            inner.SyncData();
        }

        public void Dispose()
        {
            inner.Dispose();
            release?.Invoke();
        }
    }
}
