using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using Akka.Actor;
using Akka.Configuration;
using Akka.Event;
using Akka.Remote.Transport;

namespace EntityActors.Actors.Tls;

/// <summary>Carries what members say to each other through TLS. Takes the place of Akka's own transport, whose settings it reads.</summary>
/// <remarks>
/// Akka's own transport ends the whole actor system when one handshake that it began fails, be it that the other process was killed meanwhile
/// (decision 0014). Here a failed handshake is a connection that was not made: it is said, and Akka tries again later.
/// Listening --accept--> handshake --accepted--> association, told to Akka; --refused, or not done in time--> closed, said at most once a second.
/// </remarks>
internal sealed class TlsTransport : Transport
{
    /// <summary>Strangers can open handshakes. When so many are under way, further connections wait to be accepted.</summary>
    private const int HandshakesMax = 256;
    private const int BacklogMax = 512;

    /// <summary>Strangers hold a place no longer than this.</summary>
    private static readonly TimeSpan WelcomeMax = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan AcceptRetryDelay = TimeSpan.FromMilliseconds(100);

    private readonly MemberCertificate _certificate;
    private readonly SparseWarnings _refusals;
    private readonly string _hostname;
    private readonly string _publicHostname;
    private readonly int _port;
    private readonly TimeSpan _handshakeMax;
    private readonly SemaphoreSlim _handshakes = new(HandshakesMax);
    private readonly ConcurrentDictionary<TlsAssociation, bool> _associations = new(ReferenceEqualityComparer.Instance);
    private readonly CancellationTokenSource _stop = new();
    private Socket? _listener;
    private Address? _self;

    /// <param name="config">Of <c>akka.remote.dot-netty.tcp</c>.</param>
    public TlsTransport(ActorSystem system, Config config)
    {
        (System, Config) = (system, config);
        SchemeIdentifier = "tls";
        MaximumPayloadBytes = config.GetByteSize("maximum-frame-size")!.Value;
        _certificate = TlsSetup.CertificateOf(system);
        _refusals = new SparseWarnings(Logging.GetLogger(system, typeof(TlsTransport)), TimeProvider.System);
        _hostname = config.GetString("hostname");
        _publicHostname = config.GetString("public-hostname") is { Length: > 0 } name ? name : _hostname;
        _port = config.GetInt("port");
        _handshakeMax = config.GetTimeSpan("connection-timeout");
    }

    private Address Self => _self ?? throw new InvalidOperationException("the transport does not listen yet");

    public override bool IsResponsibleFor(Address remote) => true;

    public override async Task<(Address, TaskCompletionSource<IAssociationEventListener>)> Listen()
    {
        var address = await ResolveAsync(_hostname);
        _listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(new IPEndPoint(address, _port));
        _listener.Listen(BacklogMax);
        _self = new Address(SchemeIdentifier, System.Name, InAddress(_publicHostname), ((IPEndPoint)_listener.LocalEndPoint!).Port);
        var listening = new TaskCompletionSource<IAssociationEventListener>(TaskCreationOptions.RunContinuationsAsynchronously);
        _ = AcceptAsync(_listener, listening.Task);
        return (_self, listening);
    }

    /// <exception cref="InvalidAssociationException">The peer is not there, or is refused, and why.</exception>
    public override async Task<AssociationHandle> Associate(Address remoteAddress)
    {
        var host = remoteAddress.Host.Trim('[', ']');
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        limit.CancelAfter(_handshakeMax);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(host, remoteAddress.Port!.Value, limit.Token);
            return await AssociateAsync(socket, host, remoteAddress, limit.Token);
        }
        catch (Exception cause) when (IsOfConnection(cause))
        {
            socket.Dispose();
            throw new InvalidAssociationException($"no connection with {remoteAddress}: {Reason(cause)}");
        }
    }

    public override async Task<bool> Shutdown()
    {
        await _stop.CancelAsync();
        _listener?.Dispose();
        foreach (var association in _associations.Keys) association.Close();
        await Task.WhenAll(_associations.Keys.Select(static association => association.Ended));
        return true;
    }

    private async Task AcceptAsync(Socket listener, Task<IAssociationEventListener> listening)
    {
        try
        {
            var events = await listening.WaitAsync(_stop.Token);
            while (true)
            {
                await _handshakes.WaitAsync(_stop.Token);
                _ = WelcomeAsync(await AcceptOneAsync(listener), events);
            }
        }
        catch (Exception cause) when (cause is OperationCanceledException or ObjectDisposedException)
        {
            // Shut down.
        }
    }

    /// <summary>A connection that ended before it was accepted, or a process without descriptors, is no reason to stop accepting.</summary>
    private async Task<Socket> AcceptOneAsync(Socket listener)
    {
        while (true)
        {
            try
            {
                return await listener.AcceptAsync(_stop.Token);
            }
            catch (SocketException cause)
            {
                _refusals.Add($"a connection could not be accepted: {cause.Message}");
                await Task.Delay(AcceptRetryDelay, TimeProvider.System, _stop.Token);
            }
        }
    }

    private async Task WelcomeAsync(Socket socket, IAssociationEventListener events)
    {
        var remote = "an unknown address";
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            limit.CancelAfter(_handshakeMax < WelcomeMax ? _handshakeMax : WelcomeMax);
            var from = (IPEndPoint)socket.RemoteEndPoint!;
            remote = from.ToString();
            var address = new Address(SchemeIdentifier, System.Name, InAddress(from.Address.ToString()), from.Port);
            events.Notify(new InboundAssociation(await AssociateAsync(socket, null, address, limit.Token)));
        }
        catch (Exception cause) when (IsOfConnection(cause))
        {
            socket.Dispose();
            if (!_stop.IsCancellationRequested) _refusals.Add($"a connection from {remote} is refused: {Reason(cause)}");
        }
        finally
        {
            _handshakes.Release();
        }
    }

    private async Task<TlsAssociation> AssociateAsync(Socket socket, string? dialledHost, Address remote, CancellationToken cancellation)
    {
        socket.NoDelay = true;
        var stream = await new TlsHandshake(_certificate, dialledHost).RunAsync(socket, cancellation);
        var association = new TlsAssociation(Self, remote, stream, (int)MaximumPayloadBytes);
        _associations[association] = true;
        _ = ForgetAsync(association);
        if (_stop.IsCancellationRequested) association.Close();
        return association;
    }

    private async Task ForgetAsync(TlsAssociation association)
    {
        await association.Ended;
        _associations.TryRemove(association, out _);
    }

    private static bool IsOfConnection(Exception cause) =>
        cause is SocketException or IOException or AuthenticationException or OperationCanceledException or ObjectDisposedException;

    private static string Reason(Exception cause) => cause switch
    {
        OperationCanceledException => "the handshake took too long",
        AuthenticationException { InnerException: { } inner } when inner is not AuthenticationException => $"{cause.Message} ({inner.Message})",
        _ => cause.Message,
    };

    private static async Task<IPAddress> ResolveAsync(string host)
    {
        if (IPAddress.TryParse(host.Trim('[', ']'), out var address)) return address;
        var all = await Dns.GetHostAddressesAsync(host);
        return all.FirstOrDefault(static one => one.AddressFamily == AddressFamily.InterNetwork) ?? all[0];
    }

    /// <summary>An IPv6 address stands in brackets, as in an URI.</summary>
    private static string InAddress(string host) =>
        IPAddress.TryParse(host.Trim('[', ']'), out var address) && address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : host;
}
