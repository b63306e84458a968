namespace EntityActors.Cluster.Tests.Kill;

/// <summary>A store broke a promise. The message names seed, cycle and findings.</summary>
internal sealed class KillRunException(string message, Exception? cause) : Exception(message, cause);
