using System.Security.Cryptography.X509Certificates;

namespace EntityActors.Tests.Shared.Tls;

/// <summary>A certificate with its private key, both in PEM form.</summary>
public sealed record IssuedCertificate(string Certificate, string Key)
{
    /// <summary>The caller disposes it.</summary>
    public X509Certificate2 Load() => X509Certificate2.CreateFromPem(Certificate, Key);

    /// <summary>Writes both into files named after <paramref name="name"/>, and beside them the authority that the owner is to trust.</summary>
    public MemberFiles WriteTo(string directory, string name, TestAuthority trusted)
    {
        var files = new MemberFiles(Path.Combine(directory, $"{name}.pem"), Path.Combine(directory, $"{name}.key"), Path.Combine(directory, $"{name}.authority.pem"));
        File.WriteAllText(files.Certificate, Certificate);
        File.WriteAllText(files.Key, Key);
        File.WriteAllText(files.Authority, trusted.Pem);
        return files;
    }
}
