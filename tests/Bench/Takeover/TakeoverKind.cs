namespace EntityActors.Bench.Takeover;

/// <summary>What happens to one node.</summary>
internal enum TakeoverKind
{
    /// <summary>SIGKILL to a node that is not the oldest.</summary>
    Kill,

    /// <summary>SIGKILL to the oldest node, where the coordinator of the shards runs.</summary>
    Coordinator,

    /// <summary>SIGSTOP, until its shards are served by others.</summary>
    Freeze,

    /// <summary>Nothing of what it and the other nodes send each other arrives. Needs root, for network namespaces.</summary>
    Cut,

    /// <summary>SIGTERM.</summary>
    Sigterm,

    /// <summary>SIGSTOP for two seconds, after which nothing may have moved.</summary>
    Pause,
}
