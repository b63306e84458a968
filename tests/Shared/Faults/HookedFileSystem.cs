using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Tests.Shared.Faults;

/// <summary>What a call to the file system does.</summary>
public enum FileCall
{
    OpenRead = 1,
    OpenWrite = 2,
    Create = 3,
    Exists = 4,
    List = 5,
    CreateDirectory = 6,
    Link = 7,
    Rename = 8,
    Delete = 9,
    DeleteDirectory = 10,
    SyncDirectory = 11,
    Lock = 12,
    Read = 13,
    Write = 14,
    SetLength = 15,
    SyncData = 16,
}

/// <summary>A file system that tells a test of every call before it is made: the test may fail it, hold it back, or do something first.</summary>
public sealed class HookedFileSystem(IFileSystem inner) : IFileSystem
{
    /// <summary>Called before each call with its path. Throwing fails the call; nothing of it is then done.</summary>
    public Action<FileCall, string>? Before { get; set; }

    public static StoreIoException Failure(string path, int errno = 5) => new("test", path, errno, "injected");

    public IStoreFile OpenRead(string path) => Open(FileCall.OpenRead, path, inner.OpenRead);

    public IStoreFile OpenWrite(string path) => Open(FileCall.OpenWrite, path, inner.OpenWrite);

    public IStoreFile Create(string path) => Open(FileCall.Create, path, inner.Create);

    public bool FileExists(string path)
    {
        Before?.Invoke(FileCall.Exists, path);
        return inner.FileExists(path);
    }

    public bool DirectoryExists(string path)
    {
        Before?.Invoke(FileCall.Exists, path);
        return inner.DirectoryExists(path);
    }

    public IReadOnlyList<string> List(string directory)
    {
        Before?.Invoke(FileCall.List, directory);
        return inner.List(directory);
    }

    public void CreateDirectory(string path) => Do(FileCall.CreateDirectory, path, () => inner.CreateDirectory(path));

    public bool TryLink(string existingPath, string newPath)
    {
        Before?.Invoke(FileCall.Link, newPath);
        return inner.TryLink(existingPath, newPath);
    }

    public void Rename(string oldPath, string newPath) => Do(FileCall.Rename, oldPath, () => inner.Rename(oldPath, newPath));

    public void Delete(string path) => Do(FileCall.Delete, path, () => inner.Delete(path));

    public void DeleteDirectory(string path) => Do(FileCall.DeleteDirectory, path, () => inner.DeleteDirectory(path));

    public void SyncDirectory(string path) => Do(FileCall.SyncDirectory, path, () => inner.SyncDirectory(path));

    public IDisposable? TryLock(string path, LockMode mode = LockMode.Exclusive)
    {
        Before?.Invoke(FileCall.Lock, path);
        return inner.TryLock(path, mode);
    }

    public IStoreFile? TryLockExisting(string path)
    {
        Before?.Invoke(FileCall.Lock, path);
        return inner.TryLockExisting(path) is { } file ? new HookedFile(this, file) : null;
    }

    private void Do(FileCall call, string path, Action action)
    {
        Before?.Invoke(call, path);
        action();
    }

    private HookedFile Open(FileCall call, string path, Func<string, IStoreFile> open)
    {
        Before?.Invoke(call, path);
        return new HookedFile(this, open(path));
    }

    private sealed class HookedFile(HookedFileSystem owner, IStoreFile file) : IStoreFile
    {
        public string Path => file.Path;

        public long Length => file.Length;

        public int Read(long offset, Span<byte> buffer)
        {
            owner.Before?.Invoke(FileCall.Read, Path);
            return file.Read(offset, buffer);
        }

        public void Write(long offset, ReadOnlySpan<byte> bytes)
        {
            owner.Before?.Invoke(FileCall.Write, Path);
            file.Write(offset, bytes);
        }

        public void SetLength(long length)
        {
            owner.Before?.Invoke(FileCall.SetLength, Path);
            file.SetLength(length);
        }

        public void SyncData()
        {
            owner.Before?.Invoke(FileCall.SyncData, Path);
            file.SyncData();
        }

        public void Dispose() => file.Dispose();
    }
}
