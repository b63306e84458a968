using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Model;

namespace EntityActors.Chaos.Clients;

/// <summary>The store as a client reaches it through one node. Thread-safe.</summary>
public interface IStoreConnection
{
    /// <summary>Sends once, with the operation's command id.</summary>
    /// <exception cref="ConnectionLostException">There was no answer.</exception>
    Task<WriteAnswer> WriteAsync(Operation operation);

    /// <summary>Null when it is absent or deleted.</summary>
    /// <exception cref="ConnectionLostException">There was no answer.</exception>
    /// <exception cref="NotAnsweredException">The answer was a problem.</exception>
    Task<EntityShape?> GetAsync(string id, long? asOf);

    /// <summary>Every entity that holds the tag.</summary>
    /// <exception cref="ConnectionLostException">There was no answer.</exception>
    /// <exception cref="NotAnsweredException">The answer was a problem.</exception>
    Task<IReadOnlyList<EntityShape>> FindAsync(string tag, long? asOf);
}

/// <summary>No answer came.</summary>
/// <param name="wasSent">False when the request surely never left.</param>
public sealed class ConnectionLostException(string message, bool wasSent, Exception cause) : Exception(message, cause)
{
    public bool WasSent => wasSent;
}

/// <summary>A read was answered with a problem.</summary>
public sealed class NotAnsweredException(int status, string message, Exception? cause) : Exception(message, cause)
{
    public int Status => status;
}
