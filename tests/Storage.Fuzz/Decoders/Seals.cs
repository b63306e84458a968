using System.Buffers.Binary;
using EntityActors.Storage.Format;

namespace EntityActors.Storage.Fuzz.Decoders;

/// <summary>Checksums made right after a mutation. Never throws: what is too short for one is left as it is.</summary>
internal static class Seals
{
    private const int HeaderChecksumOffset = 12;
    private const int HeaderLengthOffset = 16;

    /// <summary>Length and checksum of a shard's header.</summary>
    public static byte[] Header(byte[] bytes)
    {
        if (bytes.Length < HeaderLengthOffset + sizeof(uint)) return bytes;
        byte[] right = [.. bytes];
        BinaryPrimitives.WriteUInt32LittleEndian(right.AsSpan(HeaderLengthOffset), (uint)right.Length);
        right.AsSpan(HeaderChecksumOffset, sizeof(uint)).Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(right.AsSpan(HeaderChecksumOffset), Crc32C.Compute(right));
        return right;
    }

    /// <summary>The checksum at the end of a claim.</summary>
    public static byte[] Tail(byte[] bytes)
    {
        if (bytes.Length < sizeof(uint)) return bytes;
        byte[] right = [.. bytes];
        BinaryPrimitives.WriteUInt32LittleEndian(right.AsSpan(^sizeof(uint)..), Crc32C.Compute(right.AsSpan(..^sizeof(uint))));
        return right;
    }
}
