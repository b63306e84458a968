namespace EntityActors.Storage.Model;

/// <summary>Bounds of one entity and one change.</summary>
public sealed record EntityLimits
{
    public static readonly EntityLimits Default = new();

    /// <summary>Most tags an entity may hold.</summary>
    public int TagCountMax { get; init; } = 1_000;

    /// <summary>Most bytes of content in one change.</summary>
    public int ContentBytesMax { get; init; } = 8 * 1024 * 1024;
}
