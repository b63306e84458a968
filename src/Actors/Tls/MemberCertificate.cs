using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EntityActors.Actors.Tls;

/// <summary>The certificate of this node and the authority that all members trust, and nothing else: roots of the machine do not count.</summary>
/// <remarks>Read once, at start. A certificate is replaced by a restart of its node.</remarks>
internal sealed class MemberCertificate
{
    private static readonly Oid ServerUse = new("1.3.6.1.5.5.7.3.1");
    private static readonly Oid ClientUse = new("1.3.6.1.5.5.7.3.2");

    private readonly X509Certificate2Collection _authority;

    private MemberCertificate(X509Certificate2 certificate, X509Certificate2Collection intermediates, X509Certificate2Collection authority)
    {
        _authority = authority;
        Shown = SslStreamCertificateContext.Create(certificate, intermediates, offline: true);
    }

    /// <summary>What this node shows its peers.</summary>
    public SslStreamCertificateContext Shown { get; }

    /// <summary>Reads and checks the files as every peer will check what this node shows.</summary>
    /// <param name="host">Name or address that the other members dial.</param>
    /// <exception cref="ClusterSecurityException">A file cannot be used, or peers would refuse the certificate.</exception>
    public static MemberCertificate Load(TlsFiles files, string host)
    {
        var authority = Certificates(files.Authority, Text(files.Authority));
        var text = Text(files.Certificate);
        var all = Certificates(files.Certificate, text);
        using var certificate = WithKey(files, text);
        var intermediates = new X509Certificate2Collection(all.Skip(1).ToArray());
        using var chain = new X509Chain { ChainPolicy = NewPolicy(authority, ServerUse, ClientUse) };
        chain.ChainPolicy.ExtraStore.AddRange(intermediates);
        _ = chain.Build(certificate);
        if (CertificateObjection.To(certificate, chain, host) is { } objection)
            throw new ClusterSecurityException(objection.Problem, $"{files.Certificate}: {objection.Text}");
        return new MemberCertificate(new X509Certificate2(certificate), intermediates, authority);
    }

    /// <summary>How the certificate of a peer is checked that this node has dialled.</summary>
    public X509ChainPolicy NewServerPolicy() => NewPolicy(_authority, ServerUse);

    /// <summary>How the certificate of a peer is checked that has dialled this node.</summary>
    public X509ChainPolicy NewClientPolicy() => NewPolicy(_authority, ClientUse);

    /// <summary>Certificates cannot be revoked: there is no list to look at. A new authority takes the place of one whose key got lost.</summary>
    private static X509ChainPolicy NewPolicy(X509Certificate2Collection authority, params ReadOnlySpan<Oid> uses)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            // Nobody who connects may send this node to fetch something somewhere.
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(authority);
        foreach (var use in uses) policy.ApplicationPolicy.Add(use);
        return policy;
    }

    private static X509Certificate2 WithKey(TlsFiles files, string certificate)
    {
        var key = Text(files.Key);
        if (!HasKey(key))
            throw new ClusterSecurityException(ClusterSecurityProblem.NoKey,
                $"{files.Key} holds no private key in PEM form that can be read without a password");
        try
        {
            return X509Certificate2.CreateFromPem(certificate, key);
        }
        catch (Exception cause) when (cause is CryptographicException or ArgumentException)
        {
            throw new ClusterSecurityException(ClusterSecurityProblem.KeyDoesNotFit,
                $"the private key in {files.Key} is not that of the certificate in {files.Certificate}: {cause.Message}");
        }
    }

    private static bool HasKey(ReadOnlySpan<char> text)
    {
        while (PemEncoding.TryFind(text, out var fields))
        {
            if (text[fields.Label] is "PRIVATE KEY" or "RSA PRIVATE KEY" or "EC PRIVATE KEY") return true;
            text = text[fields.Location.End..];
        }

        return false;
    }

    private static X509Certificate2Collection Certificates(string path, string text)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(text);
        }
        catch (CryptographicException cause)
        {
            throw new ClusterSecurityException(ClusterSecurityProblem.NoCertificate, $"a certificate in {path} cannot be read: {cause.Message}");
        }

        return certificates.Count > 0
            ? certificates
            : throw new ClusterSecurityException(ClusterSecurityProblem.NoCertificate, $"{path} holds no certificate in PEM form");
    }

    private static string Text(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new ClusterSecurityException(ClusterSecurityProblem.Unreadable, $"{path} cannot be read: {cause.Message}");
        }
    }
}
