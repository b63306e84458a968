namespace EntityActors.Simulation.Tests.Disk;

/// <summary>Kinds of calls to the disk.</summary>
internal enum DiskCallKind
{
    Open = 1,
    Create,
    Look,
    List,
    MakeDirectory,
    Link,
    Rename,
    Delete,
    DeleteDirectory,
    SyncDirectory,
    Lock,
    Read,
    Write,
    SetLength,
    Sync,
}

/// <summary>One call to the disk, before it takes effect.</summary>
/// <param name="Number">Counted from 1 over all calls of a process.</param>
internal readonly record struct DiskCall(long Number, DiskCallKind Kind, string Path)
{
    /// <summary>Whether the disk is another one afterwards: reads leave nothing for a crash to change.</summary>
    public bool IsChange => Kind is not (DiskCallKind.Open or DiskCallKind.Look or DiskCallKind.List or DiskCallKind.Read);
}

/// <summary>Which calls fail, how.</summary>
/// <param name="First">Number of the first call that fails; earlier ones succeed.</param>
/// <param name="Count">How many of those that can fail do so from there on.</param>
/// <param name="LosesUnsynced">Whether a failed sync throws away what it should have stored, so that the next one succeeds for nothing.</param>
internal sealed record DiskFault(long First, int Count, int ErrorNumber, bool LosesUnsynced)
{
    public const int InputOutput = 5;
    public const int NoSpace = 28;

    public bool Hits(DiskCall call, int failedSoFar)
    {
        if (call.Number < First || failedSoFar >= Count) return false;
        // A full disk refuses what takes room and nothing else.
        return ErrorNumber != NoSpace || call.Kind is DiskCallKind.Create or DiskCallKind.MakeDirectory or DiskCallKind.Link
            or DiskCallKind.Lock or DiskCallKind.Write or DiskCallKind.SetLength;
    }
}
