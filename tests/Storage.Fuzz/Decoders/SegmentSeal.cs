using System.Buffers.Binary;
using EntityActors.Storage.Format;
using EntityActors.Storage.Segments;

namespace EntityActors.Storage.Fuzz.Decoders;

/// <summary>Makes every checksum of a spoiled segment right, as far as its own tables still lead to what they cover.</summary>
internal static class SegmentSeal
{
    private const int PartsOffset = 16;
    private const int PartEntryBytes = 16;

    /// <returns>The checksum that the shard's header must name.</returns>
    public static uint Apply(byte[] file)
    {
        if (file.Length < 2 * SegmentFormat.FooterBytes) return 0;
        var footer = file.AsSpan(file.Length - (2 * SegmentFormat.FooterBytes), SegmentFormat.FooterBytes);
        var index = Part(file, footer, SegmentPart.BlockIndex);
        if (!index.IsEmpty) SealBlocks(file, index);
        for (var part = SegmentPart.Header; part <= SegmentPart.Parity; part++)
        {
            var bytes = Part(file, footer, part);
            BinaryPrimitives.WriteUInt32LittleEndian(footer[(PartsOffset + ((int)part * PartEntryBytes) + 12)..], Crc32C.Compute(bytes));
        }

        var checksum = Crc32C.Compute(footer[..^sizeof(uint)]);
        BinaryPrimitives.WriteUInt32LittleEndian(footer[^sizeof(uint)..], checksum);
        footer.CopyTo(file.AsSpan(file.Length - SegmentFormat.FooterBytes));
        return checksum;
    }

    private static Span<byte> Part(byte[] file, ReadOnlySpan<byte> footer, SegmentPart part)
    {
        var entry = footer[(PartsOffset + ((int)part * PartEntryBytes))..];
        var (offset, length) = (BinaryPrimitives.ReadInt64LittleEndian(entry), BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]));
        return offset >= 0 && offset <= file.Length && length <= file.Length - offset ? file.AsSpan((int)offset, (int)length) : default;
    }

    private static void SealBlocks(byte[] file, Span<byte> index)
    {
        try
        {
            var reader = new ByteReader(index);
            var count = reader.Count(10);
            _ = (reader.VarUInt(), reader.VarUInt());
            var (offset, longest) = ((long)SegmentFormat.HeaderBytes, 0L);
            for (var i = 0; i < count; i++)
            {
                var stored = (long)Math.Min(reader.VarUInt(), int.MaxValue);
                _ = reader.VarUInt();
                if (offset + stored <= file.Length)
                    BinaryPrimitives.WriteUInt32LittleEndian(index[reader.Offset..], Crc32C.Compute(file.AsSpan((int)offset, (int)stored)));
                _ = reader.UInt32();
                _ = reader.Block();
                _ = (reader.VarUInt(), reader.VarUInt(), reader.VarUInt());
                (offset, longest) = (offset + stored, Math.Max(longest, stored));
                if ((i + 1) % SegmentFormat.StripeBlocks == 0) (offset, longest) = (offset + longest, 0);
            }
        }
        catch (Exception cause) when (cause is MalformedBytesException or ArgumentOutOfRangeException)
        {
            // The index itself is spoiled: its blocks keep the checksums they have.
        }
    }
}
