using System.Buffers.Binary;
using EntityActors.Storage.Format;
using EntityActors.Storage.Segments;

namespace EntityActors.Storage.Tests.Segments;

/// <summary>Changes bytes of a segment and makes every checksum right again: what a defect of the writer would leave.</summary>
internal sealed class SegmentForger(byte[] original)
{
    private const int PartsOffset = 16;
    private const int PartEntryBytes = 16;

    private readonly byte[] _bytes = [.. original];

    private int FooterOffset => _bytes.Length - (2 * SegmentFormat.FooterBytes);

    public int BlockCount => Blocks().Count;

    /// <param name="change">Given the stored bytes of the block.</param>
    public void ChangeBlock(int index, Action<byte[]> change)
    {
        var (offset, length, checksumAt) = Blocks()[index];
        Apply(offset, length, change);
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(checksumAt), Crc32C.Compute(_bytes.AsSpan(offset, length)));
        SealPart(SegmentPart.BlockIndex);
    }

    public void ChangePart(SegmentPart part, Action<byte[]> change)
    {
        var (offset, length) = Part(part);
        Apply(offset, length, change);
        SealPart(part);
    }

    /// <summary>The table of the footer: offsets, lengths and checksums of the parts.</summary>
    public void ChangeFooter(Action<byte[]> change)
    {
        Apply(FooterOffset, SegmentFormat.FooterBytes - sizeof(uint), change);
        SealFooter();
    }

    /// <summary>The forged file and the header's entry that vouches for it.</summary>
    public (byte[] Bytes, SegmentInfo Info) Finish(SegmentInfo info) => (_bytes,
        info with { Checksum = BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(FooterOffset + SegmentFormat.FooterBytes - sizeof(uint))) });

    private List<(int Offset, int Length, int ChecksumAt)> Blocks()
    {
        var (start, length) = Part(SegmentPart.BlockIndex);
        var reader = new ByteReader(_bytes.AsSpan(start, length));
        var blocks = new List<(int, int, int)>();
        var count = (int)reader.VarUInt();
        _ = reader.VarUInt();
        _ = reader.VarUInt();
        var (offset, longest) = (SegmentFormat.HeaderBytes, 0);
        for (var i = 0; i < count; i++)
        {
            var stored = (int)reader.VarUInt();
            _ = reader.VarUInt();
            blocks.Add((offset, stored, start + reader.Offset));
            _ = reader.UInt32();
            _ = reader.Block();
            _ = (reader.VarUInt(), reader.VarUInt(), reader.VarUInt());
            (offset, longest) = (offset + stored, Math.Max(longest, stored));
            if ((i + 1) % SegmentFormat.StripeBlocks != 0) continue;
            (offset, longest) = (offset + longest, 0);
        }

        return blocks;
    }

    private (int Offset, int Length) Part(SegmentPart part)
    {
        var entry = _bytes.AsSpan(FooterOffset + PartsOffset + ((int)part * PartEntryBytes));
        return ((int)BinaryPrimitives.ReadInt64LittleEndian(entry), (int)BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]));
    }

    private void SealPart(SegmentPart part)
    {
        var (offset, length) = Part(part);
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(FooterOffset + PartsOffset + ((int)part * PartEntryBytes) + 12),
            Crc32C.Compute(_bytes.AsSpan(offset, length)));
        SealFooter();
    }

    private void SealFooter()
    {
        var footer = _bytes.AsSpan(FooterOffset, SegmentFormat.FooterBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(footer[^4..], Crc32C.Compute(footer[..^4]));
        footer.CopyTo(_bytes.AsSpan(FooterOffset + SegmentFormat.FooterBytes));
    }

    private void Apply(int offset, int length, Action<byte[]> change)
    {
        var bytes = _bytes[offset..(offset + length)];
        change(bytes);
        bytes.CopyTo(_bytes, offset);
    }
}
