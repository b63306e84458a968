using System.Globalization;
using System.Net;
using Akka.Actor;
using Akka.Configuration;
using EntityActors.Actors.Tls;

namespace EntityActors.Actors.Hosting;

/// <summary>Where a node listens for the other members of its cluster, and whom it asks to let it join.</summary>
/// <param name="Host">Name or address by which the other nodes reach this one; they use it as it stands here.</param>
/// <param name="Port">0 is any free port.</param>
/// <param name="Seeds">
/// Nodes to ask, as <c>host:port</c>. A node that has none, or is one of them, begins the cluster when no process of the data directory is a member
/// of one. They may be the same for all nodes.
/// </param>
public sealed record ClusterOptions(string Host, int Port, IReadOnlyList<string> Seeds)
{
    /// <summary>Role under which a member tells its node name: the name itself follows it.</summary>
    internal const string NodeRolePrefix = "node=";

    /// <summary>Null, or what it leaves empty: as the settings say.</summary>
    public TlsFiles? Tls { get; init; }

    /// <summary>Host and port of <c>host:port</c>.</summary>
    public static bool TryParse(string text, out string host, out int port)
    {
        var colon = text.LastIndexOf(':');
        (host, port) = (colon > 0 ? text[..colon] : "", 0);
        return IsHost(host) && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port)
            && port is > 0 and <= IPEndPoint.MaxPort;
    }

    /// <summary>Whether the text is the name or address of a machine.</summary>
    public static bool IsHost(string text) => Uri.CheckHostName(text) != UriHostNameType.Unknown;

    /// <summary>Of a node that owns shards.</summary>
    internal Config ToHocon(string node, Guid store) => WithRoles(Cluster.StoreSharding.Role, NodeRolePrefix + node, Cluster.StoreMembership.RoleOf(store));

    /// <summary>Of a member that owns none, or of a program that is no member.</summary>
    internal Config ToClientHocon(bool isMember) => isMember
        ? WithRoles(Cluster.StoreSharding.ClientRole)
        : ConfigurationFactory.ParseString("akka.actor.provider = remote").WithFallback(WithRoles());

    private Config WithRoles(params string[] roles) => ConfigurationFactory.ParseString($$"""
        akka.remote.dot-netty.tcp { hostname = "{{Host}}", port = {{Port.ToString(CultureInfo.InvariantCulture)}} }
        akka.cluster.roles = [{{string.Join(", ", roles.Select(role => $"\"{role}\""))}}]
        """);

    internal IReadOnlyList<Address> SeedAddresses(Address self) =>
        [.. Seeds.Select(seed => Address.Parse($"{self.Protocol}://{self.System}@{seed}"))];
}
