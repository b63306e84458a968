namespace EntityActors.Storage.Io;

/// <summary>The only door to disk. Paths are absolute. Every method throws <see cref="Model.StoreIoException"/> with the errno on failure.</summary>
/// <remarks>
/// Implementations: <see cref="PosixFileSystem"/>, and simulated or faulty ones in tests. A file's bytes are durable after
/// <see cref="IStoreFile.SyncData"/>; its name is durable after <see cref="SyncDirectory"/> of its directory.
/// Thread-safe; files are safe for concurrent reads.
/// </remarks>
public interface IFileSystem
{
    /// <summary>Opens an existing file for reading.</summary>
    IStoreFile OpenRead(string path);

    /// <summary>Opens an existing file for reading and writing.</summary>
    IStoreFile OpenWrite(string path);

    /// <summary>Creates a file that must not exist, for reading and writing.</summary>
    IStoreFile Create(string path);

    bool FileExists(string path);

    bool DirectoryExists(string path);

    /// <summary>Names (not paths) of the entries of a directory, in ordinal order; empty when there is no such directory.</summary>
    IReadOnlyList<string> List(string directory);

    /// <summary>Creates a directory and, where missing, its parents; syncs the parent of each one it created, and of this one in any case.</summary>
    /// <remarks>Also of one that exists: who made it may have been killed before the sync, and a power cut would then take it away.</remarks>
    void CreateDirectory(string path);

    /// <summary>Gives an existing file a second name, which must be free: a compare-and-swap on the name.</summary>
    /// <returns>False when <paramref name="newPath"/> exists already.</returns>
    bool TryLink(string existingPath, string newPath);

    /// <summary>Replaces the name. Not durable before the directory is synced.</summary>
    void Rename(string oldPath, string newPath);

    /// <summary>Removes a name; it is no error when there is none.</summary>
    void Delete(string path);

    /// <summary>Removes an empty directory; it is no error when there is none.</summary>
    void DeleteDirectory(string path);

    /// <summary>Makes creations, links, renames and deletions in this directory durable.</summary>
    void SyncDirectory(string path);

    /// <summary>Takes a lock on a file, creating it; it ends with the process or with <see cref="IDisposable.Dispose"/>.</summary>
    /// <returns>Null when a holder has it that excludes this one.</returns>
    IDisposable? TryLock(string path, LockMode mode = LockMode.Exclusive);

    /// <summary>Takes a shared lock on a file that exists and gives what was locked: that is what is read, whatever becomes of the name.</summary>
    /// <returns>Null while it has an exclusive holder.</returns>
    /// <exception cref="Model.StoreIoException">Also when there is no such file, which <see cref="Model.StoreIoException.IsMissing"/> tells.</exception>
    IStoreFile? TryLockExisting(string path);
}

/// <summary>An open file. Reads may run concurrently; writes have one owner.</summary>
public interface IStoreFile : IDisposable
{
    string Path { get; }

    long Length { get; }

    /// <summary>Reads until the buffer is full or the file ends.</summary>
    /// <returns>Number of bytes read; less than asked for only at the end of the file.</returns>
    int Read(long offset, Span<byte> buffer);

    /// <summary>Writes all bytes or throws.</summary>
    void Write(long offset, ReadOnlySpan<byte> bytes);

    void SetLength(long length);

    /// <summary>fdatasync: returns only when the bytes and the length are on the device. A failure is never retried by the caller.</summary>
    void SyncData();

    /// <summary>Lets the next read of these bytes come from the device, where the system keeps a copy of what is stored. A hint.</summary>
    void DropCached(long offset, long count)
    {
    }
}
