using Akka.Remote.Transport;
using EntityActors.TestCluster.Nodes;
using Google.Protobuf;

namespace EntityActors.TestCluster.Network;

/// <summary>A connection as its node sees it. What is sent waits while the network is cut or the node stands still, what arrives while it stands still.</summary>
/// <remarks>As with TCP nothing is lost on a connection that stays: it arrives late, in order, or the connection ends.</remarks>
internal sealed class NodeConnection : AssociationHandle, IHandleEventListener
{
    /// <summary>Bytes that wait to be sent; then the sender is told to wait, as by a full socket.</summary>
    private const int HeldBytesMax = 16 * 1024 * 1024;

    private readonly Lock _lock = new();
    private readonly AssociationHandle _inner;
    private readonly Queue<ByteString> _outbound = new();
    private readonly Queue<IHandleEvent> _inbound = new();
    private IHandleEventListener? _reader;
    private int? _peer;
    private int _heldBytes;
    private bool _isClosing;
    private bool _hasEnded;
    private bool _isSilent;

    /// <param name="peer">Null of a connection that another one opened; then it is found out when something is sent.</param>
    public NodeConnection(NodeParts life, AssociationHandle inner, int? peer)
        : base(inner.LocalAddress, inner.RemoteAddress)
    {
        (Life, _inner, _peer) = (life, inner, peer);
        life.Network.Add(this);
        _ = ReadAsync();
    }

    public NodeParts Life { get; }

    /// <summary>Whether what is sent must wait.</summary>
    private bool IsHeld
    {
        get
        {
            _peer ??= Life.Network.DialerOf(Life.Node, RemoteAddress.Port);
            return Life.Gate.IsPaused || !Life.Network.IsOpen(Life.Node, _peer);
        }
    }

    public override bool Write(ByteString payload)
    {
        lock (_lock)
        {
            if (_isSilent) return true;
            if (_outbound.Count == 0 && !IsHeld) return _inner.Write(payload);
            if (_heldBytes + payload.Length > HeldBytesMax) return false;
            _heldBytes += payload.Length;
            _outbound.Enqueue(payload);
            return true;
        }
    }

    /// <summary>Closes it once what was sent before is on its way; the other side does not hear of it before it would hear anything else.</summary>
    [Obsolete("Overrides a method that is.")]
    public override void Disassociate()
    {
        lock (_lock) _isClosing = true;
        Pump();
    }

    /// <summary>From now on the node neither says nor hears anything.</summary>
    public void Silence()
    {
        lock (_lock)
        {
            _isSilent = true;
            _outbound.Clear();
            _inbound.Clear();
        }
    }

    /// <summary>Ends the connection as the system ends those of a killed process: without a word.</summary>
    public void Cut()
    {
        Silence();
        Life.Network.Remove(this);
        CloseInner();
    }

    public void Notify(IHandleEvent ev)
    {
        lock (_lock)
        {
            if (_isSilent) return;
            _inbound.Enqueue(ev);
            _hasEnded |= ev is Disassociated;
            if (_hasEnded) _outbound.Clear();
        }

        Pump();
    }

    /// <summary>Sends and delivers what nothing holds any more.</summary>
    public void Pump()
    {
        bool isClosed;
        lock (_lock)
        {
            while (!Life.Gate.IsPaused && _reader is not null && _inbound.TryDequeue(out var arrived)) _reader.Notify(arrived);
            while (_outbound.Count > 0 && !IsHeld)
            {
                var payload = _outbound.Dequeue();
                _heldBytes -= payload.Length;
                _ = _inner.Write(payload);
            }

            isClosed = _isClosing && !_hasEnded && _outbound.Count == 0 && !IsHeld;
            if (_hasEnded && _inbound.Count == 0) Life.Network.Remove(this);
        }

        if (isClosed) CloseInner();
    }

    private void CloseInner()
    {
#pragma warning disable CS0618 // The other one logs, which is for who decides to close.
        _inner.Disassociate();
#pragma warning restore CS0618
    }

    private async Task ReadAsync()
    {
        var reader = await ReadHandlerSource.Task;
        lock (_lock) _reader = reader;
        _inner.ReadHandlerSource.TrySetResult(this);
        Pump();
    }
}
