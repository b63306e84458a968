using System.Buffers.Binary;
using EntityActors.Storage.Format;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Blobs;

/// <summary>Constants and layouts of the blob file; described in docs/format/blobs.md. All of them are part of the format.</summary>
internal static class BlobFormat
{
    public const uint Version = 1;
    public const int HeaderBytes = 512;
    public const int FooterBytes = 64;

    /// <summary>Content of a block; the last one of a blob may hold less.</summary>
    public const int BlockBytes = 64 * 1024;

    /// <summary>A block in the file: its content, then its checksum.</summary>
    public const int StoredBlockBytes = BlockBytes + sizeof(uint);

    private const int ChecksumOffset = 12;
    private const int IdOffset = 16;
    private const int KeyLengthOffset = 32;
    private const int KeyOffset = 34;
    private const int FooterChecksumOffset = FooterBytes - sizeof(uint);

    private static ReadOnlySpan<byte> HeaderMagic => "EABLOB01"u8;

    private static ReadOnlySpan<byte> FooterMagic => "EABLFTR1"u8;

    public static long BlockCount(long length) => (length + BlockBytes - 1) / BlockBytes;

    public static long FileBytes(long length) => HeaderBytes + length + (BlockCount(length) * sizeof(uint)) + FooterBytes;

    public static long BlockOffset(long index) => HeaderBytes + (index * StoredBlockBytes);

    /// <summary>Length of the content in a block.</summary>
    public static int BlockLength(long length, long index) => (int)Math.Min(BlockBytes, length - (index * BlockBytes));

    public static byte[] Header(UInt128 id, EntityKey key)
    {
        var bytes = new byte[HeaderBytes];
        HeaderMagic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), Version);
        BinaryPrimitives.WriteUInt128LittleEndian(bytes.AsSpan(IdOffset), id);
        var text = key.ToBytes();
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(KeyLengthOffset), (ushort)text.Length);
        text.CopyTo(bytes.AsSpan(KeyOffset));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(ChecksumOffset), Crc32C.Compute(bytes));
        return bytes;
    }

    /// <returns>False when the bytes are not the header of a blob, or not all of them are as they were written.</returns>
    public static bool TryReadHeader(ReadOnlySpan<byte> bytes, out UInt128 id, out EntityKey key)
    {
        (id, key) = (default, default);
        if (bytes.Length != HeaderBytes || !bytes.StartsWith(HeaderMagic)) return false;
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) != Version) return false;
        Span<byte> plain = stackalloc byte[HeaderBytes];
        bytes.CopyTo(plain);
        plain.Slice(ChecksumOffset, sizeof(uint)).Clear();
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[ChecksumOffset..]) != Crc32C.Compute(plain)) return false;
        id = BinaryPrimitives.ReadUInt128LittleEndian(bytes[IdOffset..]);
        var length = BinaryPrimitives.ReadUInt16LittleEndian(bytes[KeyLengthOffset..]);
        return length <= HeaderBytes - KeyOffset && EntityKey.TryFromBytes(bytes.Slice(KeyOffset, length), out key)
            && !bytes[(KeyOffset + length)..].ContainsAnyExcept((byte)0);
    }

    public static byte[] Footer(UInt128 id, long length, UInt128 hash)
    {
        var bytes = new byte[FooterBytes];
        FooterMagic.CopyTo(bytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), length);
        BinaryPrimitives.WriteUInt128LittleEndian(bytes.AsSpan(16), hash);
        BinaryPrimitives.WriteUInt128LittleEndian(bytes.AsSpan(32), id);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(FooterChecksumOffset), Crc32C.Compute(bytes.AsSpan(0, FooterChecksumOffset)));
        return bytes;
    }

    /// <summary>Checksum of a block. Blob and place are part of it: a block that changed places with another one is damage.</summary>
    public static uint Checksum(UInt128 id, long index, ReadOnlySpan<byte> content)
    {
        Span<byte> place = stackalloc byte[24];
        BinaryPrimitives.WriteUInt128LittleEndian(place, id);
        BinaryPrimitives.WriteInt64LittleEndian(place[16..], index);
        return Crc32C.Append(Crc32C.Compute(place), content);
    }
}
