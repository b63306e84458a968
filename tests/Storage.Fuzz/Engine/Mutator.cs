using System.Buffers.Binary;

namespace EntityActors.Storage.Fuzz.Engine;

/// <summary>Makes a new input of one that was interesting: AFL's stacked changes, with words and numbers out of the seeds.</summary>
internal sealed class Mutator(FuzzRandom random, IReadOnlyList<byte[]> seeds, IReadOnlyList<byte[]> words)
{
    public const int InputBytesMax = 64 * 1024;

    private static readonly ulong[] Numbers =
    [
        0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 100, 127, 128, 129, 255, 256, 511, 512, 1000, 1024, 4095, 4096, 4097, 32767, 32768, 65535,
        65536, 1 << 20, 17 << 20, (17 << 20) + 1, int.MaxValue, 1U << 31, uint.MaxValue - 1, uint.MaxValue, 1UL << 32, long.MaxValue - 4096,
        long.MaxValue - 1, long.MaxValue, 1UL << 63, ulong.MaxValue - 4095, ulong.MaxValue - 1, ulong.MaxValue,
    ];

    private readonly byte[] _buffer = new byte[InputBytesMax];
    private readonly byte[] _block = new byte[InputBytesMax];
    private int _length;

    /// <param name="other">A second input, for a splice.</param>
    public byte[] Mutate(byte[] parent, byte[] other)
    {
        _length = Math.Min(parent.Length, InputBytesMax);
        parent.AsSpan(0, _length).CopyTo(_buffer);
        if (random.Below(8) == 0 && other.Length > 0) Splice(other);
        for (var steps = 1 << random.Below(5); steps > 0; steps--) Step(other);
        return _buffer.AsSpan(0, _length).ToArray();
    }

    private void Step(byte[] other)
    {
        if (_length == 0)
        {
            Insert(0, [(byte)random.Next()]);
            return;
        }

        var at = random.Below(_length);
        switch (random.Below(18))
        {
            case 0 or 1:
                _buffer[at] ^= (byte)(1 << random.Below(8));
                break;
            case 2:
                _buffer[at] = (byte)random.Next();
                break;
            case 3:
                _buffer[at] += (byte)(1 + random.Below(35));
                break;
            case 4:
                _buffer[at] -= (byte)(1 + random.Below(35));
                break;
            case 5 or 6:
                Overwrite(at, Number());
                break;
            case 7:
                AddToNumber(at);
                break;
            case 8:
                Insert(at, Number());
                break;
            case 9 or 10:
                Delete(at, BlockLength(_length - at));
                break;
            case 11:
                Insert(random.Below(_length + 1), Copy(_buffer.AsSpan(at, BlockLength(_length - at))));
                break;
            case 12:
                Overwrite(random.Below(_length), Copy(_buffer.AsSpan(at, BlockLength(_length - at))));
                break;
            case 13:
                Insert(at, Piece(seeds[random.Below(seeds.Count)]));
                break;
            case 14:
                Overwrite(at, Piece(random.Below(2) == 0 ? seeds[random.Below(seeds.Count)] : other));
                break;
            case 15:
                _length = random.Below(_length + 1);
                break;
            case 16:
                Word(at);
                break;
            default:
                Insert(at, Run());
                break;
        }
    }

    private void Splice(byte[] other)
    {
        _length = random.Below(_length + 1);
        Insert(_length, other.AsSpan(random.Below(other.Length)));
    }

    private void Word(int at)
    {
        if (words.Count == 0) Overwrite(at, Number());
        else if (random.Below(2) == 0) Insert(at, words[random.Below(words.Count)]);
        else Overwrite(at, words[random.Below(words.Count)]);
    }

    /// <summary>An edge of some type, or a length that is right or nearly so, in one of the forms that numbers have in our formats.</summary>
    private ReadOnlySpan<byte> Number()
    {
        var value = random.Below(4) == 0 ? (ulong)(_length - 2 + random.Below(5)) : Numbers[random.Below(Numbers.Length)];
        switch (random.Below(5))
        {
            case 0:
                _block[0] = (byte)value;
                return _block.AsSpan(0, 1);
            case 1:
                BinaryPrimitives.WriteUInt16LittleEndian(_block, (ushort)value);
                return _block.AsSpan(0, 2);
            case 2:
                BinaryPrimitives.WriteUInt32LittleEndian(_block, (uint)value);
                return _block.AsSpan(0, 4);
            case 3:
                BinaryPrimitives.WriteUInt64LittleEndian(_block, value);
                return _block.AsSpan(0, 8);
            default:
                var count = 0;
                for (; value >= 0x80; value >>= 7) _block[count++] = (byte)(value | 0x80);
                _block[count++] = (byte)value;
                return _block.AsSpan(0, count);
        }
    }

    private void AddToNumber(int at)
    {
        var delta = random.Below(71) - 35;
        var rest = _buffer.AsSpan(at, _length - at);
        if (rest.Length >= 8 && random.Below(2) == 0)
            BinaryPrimitives.WriteInt64LittleEndian(rest, unchecked(BinaryPrimitives.ReadInt64LittleEndian(rest) + delta));
        else if (rest.Length >= 4)
            BinaryPrimitives.WriteInt32LittleEndian(rest, unchecked(BinaryPrimitives.ReadInt32LittleEndian(rest) + delta));
        else
            rest[0] = unchecked((byte)(rest[0] + delta));
    }

    private ReadOnlySpan<byte> Run()
    {
        var run = _block.AsSpan(0, 1 + random.Below(random.Below(4) == 0 ? 2048 : 32));
        run.Fill(random.Below(2) == 0 ? (byte)0 : (byte)random.Next());
        return run;
    }

    private ReadOnlySpan<byte> Piece(byte[] source)
    {
        if (source.Length == 0) return default;
        var from = random.Below(source.Length);
        return source.AsSpan(from, BlockLength(source.Length - from));
    }

    /// <summary>Short blocks are likelier: most fields are.</summary>
    private int BlockLength(int most) => 1 + random.Below(Math.Min(most, random.Below(4) == 0 ? most : 16));

    private ReadOnlySpan<byte> Copy(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_block);
        return _block.AsSpan(0, bytes.Length);
    }

    private void Overwrite(int at, ReadOnlySpan<byte> bytes)
    {
        var count = Math.Min(bytes.Length, _length - at);
        bytes[..count].CopyTo(_buffer.AsSpan(at));
    }

    private void Insert(int at, ReadOnlySpan<byte> bytes)
    {
        var count = Math.Min(bytes.Length, InputBytesMax - _length);
        _buffer.AsSpan(at, _length - at).CopyTo(_buffer.AsSpan(at + count));
        bytes[..count].CopyTo(_buffer.AsSpan(at));
        _length += count;
    }

    private void Delete(int at, int count)
    {
        _buffer.AsSpan(at + count, _length - at - count).CopyTo(_buffer.AsSpan(at));
        _length -= count;
    }
}
