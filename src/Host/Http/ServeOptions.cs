using System.Security.Cryptography.X509Certificates;
using EntityActors.Actors.Hosting;

namespace EntityActors.Host.Http;

/// <summary>What <c>serve</c> was asked for, checked.</summary>
internal sealed record ServeOptions(
    string Data, Uri Address, int? ShardCount, IReadOnlyList<string> HoconFiles, string? Node = null, ClusterOptions? Cluster = null)
{
    /// <summary>Whether requests need a token; null leaves it to the settings.</summary>
    public bool? Authentication { get; init; }

    /// <summary>Of the user <c>admin</c> when it is made; null draws one.</summary>
    public string? AdminPassword { get; init; }

    /// <summary>For an address that begins with https.</summary>
    public HttpCertificate? Certificate { get; init; }

    /// <summary>The process is to end: a start does not wait for shards any longer.</summary>
    public CancellationToken Stopping { get; init; }

    // Records print their members.
    public override string ToString() => $"{Data} at {Address}";
}

/// <summary>What the HTTP interface shows its clients, with the private key.</summary>
/// <param name="Chain">Certificates between it and the authority that clients know.</param>
internal sealed record HttpCertificate(X509Certificate2 Own, X509Certificate2Collection Chain);
