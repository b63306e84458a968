namespace EntityActors.Cluster.Tests.Kill;

/// <summary>The store under test broke a promise, or the run itself failed; the message names seed and cycle.</summary>
internal sealed class KillRunException(string message, Exception? cause) : Exception(message, cause)
{
    /// <summary>All promises that were broken; the message shows the first of them.</summary>
    public IReadOnlyList<string> Findings { get; init; } = [];
}
