using System.Net;
using Akka.Configuration;
using Akka.Hosting;
using EntityActors.Actors.Tls;

namespace EntityActors.Actors.Hosting;

/// <summary>How a node talks to the members of its cluster: through TLS when certificates are given, else in plain text, on loopback only.</summary>
public sealed class ClusterTransport
{
    /// <summary>Whether members may talk to each other over a network although nothing they say is encrypted or signed.</summary>
    public const string AllowsPlainText = "entityactors.cluster.plain-text";

    private const string Files = "entityactors.cluster.tls";
    private const string Own = "akka.remote.dot-netty.tcp";

    private readonly MemberCertificate? _certificate;

    private ClusterTransport(MemberCertificate? certificate) => _certificate = certificate;

    public bool IsEncrypted => _certificate is not null;

    /// <exception cref="ClusterSecurityException">The node would listen outside loopback without TLS, or its certificate cannot be used.</exception>
    /// <exception cref="IOException">A settings file cannot be read.</exception>
    public static ClusterTransport For(EntityActorsOptions options) => For(options.Cluster, StoreHocon.For(options));

    /// <exception cref="ClusterSecurityException">The member would listen outside loopback without TLS, or its certificate cannot be used.</exception>
    internal static ClusterTransport For(ClusterOptions? cluster, Config settings)
    {
        var listened = cluster?.Host ?? settings.GetString($"{Own}.hostname");
        if (FilesOf(cluster?.Tls, settings) is { } files)
            return new ClusterTransport(MemberCertificate.Load(files, Dialled(settings, listened)));
        if (!IsLoopback(listened) && !settings.GetBoolean(AllowsPlainText))
            throw new ClusterSecurityException(ClusterSecurityProblem.PlainText,
                $"this node would listen for the others on {listened}, but without TLS members do not encrypt what they say to each other, nor prove "
                + $"who they are: outside loopback {Files} has to name certificate, key and authority");
        return new ClusterTransport(null);
    }

    internal AkkaConfigurationBuilder AddTo(AkkaConfigurationBuilder akka) => _certificate is null
        ? akka
        : akka.AddSetup(new TlsSetup(_certificate)).AddHocon(ToHocon(), HoconAddMode.Prepend);

    /// <summary>
    /// Without passive connections a node answers only through a connection that it has made itself, to the host that the peer says it is: there
    /// it checks that the peer's certificate is for that host. A connection that the peer has made proves no more than that it is some member.
    /// </summary>
    internal static Config ToHocon() => ConfigurationFactory.ParseString($$"""
        {{Own}}.transport-class = "{{typeof(TlsTransport).FullName}}, {{typeof(TlsTransport).Assembly.GetName().Name}}"
        akka.remote.use-passive-connections = off
        """);

    private static TlsFiles? FilesOf(TlsFiles? given, Config settings)
    {
        var files = new TlsFiles(Pick(given?.Certificate, "certificate"), Pick(given?.Key, "key"), Pick(given?.Authority, "authority"));
        var missing = new (string Name, string Path)[] { ("certificate", files.Certificate), ("key", files.Key), ("authority", files.Authority) }
            .Where(static file => file.Path.Length == 0).Select(static file => file.Name).ToList();
        return missing.Count switch
        {
            0 => files,
            3 => null,
            _ => throw new ClusterSecurityException(ClusterSecurityProblem.Incomplete,
                $"TLS between members needs certificate, key and authority, but {string.Join(" and ", missing)} of {Files} is not given"),
        };

        string Pick(string? option, string name) => string.IsNullOrEmpty(option) ? settings.GetString($"{Files}.{name}") ?? "" : option;
    }

    private static string Dialled(Config settings, string listened)
    {
        var name = settings.GetString($"{Own}.public-hostname");
        return (string.IsNullOrEmpty(name) ? listened : name).Trim('[', ']');
    }

    private static bool IsLoopback(string host) =>
        host == "localhost" || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
