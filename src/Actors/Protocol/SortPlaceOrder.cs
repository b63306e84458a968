namespace EntityActors.Actors.Protocol;

/// <summary>Order of places: by key, which may descend, then by ordinal.</summary>
internal sealed class SortPlaceOrder(bool isDescending) : IComparer<SortPlace>
{
    public int Compare(SortPlace? left, SortPlace? right)
    {
        var keys = CompareKeys(left!, right!);
        return keys != 0 ? keys : left!.Ordinal.CompareTo(right!.Ordinal);
    }

    public int CompareKeys(SortPlace left, SortPlace right)
    {
        var keys = left.Key.Span.SequenceCompareTo(right.Key.Span);
        return isDescending ? -keys : keys;
    }
}
