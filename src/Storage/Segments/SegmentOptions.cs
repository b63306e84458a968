namespace EntityActors.Storage.Segments;

/// <summary>How segments are written. Readers need none of it: a file describes itself.</summary>
public sealed record SegmentOptions
{
    public static readonly SegmentOptions Default = new();

    /// <summary>A block ends with the row that reaches this many bytes before compression.</summary>
    public int BlockBytes { get; init; } = 16 * 1024;

    /// <summary>10 bits a key give about 1 false answer in 100.</summary>
    public int BloomBitsPerKey { get; init; } = 10;
}
