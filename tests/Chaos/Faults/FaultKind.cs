namespace EntityActors.Chaos.Faults;

/// <summary>What the nemesis can do.</summary>
public enum FaultKind
{
    /// <summary>SIGKILL of one node, started again after a while.</summary>
    Kill = 1,

    /// <summary>SIGKILL of the oldest node, where the cluster's singletons (the shard coordinator) run.</summary>
    KillOldest = 2,

    KillAll = 3,

    /// <summary>SIGSTOP, and SIGCONT later: by then others may have taken over, and the node does not know.</summary>
    Pause = 4,

    /// <summary>SIGTERM of one node, started again.</summary>
    Terminate = 5,

    /// <summary>SIGTERM and start of one node after the other.</summary>
    RollingRestart = 6,

    /// <summary>One node and the others do not hear each other.</summary>
    Cut = 7,

    /// <summary>One node is heard by the others, or hears them, but not both.</summary>
    CutOneWay = 8,

    /// <summary>The wall clock of one node jumps, and jumps back.</summary>
    ClockStep = 9,

    DiskFull = 10,

    /// <summary>Syncs and writes of one node's process fail with EIO.</summary>
    DiskError = 11,
}
