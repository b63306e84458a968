using System.Buffers.Binary;
using System.Runtime.Serialization;

namespace EntityActors.Actors.Protocol;

/// <summary>Bytes of one message for Hyperion, which believes every length it reads and takes the end of a stream for zeros.</summary>
/// <remarks>
/// Hyperion allocates what a length says before it reads on, so a few bytes could ask for gigabytes. It reads a length, like any number
/// of 32 bits, four bytes at a time: one above <see cref="NumberMax"/> that is more than what is left is refused here, and so is reading
/// past the end. Texts of four bytes would look like numbers: the serializer never writes one.
/// </remarks>
internal sealed class BoundedMessageStream(byte[] bytes) : Stream
{
    /// <summary>Above every 32-bit number of an administrative message: shards, segments of a shard, enums.</summary>
    public const int NumberMax = 64 * 1024;

    private int _position;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => bytes.Length;

    public override long Position
    {
        get => _position;
        set => throw new NotSupportedException();
    }

    /// <exception cref="SerializationException">Fewer bytes are left, or they are a number that no message holds.</exception>
    public override int Read(Span<byte> buffer)
    {
        var left = bytes.Length - _position;
        if (buffer.Length > left) throw new SerializationException($"{buffer.Length} bytes expected, {left} left");
        bytes.AsSpan(_position, buffer.Length).CopyTo(buffer);
        _position += buffer.Length;
        if (buffer.Length == sizeof(int)) CheckNumber(BinaryPrimitives.ReadInt32LittleEndian(buffer), left);
        return buffer.Length;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int ReadByte()
    {
        Span<byte> one = stackalloc byte[1];
        _ = Read(one);
        return one[0];
    }

    public override void Flush()
    {
        // There is nothing to write.
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private static void CheckNumber(int number, int left)
    {
        if (number < 0 || number > Math.Max(left, NumberMax)) throw new SerializationException($"a number of {number} with {left} bytes left");
    }
}
