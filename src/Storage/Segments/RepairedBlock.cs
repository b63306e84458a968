namespace EntityActors.Storage.Segments;

/// <summary>A damaged stretch of a segment that was rebuilt from parity for a read. The file still holds the damage.</summary>
public sealed record RepairedBlock(string Path, long Offset, int LengthBytes);
