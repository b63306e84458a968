namespace EntityActors.Storage.Segments;

/// <summary>A stretch of a segment's file whose bytes are not what its checksum says.</summary>
/// <param name="What">The block, parity block, part or footer.</param>
public readonly record struct DamagedPlace(string What, long Offset, int LengthBytes)
{
    public string In(string path) => $"{path}: {What} at byte {Offset} is damaged";
}
