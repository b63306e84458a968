using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace EntityActors.Actors.Tls;

/// <summary>One handshake in which both ends show a certificate and check the other's.</summary>
/// <remarks>
/// Who dials checks the authority, the time, the use and that the certificate is for the host that was dialled. Who is dialled checks the same
/// but the host: the socket does not tell it. Nothing of an earlier connection is resumed, so every connection is checked as a whole.
/// </remarks>
internal sealed class TlsHandshake(MemberCertificate certificate, string? dialledHost)
{
    // Older ones are broken. The newest that both ends know is taken.
    private const SslProtocols Versions = SslProtocols.Tls12 | SslProtocols.Tls13;

    private string? _objection;

    /// <summary>Owns the socket from now on.</summary>
    /// <exception cref="AuthenticationException">The peer is refused, and why, or it refused this node or speaks no TLS.</exception>
    /// <exception cref="IOException">The connection ended meanwhile.</exception>
    public async Task<SslStream> RunAsync(Socket socket, CancellationToken cancellation)
    {
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
        try
        {
            if (dialledHost is null) await stream.AuthenticateAsServerAsync(ServerOptions(), cancellation);
            else await stream.AuthenticateAsClientAsync(ClientOptions(dialledHost), cancellation);
            return stream;
        }
        catch (Exception cause)
        {
            await stream.DisposeAsync();
            if (_objection is null) throw;
            throw new AuthenticationException(_objection, cause);
        }
    }

    private SslServerAuthenticationOptions ServerOptions() => new()
    {
        EnabledSslProtocols = Versions,
        ServerCertificateContext = certificate.Shown,
        ClientCertificateRequired = true,
        CertificateChainPolicy = certificate.NewClientPolicy(),
        RemoteCertificateValidationCallback = Accepts,
        AllowRenegotiation = false,
        AllowTlsResume = false,
    };

    private SslClientAuthenticationOptions ClientOptions(string host) => new()
    {
        EnabledSslProtocols = Versions,
        TargetHost = host,
        ClientCertificateContext = certificate.Shown,
        CertificateChainPolicy = certificate.NewServerPolicy(),
        RemoteCertificateValidationCallback = Accepts,
        AllowRenegotiation = false,
        AllowTlsResume = false,
    };

    private bool Accepts(object sender, X509Certificate? shown, X509Chain? chain, SslPolicyErrors errors)
    {
        _objection = ObjectionTo(shown as X509Certificate2, chain, errors);
        return _objection is null;
    }

    private string? ObjectionTo(X509Certificate2? shown, X509Chain? chain, SslPolicyErrors errors)
    {
        if (shown is null || chain is null) return "it shows no certificate";
        if (CertificateObjection.To(shown, chain, dialledHost) is { } objection) return objection.Text;
        return errors == SslPolicyErrors.None ? null : $"its certificate is not accepted: {errors}";
    }
}
