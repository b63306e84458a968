using EntityActors.Storage.Io;

namespace EntityActors.Tests.Shared.Faults;

/// <summary>A disk whose operations fail or stall where a test asks for it.</summary>
public sealed class FaultyFileSystem(IFileSystem inner) : IFileSystem
{
    /// <summary>
    /// Called before each operation (open, create, read, write, sync, link, rename, delete, list) with the path it is about: throws what
    /// the operation shall fail with, waits to make it slow, or returns to let it pass.
    /// </summary>
    public Action<string, string>? Before { get; set; }

    public IStoreFile OpenRead(string path) => Open("open", path, inner.OpenRead);

    public IStoreFile OpenWrite(string path) => Open("open", path, inner.OpenWrite);

    public IStoreFile Create(string path) => Open("create", path, inner.Create);

    public bool FileExists(string path) => inner.FileExists(path);

    public bool DirectoryExists(string path) => inner.DirectoryExists(path);

    public IReadOnlyList<string> List(string directory)
    {
        Before?.Invoke("list", directory);
        return inner.List(directory);
    }

    public void CreateDirectory(string path)
    {
        Before?.Invoke("create", path);
        inner.CreateDirectory(path);
    }

    public bool TryLink(string existingPath, string newPath)
    {
        Before?.Invoke("link", newPath);
        return inner.TryLink(existingPath, newPath);
    }

    public void Rename(string oldPath, string newPath)
    {
        Before?.Invoke("rename", oldPath);
        inner.Rename(oldPath, newPath);
    }

    public void Delete(string path)
    {
        Before?.Invoke("delete", path);
        inner.Delete(path);
    }

    public void DeleteDirectory(string path)
    {
        Before?.Invoke("delete", path);
        inner.DeleteDirectory(path);
    }

    public void SyncDirectory(string path)
    {
        Before?.Invoke("sync", path);
        inner.SyncDirectory(path);
    }

    public IDisposable? TryLock(string path, LockMode mode = LockMode.Exclusive) => inner.TryLock(path, mode);

    public IStoreFile? TryLockExisting(string path) => inner.TryLockExisting(path);

    private FaultyFile Open(string operation, string path, Func<string, IStoreFile> open)
    {
        Before?.Invoke(operation, path);
        return new FaultyFile(this, open(path));
    }

    private sealed class FaultyFile(FaultyFileSystem owner, IStoreFile file) : IStoreFile
    {
        public string Path => file.Path;

        public long Length => file.Length;

        public int Read(long offset, Span<byte> buffer)
        {
            owner.Before?.Invoke("read", Path);
            return file.Read(offset, buffer);
        }

        public void Write(long offset, ReadOnlySpan<byte> bytes)
        {
            owner.Before?.Invoke("write", Path);
            file.Write(offset, bytes);
        }

        public void SetLength(long length)
        {
            owner.Before?.Invoke("write", Path);
            file.SetLength(length);
        }

        public void SyncData()
        {
            owner.Before?.Invoke("sync", Path);
            file.SyncData();
        }

        public void Dispose() => file.Dispose();
    }
}
