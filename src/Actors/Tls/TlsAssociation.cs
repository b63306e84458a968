using System.Buffers.Binary;
using System.Net.Security;
using System.Security.Authentication;
using System.Threading.Channels;
using Akka.Actor;
using Akka.Remote.Transport;
using Google.Protobuf;

namespace EntityActors.Actors.Tls;

/// <summary>One connection of two members, both of whom have been checked: frames of four bytes of length (little-endian) and as many bytes.</summary>
/// <remarks>
/// Frames to be sent wait in a queue, bounded in bytes; <see cref="Write"/> answers false when it is full, and Akka tries again. Who closes sends
/// what waits, says so, and reads on until the peer has closed too, for two seconds at most. A frame above the limit ends the connection.
/// </remarks>
internal sealed class TlsAssociation : AssociationHandle
{
    private const int LengthBytes = sizeof(int);
    private const int BufferBytes = 64 * 1024;
    private static readonly TimeSpan CloseMax = TimeSpan.FromSeconds(2);

    private readonly SslStream _stream;
    private readonly int _frameBytesMax;
    private readonly Channel<ByteString> _unsent = Channel.CreateUnbounded<ByteString>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CancellationTokenSource _end = new();
    private long _unsentBytes;

    /// <param name="stream">Authenticated; disposed by this.</param>
    /// <param name="frameBytesMax">Of one frame, and of what waits to be sent before the last one.</param>
    public TlsAssociation(Address local, Address remote, SslStream stream, int frameBytesMax)
        : base(local, remote)
    {
        (_stream, _frameBytesMax) = (stream, frameBytesMax);
        Ended = RunAsync();
    }

    /// <summary>Never faulted.</summary>
    public Task Ended { get; }

    public override bool Write(ByteString payload)
    {
        if (Interlocked.Read(ref _unsentBytes) >= _frameBytesMax) return false;
        Interlocked.Add(ref _unsentBytes, payload.Length);
        return _unsent.Writer.TryWrite(payload);
    }

    [Obsolete("Akka calls it through the overload that takes a reason.")]
    public override void Disassociate() => Close();

    /// <summary>Sends what waits and closes.</summary>
    public void Close()
    {
        _unsent.Writer.TryComplete();
        _end.CancelAfter(CloseMax);
    }

    private async Task RunAsync()
    {
        await Task.Yield();
        var sending = EndingAsync(SendAsync());
        await EndingAsync(ReadAsync());
        _unsent.Writer.TryComplete();
        // Before the other direction has ended: a peer that reads nothing would hold it up for ever.
        await _stream.DisposeAsync();
        await sending;
        // One that nobody listens to has nobody to tell.
        if (ReadHandlerSource.Task.IsCompletedSuccessfully) (await ReadHandlerSource.Task).Notify(new Disassociated(DisassociateInfo.Unknown));
    }

    /// <summary>A connection that broke in one direction is of no use in the other.</summary>
    private async Task EndingAsync(Task direction)
    {
        try
        {
            await direction;
        }
        catch (Exception cause) when (cause is IOException or AuthenticationException or OperationCanceledException or ObjectDisposedException)
        {
            await _end.CancelAsync();
        }
    }

    private async Task SendAsync()
    {
        var buffered = new BufferedStream(_stream, BufferBytes);
        var length = new byte[LengthBytes];
        while (await _unsent.Reader.WaitToReadAsync(_end.Token))
        {
            while (_unsent.Reader.TryRead(out var payload))
            {
                BinaryPrimitives.WriteInt32LittleEndian(length, payload.Length);
                await buffered.WriteAsync(length, _end.Token);
                await buffered.WriteAsync(payload.Memory, _end.Token);
                Interlocked.Add(ref _unsentBytes, -payload.Length);
            }

            await buffered.FlushAsync(_end.Token);
        }

        await _stream.ShutdownAsync();
    }

    /// <summary>Returns when the peer has closed, and ends the other direction.</summary>
    private async Task ReadAsync()
    {
        var listener = await ReadHandlerSource.Task.WaitAsync(_end.Token);
        // Not on the thread of the actor that has just said where to.
        await Task.Yield();
        var buffered = new BufferedStream(_stream, BufferBytes);
        var length = new byte[LengthBytes];
        while (await buffered.ReadAtLeastAsync(length, LengthBytes, throwOnEndOfStream: false, _end.Token) == LengthBytes)
        {
            var bytes = BinaryPrimitives.ReadInt32LittleEndian(length);
            if (bytes < 0 || bytes > _frameBytesMax) throw new IOException($"a frame of {bytes} bytes");
            var payload = new byte[bytes];
            await buffered.ReadExactlyAsync(payload, _end.Token);
            listener.Notify(new InboundPayload(UnsafeByteOperations.UnsafeWrap(payload)));
        }

        await _end.CancelAsync();
    }
}
