using Akka.Actor;
using Akka.Remote.Transport;
using EntityActors.TestCluster.Nodes;

namespace EntityActors.TestCluster.Network;

/// <summary>Puts a <see cref="NodeTransport"/> over the transport of a node of a test cluster; Akka creates it by name.</summary>
internal sealed class NodeTransportProvider : ITransportAdapterProvider
{
    private const string Name = "test-cluster";

    /// <summary>Settings that put it over the transport.</summary>
    public static string Hocon { get; } = $"""
        akka.remote.adapters.{Name} = "{typeof(NodeTransportProvider).FullName},{typeof(NodeTransportProvider).Assembly.GetName().Name}"
        akka.remote.dot-netty.tcp.applied-adapters = [{Name}]
        """;

    public Transport Create(Transport wrappedTransport, ExtendedActorSystem system) =>
        new NodeTransport(wrappedTransport, system, NodeParts.Of(system.Settings.Config));
}

/// <summary>The real transport, with each connection in our hands. Addresses stay as they are, unlike with Akka's own adapters.</summary>
internal sealed class NodeTransport : Transport
{
    /// <summary>How long a connection is tried to a node that cannot be reached; the real transport's own limit.</summary>
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(20);

    private readonly Transport _inner;
    private readonly NodeParts _life;
    private volatile bool _isSilent;

    public NodeTransport(Transport inner, ActorSystem system, NodeParts life)
    {
        (_inner, _life) = (inner, life);
        (System, Config) = (system, inner.Config);
        (SchemeIdentifier, MaximumPayloadBytes) = (inner.SchemeIdentifier, inner.MaximumPayloadBytes);
        life.Transport = this;
    }

    public override async Task<(Address, TaskCompletionSource<IAssociationEventListener>)> Listen()
    {
        var (address, inner) = await _inner.Listen();
        var upper = new TaskCompletionSource<IAssociationEventListener>();
        _ = ListenAsync();
        return (address, upper);

        async Task ListenAsync() => inner.TrySetResult(new Arrivals(this, await upper.Task));
    }

    public override bool IsResponsibleFor(Address remote) => _inner.IsResponsibleFor(remote);

    public override async Task<AssociationHandle> Associate(Address remoteAddress)
    {
        var peer = _life.Network.NodeAt(remoteAddress);
        var started = Environment.TickCount64;
        while (!MayConnect(peer))
        {
            if (_isSilent || Environment.TickCount64 - started > ConnectTimeout.TotalMilliseconds)
                throw new InvalidAssociationException($"{remoteAddress} does not answer");
            await Task.Delay(LookInterval);
        }

        var handle = await _inner.Associate(remoteAddress);
        // Before the first byte: when it arrives the listener asks who sent it.
        _life.Network.Dialed(_life.Node, peer, handle.LocalAddress.Port);
        return new NodeConnection(_life, handle, peer);
    }

    public override Task<bool> Shutdown() => _inner.Shutdown();

    public override Task<bool> ManagementCommand(object message) => _inner.ManagementCommand(message);

    /// <summary>From now on the node neither says nor hears anything. Its connections stay until they are cut.</summary>
    public void Silence()
    {
        _isSilent = true;
        foreach (var connection in _life.Network.ConnectionsOf(_life)) connection.Silence();
    }

    /// <summary>Ends all connections of the silent node, as the system ends those of a killed process.</summary>
    public void Cut()
    {
        foreach (var connection in _life.Network.ConnectionsOf(_life)) connection.Cut();
    }

    // A connection takes words both ways before it is one.
    private bool MayConnect(int? peer) => !_isSilent && !_life.Gate.IsPaused && _life.Network.IsOpen(_life.Node, peer)
        && (peer is not { } node || _life.Network.IsOpen(node, _life.Node));

    private void OnArrival(IAssociationEventListener upper, IAssociationEvent arrival)
    {
        if (arrival is not InboundAssociation inbound)
        {
            upper.Notify(arrival);
            return;
        }

        var connection = new NodeConnection(_life, inbound.Association, peer: null);
        if (_isSilent) connection.Cut();
        else upper.Notify(new InboundAssociation(connection));
    }

    private sealed class Arrivals(NodeTransport owner, IAssociationEventListener upper) : IAssociationEventListener
    {
        public void Notify(IAssociationEvent ev) => owner._life.Gate.Run(() => owner.OnArrival(upper, ev));
    }
}
