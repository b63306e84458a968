using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using EntityActors.Actors.Tls;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Tls;
using Xunit;

namespace EntityActors.Actors.Tests.Tls;

/// <summary>Each end against a peer that is no member, over real sockets.</summary>
public sealed class TlsHandshakeTests : IDisposable
{
    private const string Host = "127.0.0.1";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly TempDirectory _directory = new();
    private readonly TestAuthority _authority = new();
    private readonly CancellationTokenSource _limit = new(Limit);

    public void Dispose()
    {
        _limit.Dispose();
        _authority.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Two_members_agree_on_the_newest_version_and_each_has_seen_the_others_certificate()
    {
        var (dialling, dialled) = await SocketsAsync();
        var accepting = new TlsHandshake(Member(), null).RunAsync(dialled, _limit.Token);
        await using var client = await new TlsHandshake(Member(), Host).RunAsync(dialling, _limit.Token);
        await using var server = await accepting;
        Assert.Equal(SslProtocols.Tls13, client.SslProtocol);
        Assert.True(client.IsMutuallyAuthenticated && server.IsMutuallyAuthenticated);
        Assert.NotNull(server.RemoteCertificate);
    }

    [Fact]
    public async Task A_member_refuses_whoever_dials_it_without_a_certificate_of_the_authority()
    {
        using var other = new TestAuthority("other");
        using var forger = new TestAuthority(_authority.Issue([Host]));
        await DiallerIsRefusedAsync(null, "no certificate");
        await DiallerIsRefusedAsync(other.Issue([Host]), "does not come from the cluster's authority");
        await DiallerIsRefusedAsync(forger.Issue([Host]), "does not come from the cluster's authority");
        await DiallerIsRefusedAsync(_authority.Issue([Host], TimeSpan.FromDays(-1)), "valid from");
        await DiallerIsRefusedAsync(_authority.Issue([Host], null, TestAuthority.ServerUse), "extended key usage");
        Assert.Null(await DialAsync(_authority.Issue([Host])));
    }

    [Fact]
    public async Task A_member_refuses_whom_it_dials_without_a_certificate_of_the_authority_for_the_host()
    {
        using var other = new TestAuthority("other");
        using var forger = new TestAuthority(_authority.Issue([Host]));
        await DialledIsRefusedAsync(other.Issue([Host]), "does not come from the cluster's authority");
        await DialledIsRefusedAsync(forger.Issue([Host]), "does not come from the cluster's authority");
        await DialledIsRefusedAsync(_authority.Issue([Host], TimeSpan.FromDays(-1)), "valid from");
        await DialledIsRefusedAsync(_authority.Issue([Host], null, TestAuthority.ClientUse), "extended key usage");
        await DialledIsRefusedAsync(_authority.Issue(["127.0.0.2", "node-1.example"]), $"is not for {Host}");
        await DialledIsRefusedAsync(_authority.IssueForCommonName(Host), $"is not for {Host}");
        Assert.Null(await AcceptAsync(_authority.Issue([Host])));
    }

    /// <summary>Bytes by hand: the library of this machine may refuse to speak them.</summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, true)]
    public async Task Versions_before_1_2_are_refused(byte minor, bool isSpoken)
    {
        var (dialling, dialled) = await SocketsAsync();
        using var _ = dialling;
        var accepting = new TlsHandshake(Member(), null).RunAsync(dialled, _limit.Token);
        await dialling.SendAsync(ClientHello(minor), _limit.Token);
        var answer = new byte[5];
        await using var stream = new NetworkStream(dialling);
        await stream.ReadExactlyAsync(answer, _limit.Token);
        const byte alert = 21, handshake = 22;
        Assert.Equal(isSpoken ? handshake : alert, answer[0]);
        if (!isSpoken) await Assert.ThrowsAsync<AuthenticationException>(() => accepting);
        dialling.Close();
        await Assert.ThrowsAnyAsync<Exception>(() => accepting);
    }

    [Fact]
    public async Task A_peer_that_says_nothing_or_no_tls_is_given_up()
    {
        var (dialling, dialled) = await SocketsAsync();
        using (dialling)
        {
            using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new TlsHandshake(Member(), null).RunAsync(dialled, soon.Token));
        }

        (dialling, dialled) = await SocketsAsync();
        using (dialling)
        {
            await dialling.SendAsync("GET / HTTP/1.0\r\n\r\n"u8.ToArray(), _limit.Token);
            await Assert.ThrowsAsync<AuthenticationException>(() => new TlsHandshake(Member(), null).RunAsync(dialled, _limit.Token));
        }
    }

    [SuppressMessage("Security", "CA5359:Do Not Disable Certificate Validation", Justification = "The stranger is not what is tested.")]
    private static bool TakesAny(object sender, object? certificate, object? chain, SslPolicyErrors errors) => true;

    private async Task DiallerIsRefusedAsync(IssuedCertificate? shown, string reason) =>
        Assert.Contains(reason, Assert.IsType<AuthenticationException>(await DialAsync(shown)).Message, StringComparison.Ordinal);

    private async Task DialledIsRefusedAsync(IssuedCertificate shown, string reason) =>
        Assert.Contains(reason, Assert.IsType<AuthenticationException>(await AcceptAsync(shown)).Message, StringComparison.Ordinal);

    /// <summary>What a member says to somebody who dials it with this certificate and takes any; null when it is accepted.</summary>
    private async Task<Exception?> DialAsync(IssuedCertificate? shown)
    {
        var (dialling, dialled) = await SocketsAsync();
        using var certificate = shown?.Load();
        await using var stranger = new SslStream(new NetworkStream(dialling, ownsSocket: true));
        var accepting = new TlsHandshake(Member(), null).RunAsync(dialled, _limit.Token);
        var calling = stranger.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = Host,
            ClientCertificateContext = certificate is null ? null : SslStreamCertificateContext.Create(certificate, null, offline: true),
            RemoteCertificateValidationCallback = TakesAny,
        }, _limit.Token);
        return await OutcomeAsync(accepting, calling);
    }

    /// <summary>What a member says to somebody whom it dials, who shows this certificate and takes any; null when it is accepted.</summary>
    private async Task<Exception?> AcceptAsync(IssuedCertificate shown)
    {
        var (dialling, dialled) = await SocketsAsync();
        using var certificate = shown.Load();
        await using var stranger = new SslStream(new NetworkStream(dialled, ownsSocket: true));
        var calling = new TlsHandshake(Member(), Host).RunAsync(dialling, _limit.Token);
        var accepting = stranger.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true),
            RemoteCertificateValidationCallback = TakesAny,
        }, _limit.Token);
        return await OutcomeAsync(calling, accepting);
    }

    private static async Task<Exception?> OutcomeAsync(Task<SslStream> member, Task stranger)
    {
        var refusal = await Record.ExceptionAsync(() => member);
        if (refusal is null) await (await member).DisposeAsync();
        // It may have ended well on its side, before it was refused.
        _ = await Record.ExceptionAsync(() => stranger);
        return refusal;
    }

    private MemberCertificate Member()
    {
        var files = _authority.Issue([Host]).WriteTo(_directory.Path, Guid.NewGuid().ToString("n"), _authority);
        return MemberCertificate.Load(new TlsFiles(files.Certificate, files.Key, files.Authority), Host);
    }

    private static async Task<(Socket Dialling, Socket Dialled)> SocketsAsync()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var dialling = new Socket(SocketType.Stream, ProtocolType.Tcp);
        var accepting = listener.AcceptSocketAsync();
        await dialling.ConnectAsync(listener.LocalEndpoint);
        return (dialling, await accepting);
    }

    /// <param name="minor">Newest version that is offered: 1 is TLS 1.0, 3 is TLS 1.2.</param>
    private static byte[] ClientHello(byte minor)
    {
        // ECDHE-ECDSA with AES-CBC-SHA (1.0 on) and AES-GCM (1.2).
        byte[] suites = [0xC0, 0x09, 0xC0, 0x0A, 0xC0, 0x2B, 0xC0, 0x2C];
        byte[] extensions =
        [
            0x00, 0x0A, 0x00, 0x04, 0x00, 0x02, 0x00, 0x17, // groups: P-256
            0x00, 0x0B, 0x00, 0x02, 0x01, 0x00, // point formats: uncompressed
            0x00, 0x0D, 0x00, 0x06, 0x00, 0x04, 0x04, 0x03, 0x02, 0x03, // signatures: ECDSA with SHA-256, SHA-1
        ];
        byte[] body =
        [
            3, minor, .. new byte[32], 0, 0, (byte)suites.Length, .. suites, 1, 0, 0, (byte)extensions.Length, .. extensions,
        ];
        return [22, 3, 1, 0, (byte)(body.Length + 4), 1, 0, 0, (byte)body.Length, .. body];
    }
}
