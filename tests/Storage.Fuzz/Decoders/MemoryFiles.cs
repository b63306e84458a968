using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Fuzz.Decoders;

/// <summary>Files in memory, for decoders that read through the file system. No directories of its own: a path's prefix is one.</summary>
internal sealed class MemoryFiles : IFileSystem
{
    private const int NoSuchFile = 2;

    private readonly SortedDictionary<string, MemoryFile> _files = new(StringComparer.Ordinal);

    public MemoryFiles With(string path, byte[] bytes)
    {
        _files[path] = new MemoryFile(path) { Bytes = bytes };
        return this;
    }

    public byte[] BytesOf(string path) => Find(path).Bytes;

    public IStoreFile OpenRead(string path) => Find(path);

    public IStoreFile OpenWrite(string path) => Find(path);

    public IStoreFile Create(string path) => _files[path] = new MemoryFile(path);

    public bool FileExists(string path) => _files.ContainsKey(path);

    public bool DirectoryExists(string path) => List(path).Count > 0;

    public IReadOnlyList<string> List(string directory)
    {
        var names = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var path in _files.Keys)
        {
            if (path.Length > directory.Length + 1 && path[directory.Length] == '/' && path.StartsWith(directory, StringComparison.Ordinal))
                names.Add(path[(directory.Length + 1)..].Split('/')[0]);
        }

        return [.. names];
    }

    public void CreateDirectory(string path)
    {
        // A directory is there with its first file.
    }

    public bool TryLink(string existingPath, string newPath)
    {
        if (_files.ContainsKey(newPath)) return false;
        _files[newPath] = new MemoryFile(newPath) { Bytes = Find(existingPath).Bytes };
        return true;
    }

    public void Rename(string oldPath, string newPath)
    {
        _ = _files.Remove(newPath);
        _ = TryLink(oldPath, newPath) && _files.Remove(oldPath);
    }

    public void Delete(string path) => _files.Remove(path);

    public void DeleteDirectory(string path)
    {
        // Gone with its last file.
    }

    public void SyncDirectory(string path)
    {
        // Memory is as durable as it gets.
    }

    public IDisposable? TryLock(string path, LockMode mode = LockMode.Exclusive) => new MemoryFile(path);

    public IStoreFile? TryLockExisting(string path) => Find(path);

    private MemoryFile Find(string path) =>
        _files.TryGetValue(path, out var file) ? file : throw new StoreIoException("open", path, NoSuchFile, "no such file");

    private sealed class MemoryFile(string path) : IStoreFile
    {
        public byte[] Bytes { get; set; } = [];

        public string Path => path;

        public long Length => Bytes.Length;

        public int Read(long offset, Span<byte> buffer)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(offset);
            if (offset >= Bytes.Length) return 0;
            var count = (int)Math.Min(buffer.Length, Bytes.Length - offset);
            Bytes.AsSpan((int)offset, count).CopyTo(buffer);
            return count;
        }

        public void Write(long offset, ReadOnlySpan<byte> bytes)
        {
            if (offset + bytes.Length > Bytes.Length) SetLength(offset + bytes.Length);
            bytes.CopyTo(Bytes.AsSpan((int)offset));
        }

        public void SetLength(long length)
        {
            var longer = new byte[length];
            Bytes.AsSpan(0, (int)Math.Min(length, Bytes.Length)).CopyTo(longer);
            Bytes = longer;
        }

        public void SyncData()
        {
            // Memory is as durable as it gets.
        }

        public void Dispose()
        {
            // Nothing is held.
        }
    }
}
