using System.Runtime.InteropServices;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Io;

/// <summary>The real file system of Linux; every call's errno is checked.</summary>
public sealed class PosixFileSystem : IFileSystem
{
    private const int DirectoryMode = 0b111_101_101;
    private const int FileMode = 0b110_100_100;

    public static readonly PosixFileSystem Instance = new();

    public IStoreFile OpenRead(string path) => Open(path, Posix.ReadOnly);

    public IStoreFile OpenWrite(string path) => Open(path, Posix.ReadWrite);

    public IStoreFile Create(string path) => Open(path, Posix.ReadWrite | Posix.CreateNew);

    public bool FileExists(string path) => Exists(path);

    // Not Directory.Exists: it says no when the disk fails, and a store that seems to be missing would be created anew.
    public bool DirectoryExists(string path) => Exists(Path.Combine(path, "."));

    public IReadOnlyList<string> List(string directory)
    {
        try
        {
            var names = Directory.EnumerateFileSystemEntries(directory).Select(entry => Path.GetFileName(entry)!).ToArray();
            Array.Sort(names, string.CompareOrdinal);
            return names;
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
        catch (UnauthorizedAccessException cause)
        {
            throw new StoreIoException("list", directory, Posix.AccessDenied, cause.Message);
        }
        catch (IOException cause)
        {
            // On Unix the error number is all that HResult holds.
            throw new StoreIoException("list", directory, cause.HResult, cause.Message);
        }
    }

    public void CreateDirectory(string path)
    {
        var parent = Path.GetDirectoryName(path);
        if (parent is { Length: > 0 } && !DirectoryExists(parent)) CreateDirectory(parent);
        var exists = Posix.MakeDirectory(path, DirectoryMode) != 0;
        if (exists && Marshal.GetLastPInvokeError() != Posix.FileExists) throw Posix.Failure("mkdir", path);
        if (parent is not { Length: > 0 }) return;
        try
        {
            SyncDirectory(parent);
        }
        catch (StoreIoException failure) when (exists && failure.ErrorNumber == Posix.AccessDenied)
        {
            // A parent that we may not even read is not ours: somebody else created the directory, long ago.
            return;
        }
    }

    public bool TryLink(string existingPath, string newPath)
    {
        if (Posix.Link(existingPath, newPath) == 0) return true;
        if (Marshal.GetLastPInvokeError() == Posix.FileExists) return false;
        throw Posix.Failure("link", newPath);
    }

    public void Rename(string oldPath, string newPath)
    {
        if (Posix.Rename(oldPath, newPath) != 0) throw Posix.Failure("rename", oldPath);
    }

    public void Delete(string path)
    {
        if (Posix.Unlink(path) != 0 && Marshal.GetLastPInvokeError() != Posix.NoEntry) throw Posix.Failure("unlink", path);
    }

    public void DeleteDirectory(string path)
    {
        if (Posix.RemoveDirectory(path) != 0 && Marshal.GetLastPInvokeError() != Posix.NoEntry)
            throw Posix.Failure("rmdir", path);
    }

    public void SyncDirectory(string path)
    {
        var descriptor = Posix.Open(path, Posix.ReadOnly | Posix.CloseOnExec, 0);
        if (descriptor < 0) throw Posix.Failure("open", path);
        try
        {
            if (Posix.FSync(descriptor) != 0) throw Posix.Failure("fsync", path);
        }
        finally
        {
            _ = Posix.Close(descriptor);
        }
    }

    public IDisposable? TryLock(string path, LockMode mode = LockMode.Exclusive) => Lock(path, mode, Posix.Create);

    public IStoreFile? TryLockExisting(string path) => Lock(path, LockMode.Shared, 0);

    private static bool Exists(string path)
    {
        if (Posix.Access(path, 0) == 0) return true;
        return Marshal.GetLastPInvokeError() is Posix.NoEntry or Posix.NotDirectory ? false : throw Posix.Failure("access", path);
    }

    private static PosixFile? Lock(string path, LockMode mode, int creation)
    {
        var descriptor = Posix.Open(path, Posix.ReadWrite | creation | Posix.CloseOnExec, FileMode);
        if (descriptor < 0) throw Posix.Failure("open", path);
        var operation = mode == LockMode.Shared ? Posix.LockSharedNonBlocking : Posix.LockExclusiveNonBlocking;
        if (Posix.FLock(descriptor, operation) == 0) return new PosixFile(path, descriptor);
        var held = Marshal.GetLastPInvokeError() == Posix.WouldBlock;
        var failure = Posix.Failure("flock", path);
        _ = Posix.Close(descriptor);
        return held ? null : throw failure;
    }

    private static PosixFile Open(string path, int flags)
    {
        var descriptor = Posix.Open(path, flags | Posix.CloseOnExec, FileMode);
        return descriptor < 0 ? throw Posix.Failure("open", path) : new PosixFile(path, descriptor);
    }
}
