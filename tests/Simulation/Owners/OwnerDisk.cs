using EntityActors.Simulation.Tests.Disk;
using EntityActors.Storage.Io;

namespace EntityActors.Simulation.Tests.Owners;

/// <summary>One disk that several processes use: its files, who holds which lock, and who is told of each call before it takes effect.</summary>
internal sealed class OwnerDisk(DiskState state)
{
    private readonly List<(string Path, OwnerFileSystem Holder, LockMode Mode)> _locks = [];

    public SimulatedFileSystem Files { get; } = new(state);

    /// <summary>Called before each call takes effect, on the thread of the process that makes it; may hold it there. Null: nobody is held.</summary>
    public Action<OwnerFileSystem, OwnerCall>? BeforeCall { get; set; }

    public bool TryLock(string path, OwnerFileSystem holder, LockMode mode)
    {
        if (_locks.Any(held => held.Path == path && (held.Mode == LockMode.Exclusive || mode == LockMode.Exclusive))) return false;
        _locks.Add((path, holder, mode));
        return true;
    }

    public void Unlock(string path, OwnerFileSystem holder) => _locks.RemoveAll(held => held.Path == path && held.Holder == holder);

    /// <summary>The process is gone: its locks are free, and no call of it has an effect any more.</summary>
    public void Kill(OwnerFileSystem process)
    {
        process.IsDead = true;
        _locks.RemoveAll(held => held.Holder == process);
    }
}
