namespace EntityActors.Storage.Segments;

/// <summary>Constants of the segment file; layout in docs/FORMAT.md, "Segments". All of them are part of the format.</summary>
internal static class SegmentFormat
{
    public const uint Version = 1;
    public const int HeaderBytes = 32;
    public const int StripeBlocks = 16;

    /// <summary>Every so many changes of an entity one carries the whole state, so a state costs at most 63 changes more.</summary>
    public const int KeyframeInterval = 64;

    public const int EventsPerRow = 1024;

    /// <summary>A row with content of 8 MiB and full tag lists stays well below.</summary>
    public const int RowBytesMax = 16 * 1024 * 1024;

    public const int BlockRawBytesMax = RowBytesMax + (1024 * 1024);

    public const int PartCount = 6;
    public const int FooterBytes = 8 + 4 + 4 + (PartCount * 16) + 4;

    public static ReadOnlySpan<byte> HeaderMagic => "EASEGMNT"u8;

    public static ReadOnlySpan<byte> FooterMagic => "EASEGFTR"u8;
}

/// <summary>Parts of a segment outside the blocks, in the order of the footer's table.</summary>
internal enum SegmentPart
{
    Header = 0,
    Properties = 1,
    BlockIndex = 2,
    Bloom = 3,
    Ordinals = 4,
    Parity = 5,
}

/// <summary>First byte of a row in a data block.</summary>
internal enum RowKind : byte
{
    NewHead = 1,
    ContinuedHead = 2,
    Change = 3,
    Keyframe = 4,

    /// <summary>Head of a purged entity: one change follows, the purge. It counts as no new entity.</summary>
    PurgedHead = 5,

    /// <summary>Head of an entity whose earlier history was trimmed: the first change behind it is the base.</summary>
    TrimmedHead = 6,
}
