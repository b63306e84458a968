using EntityActors.Actors.Shards;
using EntityActors.Storage.Blobs;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Contents;

/// <summary>A blob as a stream that can seek. Reads ahead in growing steps, so that a short range costs one block.</summary>
/// <param name="lost">Makes the error of a read that failed.</param>
/// <param name="credit">Given back when the stream is closed.</param>
internal sealed class BlobStream(IBlobReader reader, DispatcherWork work, Func<StoreException, StoreException> lost, IDisposable credit) : Stream
{
    private const int FirstReadBytes = 1;

    private ReadOnlyMemory<byte> _ready;
    private long _position;
    private long _nextBytes = FirstReadBytes;
    private bool _disposed;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => reader.Length;

    public override long Position
    {
        get => _position;
        set => Seek(value, SeekOrigin.Begin);
    }

    public override long Seek(long offset, SeekOrigin origin)
    {
        var position = origin switch
        {
            SeekOrigin.Begin => offset,
            SeekOrigin.Current => _position + offset,
            _ => Length + offset,
        };
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        if (position != _position) (_ready, _nextBytes) = (default, FirstReadBytes);
        return _position = position;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        if (_ready.IsEmpty && _position < Length && !buffer.IsEmpty) Take(await work.Run(ReadNext));
        return Give(buffer.Span);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(Span<byte> buffer)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_ready.IsEmpty && _position < Length && !buffer.IsEmpty) Take(ReadNext());
        return Give(buffer);
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing && !_disposed)
        {
            _disposed = true;
            reader.Dispose();
            credit.Dispose();
        }

        base.Dispose(disposing);
    }

    private ReadOnlyMemory<byte> ReadNext()
    {
        try
        {
            return reader.Read(_position, _nextBytes);
        }
        catch (StoreException cause) when (cause is CorruptDataException or StoreIoException)
        {
            throw lost(cause);
        }
    }

    private void Take(ReadOnlyMemory<byte> read)
    {
        _ready = read;
        _nextBytes = Math.Min(reader.ReadBytesMax, Math.Max(_nextBytes, read.Length) * 2);
    }

    private int Give(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, _ready.Length);
        _ready.Span[..count].CopyTo(buffer);
        _ready = _ready[count..];
        _position += count;
        return count;
    }
}
