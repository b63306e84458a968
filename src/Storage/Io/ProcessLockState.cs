namespace EntityActors.Storage.Io;

/// <summary>What a look at the lock of a process showed.</summary>
public enum ProcessLockState
{
    /// <summary>There is no such lock. Proves nothing.</summary>
    Missing,

    /// <summary>The file says something else than it must say of this process on this machine. Proves nothing.</summary>
    Foreign,

    /// <summary>The process lives.</summary>
    Held,

    /// <summary>Only its end can have released it: the process is dead.</summary>
    Released,
}
