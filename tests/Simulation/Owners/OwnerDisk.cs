using EntityActors.Simulation.Tests.Disk;

namespace EntityActors.Simulation.Tests.Owners;

/// <summary>One disk that several processes use: its files, who holds which lock, and who is told of each call before it takes effect.</summary>
internal sealed class OwnerDisk(DiskState state)
{
    private readonly Dictionary<string, OwnerFileSystem> _locks = new(StringComparer.Ordinal);

    public SimulatedFileSystem Files { get; } = new(state);

    /// <summary>Called before each call takes effect, on the thread of the process that makes it; may hold it there. Null: nobody is held.</summary>
    public Action<OwnerFileSystem, OwnerCall>? BeforeCall { get; set; }

    public bool TryLock(string path, OwnerFileSystem holder) => _locks.TryAdd(path, holder);

    public void Unlock(string path, OwnerFileSystem holder)
    {
        if (_locks.TryGetValue(path, out var found) && found == holder) _locks.Remove(path);
    }

    /// <summary>The process is gone: its locks are free, and no call of it has an effect any more.</summary>
    public void Kill(OwnerFileSystem process)
    {
        process.IsDead = true;
        foreach (var path in _locks.Where(held => held.Value == process).Select(held => held.Key).ToArray()) _locks.Remove(path);
    }
}
