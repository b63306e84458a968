using System.Buffers.Binary;
using System.Security.Cryptography;

namespace EntityActors.Storage.Model;

/// <summary>Idempotency key of a command: 128 bits chosen by the client and kept across retries.</summary>
public readonly record struct CommandId(UInt128 Value)
{
    public const int SizeBytes = 16;

    public static CommandId New() => new(BinaryPrimitives.ReadUInt128BigEndian(Guid.NewGuid().ToByteArray(bigEndian: true)));

    /// <summary>A UUID is taken as it is; any other text by the first half of its SHA-256.</summary>
    public static CommandId FromText(string text)
    {
        if (Guid.TryParse(text, out var guid))
            return new CommandId(BinaryPrimitives.ReadUInt128BigEndian(guid.ToByteArray(bigEndian: true)));
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text), digest);
        return new CommandId(BinaryPrimitives.ReadUInt128BigEndian(digest));
    }

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[SizeBytes];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, Value);
        return new Guid(bytes, bigEndian: true).ToString();
    }
}
