using EntityActors.Actors.Hosting;
using Microsoft.Extensions.Logging;

namespace EntityActors.TestCluster;

/// <summary>What a test cluster is started with.</summary>
public sealed record EntityTestClusterOptions
{
    public static readonly EntityTestClusterOptions Default = new();

    /// <summary>Nodes at the start, 1 to 100.</summary>
    public int NodeCount { get; init; } = 3;

    /// <summary>Shards of the store; an existing one must have as many.</summary>
    public int ShardCount { get; init; } = 16;

    /// <summary>Null: a temporary directory, which is deleted with the cluster. A directory that is given stays.</summary>
    public string? DataDirectory { get; init; }

    /// <summary>
    /// Silence after which a member counts as unreachable; when it stays so for two seconds more it is removed. Longer than the 2.5 s of <c>ea serve</c>: nodes
    /// of one process that is busy stand still together, and none of them is to be taken for frozen.
    /// </summary>
    public TimeSpan HeartbeatPause { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>HOCON over the built-in settings and over what the other options set, the same for every node.</summary>
    public string Hocon { get; init; } = "";

    /// <summary>Changes the options of a node, after the cluster has set its own.</summary>
    public Func<EntityActorsOptions, EntityActorsOptions>? Change { get; init; }

    /// <summary>Is given what the nodes log at warning and above; the caller disposes it. Null: nothing is logged.</summary>
    public ILoggerProvider? Logs { get; init; }

    /// <summary>How long the methods that wait for something wait before they throw <see cref="TimeoutException"/>.</summary>
    public TimeSpan WaitTimeout { get; init; } = TimeSpan.FromMinutes(2);
}
