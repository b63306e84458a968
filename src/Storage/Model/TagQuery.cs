using System.Collections.Immutable;

namespace EntityActors.Storage.Model;

/// <summary>A tag, or with <see cref="IsPrefix"/> every tag that begins with the text.</summary>
public readonly record struct TagPattern(string Text, bool IsPrefix)
{
    /// <summary><c>ext:*</c> is a prefix, anything else the tag itself.</summary>
    public static TagPattern Parse(string text) => text.EndsWith('*') ? new TagPattern(text[..^1], true) : new TagPattern(text, false);
}

/// <summary>Which entities of a dataset: those with all (or any) of some tags, without some others, in one lifecycle.</summary>
/// <param name="Tags">Empty means every entity of the lifecycle.</param>
/// <param name="Lifecycle">Null means any but purged.</param>
public sealed record TagQuery(
    string Dataset, ImmutableArray<TagPattern> Tags, bool MatchAny, ImmutableArray<TagPattern> Not, Lifecycle? Lifecycle)
{
    public const int PatternCountMax = 64;
}
