namespace EntityActors.Storage.Indexes;

/// <summary>Order of texts by their UTF-8 bytes, which is the order of code points; texts must be valid Unicode.</summary>
public sealed class Utf8Order : IComparer<string>
{
    public static readonly Utf8Order Instance = new();

    public int Compare(string? x, string? y) => CompareTexts(x!, y!);

    public static int CompareTexts(string left, string right)
    {
        var same = left.AsSpan().CommonPrefixLength(right);
        if (same == left.Length || same == right.Length) return left.Length.CompareTo(right.Length);
        return Rank(left[same]).CompareTo(Rank(right[same]));
    }

    // Surrogates stand for code points above U+FFFF but are smaller than U+E000 as UTF-16 units: move them behind.
    private static int Rank(char unit) => unit switch
    {
        < '\uD800' => unit,
        < '\uE000' => unit + 0x2000,
        _ => unit - 0x800,
    };
}
