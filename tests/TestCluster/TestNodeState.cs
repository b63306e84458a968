namespace EntityActors.TestCluster;

/// <summary>What a node of a test cluster does now.</summary>
public enum TestNodeState
{
    Running = 1,

    /// <summary>It stands still.</summary>
    Paused = 2,

    /// <summary>It was killed or stopped, or ended because the cluster goes on without it.</summary>
    Ended = 3,
}
