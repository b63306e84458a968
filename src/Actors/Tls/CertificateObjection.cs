using System.Globalization;
using System.Security.Cryptography.X509Certificates;

namespace EntityActors.Actors.Tls;

/// <summary>Why a certificate does not prove that a peer, or this node, is a member at its host.</summary>
internal sealed record CertificateObjection(ClusterSecurityProblem Problem, string Text)
{
    private const X509ChainStatusFlags NoRoot =
        X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.NotSignatureValid;

    /// <summary>Null when there is nothing to object to.</summary>
    /// <param name="chain">Built for the certificate by <see cref="MemberCertificate.NewPolicy"/>.</param>
    /// <param name="host">Name or address that must be among the alternative names; null when nobody has dialled it.</param>
    public static CertificateObjection? To(X509Certificate2 certificate, X509Chain chain, string? host)
    {
        var found = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, static (all, status) => all | status.Status);
        if ((found & NoRoot) != 0) return new(ClusterSecurityProblem.OtherAuthority, $"{Name(certificate)} does not come from the cluster's authority");
        if (found.HasFlag(X509ChainStatusFlags.NotTimeValid)) return NotValidNow(chain);
        if (found.HasFlag(X509ChainStatusFlags.NotValidForUsage))
            return new(ClusterSecurityProblem.OtherUse, $"{Name(certificate)} is not for the end of a connection that it is used for (extended key usage)");
        if (found != X509ChainStatusFlags.NoError)
            return new(ClusterSecurityProblem.OtherAuthority, $"{Name(certificate)} does not come from the cluster's authority in a valid way: {found}");
        return host is null || IsFor(certificate, host)
            ? null
            : new(ClusterSecurityProblem.OtherHost, $"{Name(certificate)} is not for {host}, which is not among its alternative names");
    }

    /// <summary>The common name does not count: it is not meant for hosts, and an authority may not have checked it.</summary>
    private static bool IsFor(X509Certificate2 certificate, string host) =>
        certificate.MatchesHostname(host, allowWildcards: true, allowCommonName: false);

    private static CertificateObjection NotValidNow(X509Chain chain)
    {
        var outdated = chain.ChainElements
            .First(static element => element.ChainElementStatus.Any(static status => status.Status.HasFlag(X509ChainStatusFlags.NotTimeValid))).Certificate;
        return new(ClusterSecurityProblem.NotValidNow,
            $"{Name(outdated)} is valid from {Time(outdated.NotBefore)} to {Time(outdated.NotAfter)}, which is not now");
    }

    private static string Name(X509Certificate2 certificate) => $"the certificate '{certificate.Subject}'";

    private static string Time(DateTime local) => local.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
