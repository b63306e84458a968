using System.IO.Hashing;

namespace EntityActors.Storage.Segments;

/// <summary>Set of key hashes that may say yes wrongly, never no. The probes are part of the format.</summary>
internal sealed class BloomFilter(byte[] bits)
{
    public const int ProbeCount = 7;
    public const int BytesMin = 8;

    public long MemoryBytes => bits.Length;

    public static ulong HashOf(ReadOnlySpan<byte> key) => XxHash64.HashToUInt64(key);

    public static byte[] Build(List<ulong> hashes, int bitsPerKey)
    {
        var bits = new byte[Math.Max(BytesMin, checked((int)(((long)hashes.Count * bitsPerKey + 7) / 8)))];
        foreach (var hash in hashes)
        {
            for (var i = 0; i < ProbeCount; i++)
            {
                var bit = Bit(hash, i, bits.Length);
                bits[bit >> 3] |= (byte)(1 << (int)(bit & 7));
            }
        }

        return bits;
    }

    public bool MightContain(ulong hash)
    {
        for (var i = 0; i < ProbeCount; i++)
        {
            var bit = Bit(hash, i, bits.Length);
            if ((bits[bit >> 3] & (1 << (int)(bit & 7))) == 0) return false;
        }

        return true;
    }

    // Double hashing; the high half of a product maps a hash evenly onto the bits without a division.
    private static long Bit(ulong hash, int probe, int length)
    {
        var step = (hash >> 32 | hash << 32) * 0x9E3779B97F4A7C15 | 1;
        return (long)Math.BigMul(hash + ((ulong)probe * step), (ulong)length * 8, out _);
    }
}
