using System.Buffers.Binary;
using System.Numerics;

namespace EntityActors.Storage.Format;

/// <summary>CRC-32C (Castagnoli, RFC 3720), with the processor's instruction where it has one.</summary>
public static class Crc32C
{
    public static uint Compute(ReadOnlySpan<byte> bytes) => Append(0, bytes);

    /// <summary>Checksum of the bytes before, whose checksum is <paramref name="checksum"/>, followed by these.</summary>
    public static uint Append(uint checksum, ReadOnlySpan<byte> bytes)
    {
        var state = ~checksum;
        while (bytes.Length >= sizeof(ulong))
        {
            state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (var next in bytes) state = BitOperations.Crc32C(state, next);
        return ~state;
    }
}
