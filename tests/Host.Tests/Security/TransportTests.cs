using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using EntityActors.Actors.Hosting;
using EntityActors.Host.Cli;
using EntityActors.Host.Http;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Processes;
using EntityActors.Tests.Shared.Tls;
using Xunit;

namespace EntityActors.Host.Tests.Security;

/// <summary>HTTPS, and what a node refuses to listen on.</summary>
public sealed class TransportTests : IDisposable
{
    private static readonly TimeSpan EndsWithin = TimeSpan.FromMinutes(1);
    private readonly TempDirectory _directory = new();
    private readonly TestAuthority _authority = new();

    public void Dispose()
    {
        _authority.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Over_https_everything_is_as_over_http_and_plain_text_gets_nothing()
    {
        var files = _authority.Issue(["127.0.0.1"]).WriteTo(_directory.Path, "http", _authority);
        string[] arguments = ["serve", "--data", _directory.File("data"), "--shards", "4", "--auth", "on", "--http", "https://127.0.0.1:0",
            "--http-certificate", files.Certificate, "--http-key", files.Key];
        await using var server = ServerProcess.Launch(EaCommand.StartInfo(arguments));
        await server.WaitReadyAsync(ServerProcess.ReadyTimeout);
        Assert.Equal("https", server.BaseAddress.Scheme);
        string[] entity = ["entity", "put", "a", "--server", server.BaseAddress.ToString(), "--data", _directory.File("data")];
        var put = await EaCommand.RunAsync(EndsWithin, [.. entity, "--server-authority", files.Authority]);
        Assert.True(put.ExitCode == 0, put.ToString());
        // Of an authority that the machine does not know: nothing is sent.
        Assert.Equal(5, (await EaCommand.RunAsync(EndsWithin, entity)).ExitCode);
        await AssertProtocolAsync(server.BaseAddress, SslProtocols.Tls12, isTaken: true);
        await AssertProtocolAsync(server.BaseAddress, SslProtocols.Tls13, isTaken: true);
#pragma warning disable SYSLIB0039, CA5397 // What is refused is asked for.
        await AssertProtocolAsync(server.BaseAddress, SslProtocols.Tls11, isTaken: false);
#pragma warning restore SYSLIB0039, CA5397
        using var plain = new HttpClient { BaseAddress = new UriBuilder(server.BaseAddress) { Scheme = "http" }.Uri };
        await Assert.ThrowsAsync<HttpRequestException>(() => plain.GetAsync(new Uri("/health/live", UriKind.Relative)));
    }

    [Theory]
    [InlineData("--auth is on or off", "--auth", "maybe")]
    [InlineData("without authentication HTTP listens on loopback only", "--auth", "off", "--http", "http://0.0.0.0:0")]
    [InlineData("needs https", "--auth", "on", "--http", "http://0.0.0.0:0")]
    [InlineData("needs https", "--auth", "on", "--http", "http://[::]:0")]
    [InlineData("needs --http-certificate", "--http", "https://127.0.0.1:0")]
    [InlineData("for an address that begins with https", "--http", "http://127.0.0.1:0", "--http-key", "x")]
    [InlineData("no certificate with its key", "--http", "https://127.0.0.1:0", "--http-certificate", "/dev/null", "--http-key", "/dev/null")]
    [InlineData("no certificate with its key", "--http", "https://127.0.0.1:0", "--http-certificate", "/no/such", "--http-key", "/no/such")]
    public async Task What_would_not_be_safe_is_refused_in_one_line_and_nothing_is_created(string expected, params string[] arguments)
    {
        var outcome = await EaCommand.RunAsync(EndsWithin, ["serve", "--data", _directory.File("data"), .. arguments]);
        Assert.True(outcome.ExitCode == 1 && outcome.ErrorLines is [var line] && line.Contains(expected, StringComparison.Ordinal), outcome.ToString());
        Assert.False(Directory.Exists(_directory.File("data")));
    }

    [Theory]
    [InlineData("http://0.0.0.0:80", true, false, false)]
    [InlineData("http://0.0.0.0:80", true, true, true)]
    [InlineData("http://0.0.0.0:80", false, true, false)]
    [InlineData("http://192.168.0.1:80", true, false, false)]
    [InlineData("http://127.0.0.1:80", false, false, true)]
    [InlineData("http://127.8.8.8:80", true, false, true)]
    [InlineData("http://[::1]:80", false, false, true)]
    [InlineData("http://localhost:80", false, false, true)]
    public void Off_loopback_only_those_who_prove_themselves_over_a_safe_way(string address, bool authentication, bool isBehindProxy, bool isAllowed)
    {
        var limits = Limits($"entityactors.http.plain-text-off-loopback = {(isBehindProxy ? "on" : "off")}");
        var options = new ServeOptions(_directory.Path, ServeCommand.Address(address), null, []) { Authentication = authentication };
        var refusal = Record.Exception(() => ServeSecurity.Check(options, TestSettings.Of(""), limits));
        Assert.Equal(isAllowed, refusal is null);
    }

    [Theory]
    [InlineData("https://app.example.org", true)]
    [InlineData("https://app.example.org:8443", true)]
    [InlineData("https://app.example.org/", false)]
    [InlineData("app.example.org", false)]
    [InlineData("*", false)]
    public void Origins_are_whole(string origin, bool isOne)
    {
        var refusal = Record.Exception(() => Limits($"entityactors.http.cors-origins = [\"{origin}\"]"));
        Assert.Equal(isOne, refusal is null);
    }

    private static HttpLimits Limits(string hocon) => HttpLimits.From(StoreHocon.For([], [hocon], isMember: false));

    private static async Task AssertProtocolAsync(Uri server, SslProtocols protocol, bool isTaken)
    {
        using var client = new System.Net.Sockets.TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, server.Port);
#pragma warning disable CA5359 // It is the protocol that is asked about; who answers is checked by the command above.
        await using var stream = new SslStream(client.GetStream(), leaveInnerStreamOpen: false, (_, _, _, _) => true);
#pragma warning restore CA5359
        var refusal = await Record.ExceptionAsync(() => stream.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = "127.0.0.1", EnabledSslProtocols = protocol }));
        Assert.True(isTaken == refusal is null, $"{protocol}: {refusal}");
    }
}
