namespace EntityActors.Storage.Segments;

/// <summary>What a <see cref="BlockCache"/> may hold: immutable, of a known size.</summary>
internal interface ICachedItem
{
    int LengthBytes { get; }
}
