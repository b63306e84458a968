using EntityActors.Actors.Hosting;
using EntityActors.Actors.Tls;
using EntityActors.Storage.Shards;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Tls;
using Xunit;

namespace EntityActors.Actors.Tests.Tls;

/// <summary>A node that could not talk to its cluster safely does not start: which file, and what is wrong with it.</summary>
public sealed class ClusterTransportTests : IDisposable
{
    private const string Host = "10.1.2.3";

    private readonly TempDirectory _directory = new();
    private readonly TestAuthority _authority = new();

    public void Dispose()
    {
        _authority.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("127.9.8.7", true)]
    [InlineData("localhost", true)]
    [InlineData("[::1]", true)]
    [InlineData("10.1.2.3", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("[::]", false)]
    [InlineData("127.0.0.1.example", false)]
    [InlineData("node-1.example", false)]
    public void Only_on_loopback_a_node_may_do_without_tls(string host, bool isAllowed)
    {
        if (isAllowed) Assert.False(ClusterTransport.For(Options(host)).IsEncrypted);
        else Assert.Contains(host, Refused(ClusterSecurityProblem.PlainText, Options(host)), StringComparison.Ordinal);
        Assert.False(ClusterTransport.For(Options(host, $"{ClusterTransport.AllowsPlainText} = on")).IsEncrypted);
    }

    [Fact]
    public void A_host_that_stands_in_the_settings_is_judged_like_one_of_the_options()
    {
        var options = Options(Host) with { Cluster = null, HoconTexts = ["akka.remote.dot-netty.tcp.hostname = \"10.1.2.3\""] };
        Refused(ClusterSecurityProblem.PlainText, options);
    }

    [Fact]
    public async Task A_node_that_may_not_talk_to_the_others_opens_nothing()
    {
        var data = _directory.File("data");
        var refused = await Assert.ThrowsAsync<ClusterSecurityException>(
            () => TestNode.StartAsync(data, options => options with { Cluster = new ClusterOptions(Host, 0, []) }));
        Assert.Equal(ClusterSecurityProblem.PlainText, refused.Problem);
        Assert.False(Directory.Exists(data), $"{data} was made");
    }

    [Theory]
    [InlineData(Host)]
    [InlineData("node-1.example")]
    [InlineData("[fd00::1]")]
    public void A_certificate_for_the_host_is_used(string host) =>
        Assert.True(ClusterTransport.For(With(Issued(_authority.Issue([Host, "node-1.example", "fd00::1"])), host)).IsEncrypted);

    [Fact]
    public void Files_may_be_named_by_the_settings_and_options_win()
    {
        var files = Issued(_authority.Issue([Host]));
        var settings = $$"""entityactors.cluster.tls { certificate = "{{files.Certificate}}", key = "{{files.Key}}", authority = "/no/such/file" }""";
        Refused(ClusterSecurityProblem.Unreadable, Options(Host, settings), "/no/such/file");
        var options = Options(Host, settings);
        Assert.True(ClusterTransport.For(options with { Cluster = options.Cluster! with { Tls = new TlsFiles("", "", files.Authority) } }).IsEncrypted);
    }

    [Fact]
    public void What_others_dial_is_what_the_certificate_must_be_for()
    {
        var files = Issued(_authority.Issue(["public.example"]));
        Refused(ClusterSecurityProblem.OtherHost, With(files, Host), Host);
        var options = With(files, Host) with { HoconTexts = ["akka.remote.dot-netty.tcp.public-hostname = public.example"] };
        Assert.True(ClusterTransport.For(options).IsEncrypted);
    }

    [Theory]
    [InlineData("certificate")]
    [InlineData("key")]
    [InlineData("authority")]
    public void All_three_files_are_named_or_none(string missing)
    {
        var files = Issued(_authority.Issue([Host]));
        Refused(ClusterSecurityProblem.Incomplete, With(Without(missing, files, ""), Host), missing);
        Refused(ClusterSecurityProblem.Unreadable, With(Without(missing, files, _directory.File("nowhere")), Host), _directory.File("nowhere"));
        Refused(ClusterSecurityProblem.Unreadable, With(Without(missing, files, _directory.Path), Host), _directory.Path);
    }

    [Fact]
    public void Files_without_what_they_should_hold_are_refused()
    {
        var files = Issued(_authority.Issue([Host]));
        Refused(ClusterSecurityProblem.NoCertificate, With(files with { Certificate = files.Key }, Host), files.Key);
        Refused(ClusterSecurityProblem.NoCertificate, With(files with { Authority = files.Key }, Host), files.Key);
        Refused(ClusterSecurityProblem.NoKey, With(files with { Key = files.Certificate }, Host), files.Certificate);
        var torn = _directory.File("torn.pem");
        File.WriteAllText(torn, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        Refused(ClusterSecurityProblem.NoCertificate, With(files with { Certificate = torn }, Host), torn);
    }

    [Fact]
    public void A_key_with_a_password_is_refused_as_one_that_is_not_there()
    {
        var issued = _authority.Issue([Host]);
        using var certificate = issued.Load();
        using var key = System.Security.Cryptography.X509Certificates.ECDsaCertificateExtensions.GetECDsaPrivateKey(certificate)!;
        var locked = key.ExportEncryptedPkcs8PrivateKeyPem("secret", new(System.Security.Cryptography.PbeEncryptionAlgorithm.Aes256Cbc,
            System.Security.Cryptography.HashAlgorithmName.SHA256, 1_000));
        Refused(ClusterSecurityProblem.NoKey, With(Issued(issued with { Key = locked }), Host), "password");
    }

    [Fact]
    public void A_key_of_another_certificate_is_refused()
    {
        var files = Issued(_authority.Issue([Host]) with { Key = _authority.Issue([Host]).Key });
        Refused(ClusterSecurityProblem.KeyDoesNotFit, With(files, Host), files.Key);
        using var rsa = System.Security.Cryptography.RSA.Create(2048);
        Refused(ClusterSecurityProblem.KeyDoesNotFit, With(Issued(_authority.Issue([Host]) with { Key = rsa.ExportPkcs8PrivateKeyPem() }), Host), "");
    }

    [Fact]
    public void A_certificate_that_peers_would_refuse_is_refused_at_start()
    {
        using var other = new TestAuthority("other");
        // The same name does not make it the same authority.
        using var namesake = new TestAuthority();
        Refused(ClusterSecurityProblem.OtherAuthority, With(Issued(other.Issue([Host])), Host), "authority");
        Refused(ClusterSecurityProblem.OtherAuthority, With(Issued(namesake.Issue([Host])), Host), "authority");
        Refused(ClusterSecurityProblem.NotValidNow, With(Issued(_authority.Issue([Host], TimeSpan.FromDays(-1))), Host), "valid from");
        Refused(ClusterSecurityProblem.NotValidNow, With(Issued(_authority.Issue([Host], TimeSpan.FromDays(20))), Host), "valid from");
        Refused(ClusterSecurityProblem.OtherHost, With(Issued(_authority.Issue(["10.1.2.4", "node-1.example"])), Host), Host);
        Refused(ClusterSecurityProblem.OtherHost, With(Issued(_authority.IssueForCommonName(Host)), Host), Host);
        Refused(ClusterSecurityProblem.OtherUse, With(Issued(_authority.Issue([Host], null, TestAuthority.ServerUse)), Host), "usage");
        Refused(ClusterSecurityProblem.OtherUse, With(Issued(_authority.Issue([Host], null, TestAuthority.ClientUse)), Host), "usage");
    }

    [Fact]
    public void A_member_cannot_make_members()
    {
        var member = _authority.Issue([Host]);
        using var forger = new TestAuthority(member);
        var forged = forger.Issue([Host]);
        Refused(ClusterSecurityProblem.OtherAuthority, With(Issued(forged with { Certificate = forged.Certificate + "\n" + member.Certificate }), Host), "authority");
    }

    private TlsFiles Issued(IssuedCertificate certificate)
    {
        var files = certificate.WriteTo(_directory.Path, Guid.NewGuid().ToString("n"), _authority);
        return new TlsFiles(files.Certificate, files.Key, files.Authority);
    }

    private static TlsFiles Without(string missing, TlsFiles files, string path) => missing switch
    {
        "certificate" => files with { Certificate = path },
        "key" => files with { Key = path },
        _ => files with { Authority = path },
    };

    private EntityActorsOptions With(TlsFiles files, string host)
    {
        var options = Options(host);
        return options with { Cluster = options.Cluster! with { Tls = files } };
    }

    private EntityActorsOptions Options(string host, params string[] settings) => new()
    {
        Store = new NodeStoreOptions { DataDirectory = _directory.File("data") },
        Cluster = new ClusterOptions(host, 0, []),
        HoconTexts = settings,
    };

    private static string Refused(ClusterSecurityProblem problem, EntityActorsOptions options, string mentions = "")
    {
        var refused = Assert.Throws<ClusterSecurityException>(() => ClusterTransport.For(options));
        Assert.True(refused.Problem == problem, $"{refused.Problem}: {refused.Message}");
        Assert.Contains(mentions, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
        return refused.Message;
    }
}
