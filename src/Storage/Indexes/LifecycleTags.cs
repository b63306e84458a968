using EntityActors.Storage.Model;

namespace EntityActors.Storage.Indexes;

/// <summary>Pseudo-tags under which postings keep the lifecycle. They have no colon, so no real tag can be one. Part of the format.</summary>
public static class LifecycleTags
{
    public const string Active = "active";
    public const string Deleted = "deleted";
    public const string Archived = "archived";
    public const string Purged = "purged";

    /// <summary>Held by entities whose base is in the segment: what older segments say of them counts no more.</summary>
    public const string Trimmed = "trimmed";

    public static string Of(Lifecycle lifecycle) => lifecycle switch
    {
        Lifecycle.Active => Active,
        Lifecycle.Deleted => Deleted,
        Lifecycle.Archived => Archived,
        Lifecycle.Purged => Purged,
        _ => throw new InvariantViolationException($"unknown lifecycle {lifecycle}"),
    };

    public static bool IsPseudo(string tag) => !tag.Contains(':', StringComparison.Ordinal);
}
