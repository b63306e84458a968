using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EntityActors.Tests.Shared.Tls;

/// <summary>A certificate authority that lives as long as a test.</summary>
public sealed class TestAuthority : IDisposable
{
    public const string ServerUse = "1.3.6.1.5.5.7.3.1";
    public const string ClientUse = "1.3.6.1.5.5.7.3.2";

    private readonly X509Certificate2 _certificate;

    public TestAuthority(string name = "test authority") => _certificate = NewRoot(name);

    /// <summary>Issues with a certificate that may not: a member's.</summary>
    public TestAuthority(IssuedCertificate issuer) => _certificate = issuer.Load();

    public string Pem => _certificate.ExportCertificatePem();

    /// <param name="hosts">Names and addresses that become alternative names.</param>
    /// <param name="validFor">From a day ago on; negative has expired.</param>
    /// <param name="uses">Extended key usage; both ends of a connection when empty.</param>
    public IssuedCertificate Issue(IReadOnlyList<string> hosts, TimeSpan? validFor = null, params string[] uses) =>
        Issue($"member of {string.Join(' ', hosts)}", hosts, validFor, uses);

    /// <summary>Without alternative names.</summary>
    public IssuedCertificate IssueForCommonName(string host) => Issue(host, [], null, []);

    private IssuedCertificate Issue(string commonName, IReadOnlyList<string> hosts, TimeSpan? validFor, string[] uses)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={commonName}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        foreach (var host in hosts)
        {
            if (IPAddress.TryParse(host, out var address)) names.AddIpAddress(address);
            else names.AddDnsName(host);
        }

        if (hosts.Count > 0) request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        var purposes = new OidCollection();
        foreach (var use in uses.Length == 0 ? [ServerUse, ClientUse] : uses) purposes.Add(new Oid(use));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(purposes, critical: false));
        var end = DateTimeOffset.UtcNow + (validFor ?? TimeSpan.FromDays(1));
        using var issuerKey = _certificate.GetECDsaPrivateKey()!;
        using var issued = request.Create(_certificate.SubjectName, X509SignatureGenerator.CreateForECDsa(issuerKey),
            end - TimeSpan.FromDays(3), end, RandomNumberGenerator.GetBytes(8));
        return new IssuedCertificate(issued.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    public void Dispose() => _certificate.Dispose();

    private static X509Certificate2 NewRoot(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-30), DateTimeOffset.UtcNow.AddDays(30));
    }
}
