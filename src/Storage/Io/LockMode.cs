namespace EntityActors.Storage.Io;

/// <summary>Whether a lock shares its file with others.</summary>
public enum LockMode
{
    /// <summary>One holder, and nobody beside it.</summary>
    Exclusive,

    /// <summary>Any number of holders, none of them exclusive.</summary>
    Shared,
}
