using System.Collections.Immutable;

namespace EntityActors.Storage.Model;

/// <summary>Tags of one entity as a sorted array without duplicates.</summary>
public static class TagSet
{
    /// <summary>Sorted and without duplicates.</summary>
    public static ImmutableArray<Tag> Normalize(IEnumerable<Tag> tags)
    {
        var sorted = tags.ToArray();
        Array.Sort(sorted);
        var count = 0;
        for (var i = 0; i < sorted.Length; i++)
        {
            if (count == 0 || sorted[i] != sorted[count - 1]) sorted[count++] = sorted[i];
        }

        return ImmutableArray.Create(sorted, 0, count);
    }

    /// <summary>What is in <paramref name="left"/> and not in <paramref name="right"/>; both sorted.</summary>
    public static ImmutableArray<Tag> Except(ImmutableArray<Tag> left, ImmutableArray<Tag> right)
    {
        if (left.IsEmpty || right.IsEmpty) return left;
        var result = ImmutableArray.CreateBuilder<Tag>(left.Length);
        var r = 0;
        foreach (var tag in left)
        {
            while (r < right.Length && right[r] < tag) r++;
            if (r == right.Length || right[r] != tag) result.Add(tag);
        }

        return result.Count == left.Length ? left : result.ToImmutable();
    }

    /// <summary>The tags after adding and removing; all three sorted, <paramref name="added"/> and <paramref name="removed"/> disjoint.</summary>
    public static ImmutableArray<Tag> Apply(ImmutableArray<Tag> before, ImmutableArray<Tag> added, ImmutableArray<Tag> removed)
    {
        var kept = Except(before, removed);
        if (added.IsEmpty) return kept;
        if (kept.IsEmpty) return added;
        var result = ImmutableArray.CreateBuilder<Tag>(kept.Length + added.Length);
        var k = 0;
        foreach (var tag in added)
        {
            while (k < kept.Length && kept[k] < tag) result.Add(kept[k++]);
            if (k < kept.Length && kept[k] == tag) k++;
            result.Add(tag);
        }

        while (k < kept.Length) result.Add(kept[k++]);
        return result.ToImmutable();
    }

    public static bool Contains(ImmutableArray<Tag> sorted, Tag tag) => sorted.BinarySearch(tag) >= 0;
}
