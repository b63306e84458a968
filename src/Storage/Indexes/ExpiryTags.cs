using System.Globalization;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Indexes;

/// <summary>
/// Tags under which postings keep when entities expire, by the minute, in a dataset of their own that no entity can have. So what is due is found in
/// order and without reading entities that are not. Part of the format.
/// </summary>
internal static class ExpiryTags
{
    public const string Dataset = "";
    public const string Prefix = "expires:";
    private const long NanosecondsPerMinute = 60 * Timestamp.NanosecondsPerSecond;

    /// <summary>The tag of an entity that expires then; null for null. Tags are in the order of time.</summary>
    public static string? Of(Timestamp? expiresAt) => expiresAt is { } time ? Prefix + MinuteOf(time).ToString("x8", CultureInfo.InvariantCulture) : null;

    /// <summary>The begin of a tag's minute.</summary>
    public static Timestamp StartOf(string tag) =>
        new(long.Parse(tag.AsSpan(Prefix.Length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) * NanosecondsPerMinute);

    private static long MinuteOf(Timestamp time) => time.Nanoseconds / NanosecondsPerMinute;
}
