using System.Collections.Concurrent;
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
    private readonly ConcurrentDictionary<IDisposable, byte> _open = new(ReferenceEqualityComparer.Instance);

    /// <summary>Called before each call with its path. Throwing fails the call; nothing of it is then done.</summary>
    public Action<FileCall, string>? Before { get; set; }

    /// <summary>Called after each call that was made, also after one that failed.</summary>
    public Action<FileCall, string>? After { get; set; }

    public static StoreIoException Failure(string path, int errno = 5) => new("test", path, errno, "injected");

    /// <summary>Closes every file and lock that is open, as the end of a process does. No call may be under way.</summary>
    public void CloseAll()
    {
        foreach (var open in _open.Keys) open.Dispose();
    }

    public IStoreFile OpenRead(string path) => Open(FileCall.OpenRead, path, inner.OpenRead);

    public IStoreFile OpenWrite(string path) => Open(FileCall.OpenWrite, path, inner.OpenWrite);

    public IStoreFile Create(string path) => Open(FileCall.Create, path, inner.Create);

    public bool FileExists(string path) => Do(FileCall.Exists, path, () => inner.FileExists(path));

    public bool DirectoryExists(string path) => Do(FileCall.Exists, path, () => inner.DirectoryExists(path));

    public IReadOnlyList<string> List(string directory) => Do(FileCall.List, directory, () => inner.List(directory));

    public void CreateDirectory(string path) => Do(FileCall.CreateDirectory, path, () => inner.CreateDirectory(path));

    public bool TryLink(string existingPath, string newPath) => Do(FileCall.Link, newPath, () => inner.TryLink(existingPath, newPath));

    public void Rename(string oldPath, string newPath) => Do(FileCall.Rename, oldPath, () => inner.Rename(oldPath, newPath));

    public void Delete(string path) => Do(FileCall.Delete, path, () => inner.Delete(path));

    public void DeleteDirectory(string path) => Do(FileCall.DeleteDirectory, path, () => inner.DeleteDirectory(path));

    public void SyncDirectory(string path) => Do(FileCall.SyncDirectory, path, () => inner.SyncDirectory(path));

    public IDisposable? TryLock(string path, LockMode mode = LockMode.Exclusive) =>
        Do(FileCall.Lock, path, () => inner.TryLock(path, mode) is { } held ? new HookedLock(this, held) : null);

    public IStoreFile? TryLockExisting(string path) =>
        Do(FileCall.Lock, path, () => inner.TryLockExisting(path) is { } file ? new HookedFile(this, file) : null);

    private void Do(FileCall call, string path, Action action) => Do(call, path, () =>
    {
        action();
        return true;
    });

    private T Do<T>(FileCall call, string path, Func<T> action)
    {
        Before?.Invoke(call, path);
        try
        {
            return action();
        }
        finally
        {
            After?.Invoke(call, path);
        }
    }

    private HookedFile Open(FileCall call, string path, Func<string, IStoreFile> open) => Do(call, path, () => new HookedFile(this, open(path)));

    private sealed class HookedLock : IDisposable
    {
        private readonly HookedFileSystem _owner;
        private readonly IDisposable _held;

        public HookedLock(HookedFileSystem owner, IDisposable held)
        {
            (_owner, _held) = (owner, held);
            owner._open[this] = 0;
        }

        public void Dispose()
        {
            _owner._open.TryRemove(this, out _);
            _held.Dispose();
        }
    }

    private sealed class HookedFile : IStoreFile
    {
        private readonly HookedFileSystem _owner;
        private readonly IStoreFile _file;

        public HookedFile(HookedFileSystem owner, IStoreFile file)
        {
            (_owner, _file) = (owner, file);
            owner._open[this] = 0;
        }

        public string Path => _file.Path;

        public long Length
        {
            get
            {
                try
                {
                    return _file.Length;
                }
                catch (ObjectDisposedException)
                {
                    // Closed under its owner, who expects what a disk may say.
                    throw Failure(Path);
                }
            }
        }

        public int Read(long offset, Span<byte> buffer)
        {
            _owner.Before?.Invoke(FileCall.Read, Path);
            try
            {
                return _file.Read(offset, buffer);
            }
            finally
            {
                _owner.After?.Invoke(FileCall.Read, Path);
            }
        }

        public void Write(long offset, ReadOnlySpan<byte> bytes)
        {
            _owner.Before?.Invoke(FileCall.Write, Path);
            try
            {
                _file.Write(offset, bytes);
            }
            finally
            {
                _owner.After?.Invoke(FileCall.Write, Path);
            }
        }

        public void SetLength(long length) => _owner.Do(FileCall.SetLength, Path, () => _file.SetLength(length));

        public void SyncData() => _owner.Do(FileCall.SyncData, Path, _file.SyncData);

        public void Dispose()
        {
            _owner._open.TryRemove(this, out _);
            _file.Dispose();
        }
    }
}
