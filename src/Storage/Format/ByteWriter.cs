using System.Buffers.Binary;
using System.Collections.Immutable;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Format;

/// <summary>Little-endian encoder over a buffer that grows. Not thread-safe; reusable after <see cref="Clear"/>.</summary>
public sealed class ByteWriter(int capacityBytes = 256)
{
    private byte[] _buffer = new byte[Math.Max(capacityBytes, 16)];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, Length);

    public ReadOnlyMemory<byte> WrittenMemory => _buffer.AsMemory(0, Length);

    public byte[] ToArray() => Written.ToArray();

    public void Clear() => Length = 0;

    /// <summary>Bytes already written, for filling in what is known later (a length, a checksum).</summary>
    public Span<byte> Patch(int offset, int count) => _buffer.AsSpan(0, Length).Slice(offset, count);

    /// <summary>Appends <paramref name="count"/> bytes for the caller to fill; they may hold anything before.</summary>
    public Span<byte> Reserve(int count)
    {
        if (Length + count > _buffer.Length) Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, Length + count));
        var span = _buffer.AsSpan(Length, count);
        Length += count;
        return span;
    }

    public void Byte(byte value) => Reserve(1)[0] = value;

    public void UInt16(ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(Reserve(2), value);

    public void UInt32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Reserve(4), value);

    public void Int64(long value) => BinaryPrimitives.WriteInt64LittleEndian(Reserve(8), value);

    public void UInt64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Reserve(8), value);

    public void UInt128(UInt128 value) => BinaryPrimitives.WriteUInt128LittleEndian(Reserve(16), value);

    public void Bytes(ReadOnlySpan<byte> value) => value.CopyTo(Reserve(value.Length));

    public void Zeros(int count) => Reserve(count).Clear();

    /// <summary>LEB128: seven bits a byte, least significant first; at most ten bytes.</summary>
    public void VarUInt(ulong value)
    {
        while (value >= 0x80)
        {
            Byte((byte)(value | 0x80));
            value >>= 7;
        }

        Byte((byte)value);
    }

    public void VarUInt(long value) => VarUInt(checked((ulong)value));

    /// <summary>Zigzag, then LEB128: small numbers of either sign are short.</summary>
    public void VarInt(long value) => VarUInt((ulong)((value << 1) ^ (value >> 63)));

    /// <summary>Length, then bytes.</summary>
    public void Block(ReadOnlySpan<byte> value)
    {
        VarUInt((ulong)value.Length);
        Bytes(value);
    }

    /// <summary>Length in bytes, then UTF-8. The text must be valid Unicode.</summary>
    public void Text(string value)
    {
        var count = StrictText.Utf8.GetByteCount(value);
        VarUInt((ulong)count);
        StrictText.Utf8.GetBytes(value, Reserve(count));
    }

    public void Tags(ImmutableArray<Tag> tags)
    {
        VarUInt((ulong)tags.Length);
        foreach (var tag in tags) Text(tag.Text);
    }
}
