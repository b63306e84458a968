using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Cluster;
using Akka.Configuration;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Tests.Hosting;
using EntityActors.Actors.Tls;
using EntityActors.Storage.Model;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Tls;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EntityActors.Actors.Tests.Tls;

/// <summary>A node with TLS, and others that want to be members of its cluster.</summary>
public sealed class TlsNodeTests : IAsyncLifetime
{
    private const string Host = "127.0.0.1";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly TempDirectory _directory = new();
    private readonly TestAuthority _authority = new();
    private readonly LogCapture _logs = new();
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        var files = _authority.Issue([Host]).WriteTo(_directory.Path, "node", _authority);
        _node = await TestNode.StartAsync(_directory.File("data"), options => options with
        {
            Cluster = new ClusterOptions(Host, 0, []) { Tls = new TlsFiles(files.Certificate, files.Key, files.Authority) },
        }, _logs);
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        _logs.Dispose();
        _authority.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Another_node_with_a_certificate_for_its_host_becomes_a_member()
    {
        await using var other = new Candidate(Certificate([Host]), Node);
        await Eventually.HoldsAsync(() => other.IsMember, () => Warnings());
        await AssertServesAsync(memberCount: 2);
    }

    /// <summary>It reaches the node, since its certificate is the authority's. It is not answered.</summary>
    [Fact]
    public async Task One_with_a_certificate_for_another_host_is_not_answered()
    {
        await using var other = new Candidate(Certificate(["127.0.0.9"]), Node);
        await Eventually.HoldsAsync(() => WarningCount($"is not for {Host}") >= 3, () => Warnings());
        Assert.False(other.IsMember);
        await AssertServesAsync(memberCount: 1);
    }

    [Fact]
    public async Task One_without_tls_reaches_nobody()
    {
        await using var other = new Candidate(null, new Address("akka.tcp", Node.System, Host, Node.Port));
        await Eventually.HoldsAsync(() => WarningCount("a connection from") >= 2, () => Warnings());
        Assert.False(other.IsMember);
        await AssertServesAsync(memberCount: 1);
    }

    /// <summary>Akka's own transport shuts the actor system down when one of its handshakes fails.</summary>
    [Fact]
    public async Task A_node_survives_peers_that_break_off_its_handshakes_or_speak_no_tls()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var address = new Address(Node.Protocol, Node.System, Host, ((IPEndPoint)listener.LocalEndpoint).Port);
        for (var i = 0; i < 4; i++)
        {
            using var socket = await DialledAsync(listener, address);
            // At the beginning of the handshake, in the middle of it, after nonsense, or with a reset.
            if (i > 0) Assert.True(await socket.ReceiveAsync(new byte[100]).WaitAsync(Limit) > 0);
            if (i == 2) await socket.SendAsync("HTTP/1.0 400 Bad Request\r\n\r\n"u8.ToArray());
            if (i == 3) socket.LingerState = new LingerOption(true, 0);
        }

        await Eventually.HoldsAsync(() => WarningCount($"no connection with {new Address("tls", Node.System, Host, address.Port)}") >= 4, () => Warnings());

        await AssertServesAsync(memberCount: 1);
        await using var other = new Candidate(Certificate([Host]), Node);
        await Eventually.HoldsAsync(() => other.IsMember, () => Warnings());
    }

    [Fact]
    public void The_settings_of_tls_are_settings_that_akka_has()
    {
        var reference = ConfigurationFactory.FromResource<Akka.Remote.RemoteSettings>("Akka.Remote.Configuration.Remote.conf");
        foreach (var path in new[] { "akka.remote.dot-netty.tcp.transport-class", "akka.remote.use-passive-connections" })
        {
            Assert.True(reference.HasPath(path), path);
            Assert.True(ClusterTransport.ToHocon().HasPath(path), path);
        }

        Assert.Equal(typeof(TlsTransport), Type.GetType(ClusterTransport.ToHocon().GetString("akka.remote.dot-netty.tcp.transport-class")));
    }

    /// <summary>Has the node send a message to the address until it dials: after a failure it waits for a moment.</summary>
    private async Task<Socket> DialledAsync(TcpListener listener, Address address)
    {
        var accepted = listener.AcceptSocketAsync();
        await Eventually.HoldsAsync(() =>
        {
            _node.System.ActorSelection(new RootActorPath(address) / "user").Tell(new WakeShard(new ShardId(0)), _node.System.DeadLetters);
            return accepted.IsCompleted;
        }, () => Warnings());
        return await accepted;
    }

    private Address Node => Akka.Cluster.Cluster.Get(_node.System).SelfAddress;

    private async Task AssertServesAsync(int memberCount)
    {
        Assert.Equal(memberCount, Akka.Cluster.Cluster.Get(_node.System).State.Members.Count);
        var put = NodeLoad.Put(new EntityKey("docs", Guid.NewGuid().ToString("n")), "1");
        Assert.IsType<CommandResult.Committed>(await _node.Store.ExecuteAsync(put, default));
        Assert.NotNull(await _node.Store.GetAsync(put.Key, null, false, default));
    }

    private int WarningCount(string text) => _logs.At(LogLevel.Warning).Count(line => line.Contains(text, StringComparison.Ordinal));

    private string Warnings() => string.Join('\n', _logs.At(LogLevel.Warning).Concat(_logs.At(LogLevel.Error)));

    /// <summary>One that its owner has checked for another host than it listens on, if that is among them.</summary>
    private MemberCertificate Certificate(string[] hosts)
    {
        var files = _authority.Issue(hosts).WriteTo(_directory.Path, Guid.NewGuid().ToString("n"), _authority);
        return MemberCertificate.Load(new TlsFiles(files.Certificate, files.Key, files.Authority), hosts[0]);
    }

    /// <summary>An actor system that asks to be a member, without shards.</summary>
    private sealed class Candidate : IAsyncDisposable
    {
        private readonly ActorSystem _system;

        public Candidate(MemberCertificate? certificate, Address seed)
        {
            var settings = ConfigurationFactory.ParseString("akka.loglevel = OFF, akka.stdout-loglevel = OFF, akka.cluster.roles = [client]")
                .WithFallback(certificate is null ? Config.Empty : ClusterTransport.ToHocon()).WithFallback(StoreHocon.BuiltIn());
            Setup[] setups = certificate is null ? [BootstrapSetup.Create().WithConfig(settings)] : [BootstrapSetup.Create().WithConfig(settings), new TlsSetup(certificate)];
            _system = ActorSystem.Create(seed.System, ActorSystemSetup.Create(setups));
            Akka.Cluster.Cluster.Get(_system).JoinSeedNodes([seed]);
        }

        public bool IsMember => Akka.Cluster.Cluster.Get(_system).SelfMember.Status == MemberStatus.Up;

        public async ValueTask DisposeAsync() => await _system.Terminate();
    }
}
