using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Format;

/// <summary>Bytes do not follow their format. Callers that know the file turn it into <see cref="CorruptDataException"/>.</summary>
public sealed class MalformedBytesException(string message) : StoreException(message);

/// <summary>Little-endian decoder. Every length is checked against what is left before anything is allocated.</summary>
public ref struct ByteReader(ReadOnlySpan<byte> source)
{
    private readonly ReadOnlySpan<byte> _source = source;

    public int Offset { get; private set; }

    public readonly int Remaining => _source.Length - Offset;

    public readonly bool IsAtEnd => Remaining == 0;

    /// <exception cref="MalformedBytesException">Fewer bytes are left. So do all other methods here.</exception>
    public ReadOnlySpan<byte> Bytes(int count)
    {
        if (count < 0 || count > Remaining) throw new MalformedBytesException($"{count} bytes expected, {Remaining} left");
        var span = _source.Slice(Offset, count);
        Offset += count;
        return span;
    }

    public byte Byte() => Bytes(1)[0];

    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Bytes(2));

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4));

    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Bytes(8));

    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Bytes(8));

    public UInt128 UInt128() => BinaryPrimitives.ReadUInt128LittleEndian(Bytes(16));

    public ulong VarUInt()
    {
        var result = 0UL;
        for (var shift = 0; shift < 70; shift += 7)
        {
            var next = Byte();
            if (shift == 63 && next > 1) break;
            result |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80) return result;
        }

        throw new MalformedBytesException("a variable-length number is longer than 64 bits");
    }

    /// <summary>A variable-length number that must fit in 63 bits.</summary>
    public long VarLong()
    {
        var value = VarUInt();
        if (value > long.MaxValue) throw new MalformedBytesException("a number is larger than 63 bits");
        return (long)value;
    }

    public uint VarUInt32()
    {
        var value = VarUInt();
        if (value > uint.MaxValue) throw new MalformedBytesException("a number is larger than 32 bits");
        return (uint)value;
    }

    /// <summary>A variable-length number that must fit in 31 bits.</summary>
    public int VarUInt31()
    {
        var value = VarUInt();
        if (value > int.MaxValue) throw new MalformedBytesException("a number is larger than 31 bits");
        return (int)value;
    }

    public long VarInt()
    {
        var value = VarUInt();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    /// <summary>A count of items that take at least <paramref name="itemBytesMin"/> bytes each.</summary>
    public int Count(int itemBytesMin = 1)
    {
        var count = VarUInt();
        if (count > (ulong)(Remaining / itemBytesMin)) throw new MalformedBytesException($"a count of {count} with {Remaining} bytes left");
        return (int)count;
    }

    public ReadOnlySpan<byte> Block() => Bytes(Count());

    public string Text()
    {
        try
        {
            return StrictText.Utf8.GetString(Block());
        }
        catch (DecoderFallbackException)
        {
            throw new MalformedBytesException("a text is not valid UTF-8");
        }
    }

    public ImmutableArray<Tag> Tags()
    {
        var count = Count();
        if (count == 0) return [];
        var tags = new Tag[count];
        for (var i = 0; i < count; i++) tags[i] = new Tag(Text());
        return System.Runtime.InteropServices.ImmutableCollectionsMarshal.AsImmutableArray(tags);
    }

    /// <exception cref="MalformedBytesException">Bytes are left over.</exception>
    public readonly void End()
    {
        if (!IsAtEnd) throw new MalformedBytesException($"{Remaining} bytes too many");
    }
}
