using EntityActors.Storage.Io;

namespace EntityActors.Tests.Shared.Faults;

/// <summary>A disk that stores other bytes than it was given, where a test asks for it, and reports success.</summary>
public sealed class TamperingFileSystem(IFileSystem inner) : IFileSystem
{
    /// <summary>Given path, offset and bytes of a write: the bytes to store instead (fewer are a short write), or null for the same.</summary>
    public Func<string, long, byte[], byte[]?>? Tamper { get; set; }

    public IStoreFile OpenRead(string path) => inner.OpenRead(path);

    public IStoreFile OpenWrite(string path) => new TamperedFile(this, inner.OpenWrite(path));

    public IStoreFile Create(string path) => new TamperedFile(this, inner.Create(path));

    public bool FileExists(string path) => inner.FileExists(path);

    public bool DirectoryExists(string path) => inner.DirectoryExists(path);

    public IReadOnlyList<string> List(string directory) => inner.List(directory);

    public void CreateDirectory(string path) => inner.CreateDirectory(path);

    public bool TryLink(string existingPath, string newPath) => inner.TryLink(existingPath, newPath);

    public void Rename(string oldPath, string newPath) => inner.Rename(oldPath, newPath);

    public void Delete(string path) => inner.Delete(path);

    public void DeleteDirectory(string path) => inner.DeleteDirectory(path);

    public void SyncDirectory(string path) => inner.SyncDirectory(path);

    public IDisposable? TryLock(string path, LockMode mode = LockMode.Exclusive) => inner.TryLock(path, mode);

    public IStoreFile? TryLockExisting(string path) => inner.TryLockExisting(path);

    private sealed class TamperedFile(TamperingFileSystem owner, IStoreFile file) : IStoreFile
    {
        public string Path => file.Path;

        public long Length => file.Length;

        public int Read(long offset, Span<byte> buffer) => file.Read(offset, buffer);

        public void Write(long offset, ReadOnlySpan<byte> bytes) =>
            file.Write(offset, owner.Tamper is { } tamper && tamper(Path, offset, bytes.ToArray()) is { } other ? other : bytes);

        public void SetLength(long length) => file.SetLength(length);

        public void SyncData() => file.SyncData();

        public void Dispose() => file.Dispose();
    }
}
