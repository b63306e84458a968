namespace EntityActors.Actors.Cluster;

/// <summary>What a node knows of its place in the cluster: whether it may claim shards, and why it ends, if the cluster ends it. Thread-safe.</summary>
public sealed class ClusterStanding
{
    private volatile string? _claimObstacle;
    private volatile string? _downed;

    /// <summary>Why this node must not claim a shard now; null when it may.</summary>
    /// <remarks>
    /// A node that most members cannot reach is about to be replaced, or was replaced while it stood still. Fencing keeps what it would claim
    /// safe, but each claim of it takes a shard away from the owner that serves it, for nothing.
    /// </remarks>
    public string? ClaimObstacle => _claimObstacle;

    /// <summary>Why the cluster does without this node; null as long as it does not. The process ends then.</summary>
    public string? Downed => _downed;

    internal void Look(string? claimObstacle) => _claimObstacle = claimObstacle;

    /// <summary>The first reason stays.</summary>
    internal void Down(string reason) => _downed ??= reason;
}
