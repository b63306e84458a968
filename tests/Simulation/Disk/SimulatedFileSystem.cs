using System.Buffers.Binary;
using System.IO.Hashing;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Simulation.Tests.Disk;

/// <summary>A disk in memory, used by one process: what is not synced is remembered as such, calls can fail, locks end with the object.</summary>
/// <remarks>
/// Promises no more than POSIX does: a sync of a file stores its bytes and length, not its name; a sync of a directory stores its names, not
/// what they stand for. Not thread-safe: a simulation is one thread.
/// </remarks>
internal sealed class SimulatedFileSystem(DiskState state) : IFileSystem
{
    private const int NoEntry = 2;
    private const int NotEmpty = 39;

    private readonly HashSet<string> _locks = new(StringComparer.Ordinal);
    private readonly XxHash64 _trace = new();
    private int _failed;

    /// <summary>The disk now.</summary>
    public DiskState State { get; private set; } = state;

    public long Calls { get; private set; }

    /// <summary>Told of each call that will change the disk, with the disk before it.</summary>
    public Action<DiskCall, DiskState>? BeforeChange { get; set; }

    /// <summary>Which calls fail. Another fault begins to count anew.</summary>
    public DiskFault? Fault
    {
        get;
        set => (field, _failed) = (value, 0);
    }

    /// <summary>Decides how much of a failing write is stored.</summary>
    public Random FaultRandom { get; set; } = new(0);

    /// <summary>Whether any call has failed so far.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Draws which reads and writes are short, so that it takes two calls to finish them; null: none.</summary>
    public Random? ShortRandom { get; set; }

    /// <summary>Whether calls and bytes are hashed.</summary>
    public bool IsTraced { get; set; }

    /// <summary>Hash over every call made so far, in order, with the bytes written.</summary>
    public ulong Trace => _trace.GetCurrentHashAsUInt64();

    public IStoreFile OpenRead(string path) => Open(path);

    public IStoreFile OpenWrite(string path) => Open(path);

    public IStoreFile Create(string path)
    {
        Enter(DiskCallKind.Create, path);
        if (Find(path) is not null) throw Failure(DiskCallKind.Create, path, 17);
        return new SimulatedFile(this, path, AddFile(path));
    }

    public bool FileExists(string path)
    {
        Enter(DiskCallKind.Look, path);
        return Find(path) is not null;
    }

    public bool DirectoryExists(string path)
    {
        Enter(DiskCallKind.Look, path);
        return HasDirectory(path);
    }

    public IReadOnlyList<string> List(string directory)
    {
        Enter(DiskCallKind.List, directory);
        return HasDirectory(directory) ? [.. State.Directories[directory].Visible.Keys] : [];
    }

    public void CreateDirectory(string path)
    {
        Enter(DiskCallKind.Look, path);
        if (Path.GetDirectoryName(path) is not { } parent) return;
        if (!HasDirectory(path))
        {
            CreateDirectory(parent);
            Enter(DiskCallKind.MakeDirectory, path);
            SetDirectory(path, DirectoryNode.Empty);
            ChangeName(path, null, Path.GetFileName(path), DirectoryEntry.Directory);
        }

        SyncDirectory(parent);
    }

    public bool TryLink(string existingPath, string newPath)
    {
        Enter(DiskCallKind.Link, newPath);
        var entry = Find(existingPath) ?? throw Failure(DiskCallKind.Link, existingPath, NoEntry);
        if (Find(newPath) is not null) return false;
        ChangeName(newPath, null, Path.GetFileName(newPath), entry);
        return true;
    }

    public void Rename(string oldPath, string newPath)
    {
        Enter(DiskCallKind.Rename, oldPath);
        if (Path.GetDirectoryName(oldPath) != Path.GetDirectoryName(newPath))
            throw new ArgumentException("a rename into another directory is not simulated", nameof(newPath));
        var entry = Find(oldPath) ?? throw Failure(DiskCallKind.Rename, oldPath, NoEntry);
        ChangeName(oldPath, Path.GetFileName(oldPath), Path.GetFileName(newPath), entry);
    }

    public void Delete(string path)
    {
        Enter(DiskCallKind.Delete, path);
        if (Find(path) is { } entry) ChangeName(path, Path.GetFileName(path), null, entry);
    }

    public void DeleteDirectory(string path)
    {
        Enter(DiskCallKind.DeleteDirectory, path);
        if (!HasDirectory(path)) return;
        if (!State.Directories[path].Visible.IsEmpty) throw Failure(DiskCallKind.DeleteDirectory, path, NotEmpty);
        ChangeName(path, Path.GetFileName(path), null, DirectoryEntry.Directory);
    }

    public void SyncDirectory(string path)
    {
        Enter(DiskCallKind.SyncDirectory, path);
        if (!HasDirectory(path)) throw Failure(DiskCallKind.SyncDirectory, path, NoEntry);
        SetDirectory(path, State.Directories[path].Sync());
    }

    public IDisposable? TryLock(string path, LockMode mode = LockMode.Exclusive)
    {
        if (mode == LockMode.Shared) throw new NotSupportedException("a simulated disk is used by one process");
        Enter(DiskCallKind.Lock, path);
        if (Find(path) is null) _ = AddFile(path);
        return _locks.Add(path) ? new HeldLock(_locks, path) : null;
    }

    public IStoreFile? TryLockExisting(string path)
    {
        Enter(DiskCallKind.Lock, path);
        if (Find(path) is not { } entry) throw Failure(DiskCallKind.Lock, path, NoEntry);
        return _locks.Contains(path) ? null : new SimulatedFile(this, path, entry.File);
    }

    /// <summary>Counts the call, reports it, and fails it when it is its turn.</summary>
    internal void Enter(DiskCallKind kind, string path)
    {
        if (Begin(kind, path) is { } failure) throw failure;
    }

    internal StoreIoException? Begin(DiskCallKind kind, string path)
    {
        var call = new DiskCall(++Calls, kind, path);
        if (IsTraced) Hash(call);
        if (call.IsChange) BeforeChange?.Invoke(call, State);
        if (Fault is null || !Fault.Hits(call, _failed)) return null;
        _failed++;
        HasFailed = true;
        return Failure(kind, path, Fault.ErrorNumber);
    }

    /// <summary>How much of so many bytes one call moves.</summary>
    internal int PartOf(int bytes) => bytes > 1 && ShortRandom is { } random && random.Next(3) == 0 ? random.Next(1, bytes) : bytes;

    /// <summary>Hash of what a file holds; 0 when there is none.</summary>
    internal ulong DigestOf(string path) => Find(path) is { IsDirectory: false } entry ? Node(entry.File).Visible.Digest : 0;

    internal FileNode Node(long file) => State.Files[file];

    internal void SetNode(long file, FileNode node) => State = State with { Files = State.Files.SetItem(file, node) };

    internal void HashBytes(long offset, ReadOnlySpan<byte> bytes)
    {
        if (!IsTraced) return;
        Span<byte> at = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(at, offset);
        _trace.Append(at);
        _trace.Append(bytes);
    }

    private SimulatedFile Open(string path)
    {
        Enter(DiskCallKind.Open, path);
        return Find(path) is { IsDirectory: false } entry
            ? new SimulatedFile(this, path, entry.File)
            : throw Failure(DiskCallKind.Open, path, NoEntry);
    }

    private long AddFile(string path)
    {
        var file = State.LastFile + 1;
        State = State with { LastFile = file, Files = State.Files.Add(file, FileNode.Empty) };
        ChangeName(path, null, Path.GetFileName(path), new DirectoryEntry(file));
        return file;
    }

    private DirectoryEntry? Find(string path)
    {
        var parent = Path.GetDirectoryName(path)!;
        return HasDirectory(parent) && State.Directories[parent].Visible.TryGetValue(Path.GetFileName(path), out var entry) ? entry : null;
    }

    private bool HasDirectory(string path)
    {
        if (path == DiskState.Root) return true;
        var parent = Path.GetDirectoryName(path)!;
        return State.Directories.ContainsKey(path) && State.Directories.TryGetValue(parent, out var node)
            && node.Visible.TryGetValue(Path.GetFileName(path), out var entry) && entry.IsDirectory;
    }

    private void ChangeName(string path, string? removed, string? added, DirectoryEntry entry)
    {
        var directory = Path.GetDirectoryName(path)!;
        if (!HasDirectory(directory)) throw Failure(DiskCallKind.Create, path, NoEntry);
        State = State with { LastNameChange = State.LastNameChange + 1 };
        SetDirectory(directory, State.Directories[directory].Change(State.LastNameChange, removed, added, entry));
    }

    private void SetDirectory(string path, DirectoryNode node) => State = State with { Directories = State.Directories.SetItem(path, node) };

    private void Hash(DiskCall call)
    {
        Span<byte> kind = [(byte)call.Kind];
        _trace.Append(kind);
        _trace.Append(System.Text.Encoding.UTF8.GetBytes(call.Path));
    }

    private static StoreIoException Failure(DiskCallKind kind, string path, int errorNumber) =>
        new(kind.ToString().ToLowerInvariant(), path, errorNumber, "simulated");

    private sealed class HeldLock(HashSet<string> locks, string path) : IDisposable
    {
        public void Dispose() => locks.Remove(path);
    }
}
