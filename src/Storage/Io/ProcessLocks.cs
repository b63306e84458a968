using System.Globalization;
using System.Text;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Io;

/// <summary>Locks that processes of one machine hold for as long as they live, so that another one can prove that one of them is dead. Thread-safe.</summary>
/// <remarks>
/// <para>A process writes who it is into a file, locks it, and only then gives it its name. The kernel releases the lock when the last thread of the
/// process has ended, so whoever gets the lock knows: it is dead, and nothing of it will ever write again.</para>
/// <para>Proof needs both: the lock, and in the file <i>that was locked</i>, read through the same descriptor, exactly what this process must have
/// written. So it does not matter what happens to names. A file that was deleted while its process lives is not found, and proves nothing. One that was
/// replaced says something else, or is not of this boot of this machine: locks are shared by the processes of one kernel, not by all that
/// see a directory. Process numbers, which the system uses again, say nothing here.</para>
/// <para>Names hold the uid and are given once, so a lock is never taken twice by its owner.</para>
/// </remarks>
/// <param name="directory">Where the locks are; made by the first one held.</param>
/// <param name="machine">Names this boot of this machine.</param>
public sealed class ProcessLocks(IFileSystem files, string directory, string machine)
{
    private const string Suffix = ".lock";
    private const string TemporarySuffix = ".tmp";

    /// <summary>Holds this process's own lock until the process ends or the result is disposed, which removes it.</summary>
    /// <exception cref="StoreIoException">The disk refused, or its locks exclude nobody: no peer can prove this process dead.</exception>
    public IDisposable Hold(ProcessIdentity self)
    {
        files.CreateDirectory(directory);
        var path = PathOf(self.Uid);
        var temporary = path + TemporarySuffix;
        // Whole, on disk and locked before it has its name: nobody finds it without its lock, or half of it.
        WriteWhole(temporary, ContentOf(self));
        var held = files.TryLock(temporary) ?? throw Refused("flock", temporary, "another process holds it");
        Publish(temporary, path, held);
        try
        {
            files.Delete(temporary);
            files.SyncDirectory(directory);
            using var second = files.TryLockExisting(path);
            if (second is not null) throw Refused("flock", path, "this file system gives a lock to two holders");
            using var written = files.OpenRead(path);
            if (!Holds(written, ContentOf(self))) throw Refused("link", path, "it was removed and made again while it was written");
            return new HeldLock(files, path, held);
        }
        catch
        {
            Remove(files, path, held);
            throw;
        }
    }

    /// <summary>Looks at the lock of a process. Several may look at once: they share it, and only its owner excludes them.</summary>
    /// <exception cref="StoreIoException">The disk refused.</exception>
    public ProcessLockState Look(ProcessIdentity process)
    {
        try
        {
            using var file = files.TryLockExisting(PathOf(process.Uid));
            if (file is null) return ProcessLockState.Held;
            return Holds(file, ContentOf(process)) ? ProcessLockState.Released : ProcessLockState.Foreign;
        }
        catch (StoreIoException failure) when (failure.IsMissing)
        {
            return ProcessLockState.Missing;
        }
    }

    /// <summary>Removes locks of dead processes.</summary>
    /// <param name="isNeeded">Whether somebody may still ask about the process with this uid.</param>
    /// <exception cref="StoreIoException">The disk refused.</exception>
    public void RemoveReleased(Func<long, bool> isNeeded)
    {
        foreach (var name in files.List(directory))
        {
            if (TryParseName(name, out var uid) && !isNeeded(uid)) RemoveIfReleased(Path.Combine(directory, name));
        }
    }

    /// <summary>Gives the lock its name, which must be free: one that is not is another process's, and stays.</summary>
    private void Publish(string temporary, string path, IDisposable held)
    {
        try
        {
            if (!files.TryLink(temporary, path)) throw Refused("link", path, "another process has this uid");
        }
        catch
        {
            using (held) files.Delete(temporary);
            throw;
        }
    }

    private static StoreIoException Refused(string operation, string path, string reason) => new(operation, path, errorNumber: 0, reason);

    private static bool Holds(IStoreFile file, byte[] expected)
    {
        var content = new byte[expected.Length + 1];
        var count = file.Read(0, content);
        return content.AsSpan(0, count).SequenceEqual(expected);
    }

    private static bool TryParseName(string name, out long uid)
    {
        if (name.EndsWith(TemporarySuffix, StringComparison.Ordinal)) name = name[..^TemporarySuffix.Length];
        uid = 0;
        return name.EndsWith(Suffix, StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(0, name.Length - Suffix.Length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uid);
    }

    private void RemoveIfReleased(string path)
    {
        try
        {
            using var file = files.TryLockExisting(path);
            if (file is not null) files.Delete(path);
        }
        catch (StoreIoException failure) when (failure.IsMissing)
        {
            // Another process was faster.
            return;
        }
    }

    private void WriteWhole(string path, byte[] content)
    {
        using var file = files.Create(path);
        file.Write(0, content);
        file.SyncData();
    }

    private string PathOf(long uid) => Path.Combine(directory, uid.ToString("x16", CultureInfo.InvariantCulture) + Suffix);

    private byte[] ContentOf(ProcessIdentity process) =>
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{process.Address} {process.Uid} {machine}\n"));

    /// <remarks>The name first: while it is there, the lock is held, also when it cannot be removed. One that lives leaves no proof of its death.</remarks>
    private static void Remove(IFileSystem files, string path, IDisposable held)
    {
        files.Delete(path);
        held.Dispose();
    }

    private sealed class HeldLock(IFileSystem files, string path, IDisposable held) : IDisposable
    {
        public void Dispose()
        {
            try
            {
                Remove(files, path, held);
            }
            catch (StoreIoException)
            {
                // Then it goes on being held until the process ends.
                return;
            }
        }
    }
}
