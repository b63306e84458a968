namespace EntityActors.Storage.Model;

/// <summary>Which changes a feed gives. Decided by the change alone, so that no state has to be read.</summary>
/// <param name="Dataset">Changes of this dataset; null is every one.</param>
/// <param name="Tag">Changes that add or remove such a tag; null is every change.</param>
public readonly record struct ChangeFilter(string? Dataset, TagPattern? Tag)
{
    public bool Matches(Change change)
    {
        if (Dataset is not null && change.Key.Dataset != Dataset) return false;
        return Tag is not { } pattern || HoldsAny(change.Added, pattern) || HoldsAny(change.Removed, pattern);
    }

    private static bool HoldsAny(System.Collections.Immutable.ImmutableArray<Tag> tags, TagPattern pattern)
    {
        foreach (var tag in tags)
        {
            if (pattern.IsPrefix ? tag.Text.StartsWith(pattern.Text, StringComparison.Ordinal) : tag.Text == pattern.Text) return true;
        }

        return false;
    }
}
