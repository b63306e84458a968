namespace EntityActors.Storage.Model;

/// <summary>A <c>name:value</c> text of up to 512 bytes of UTF-8. The name is what stands before the first colon.</summary>
public readonly record struct Tag(string Text) : IComparable<Tag>
{
    public const int BytesMax = 512;

    public string Name => Text[..Text.IndexOf(':', StringComparison.Ordinal)];

    public string Value => Text[(Text.IndexOf(':', StringComparison.Ordinal) + 1)..];

    /// <summary>Why this text is not a tag, or null when it is one.</summary>
    public static string? Problem(string? text)
    {
        if (string.IsNullOrEmpty(text)) return "a tag is empty";
        return StrictText.ByteCount(text) switch
        {
            -1 => "a tag is not valid Unicode text",
            > BytesMax => $"a tag is longer than {BytesMax} bytes of UTF-8",
            _ => text.IndexOf(':', StringComparison.Ordinal) < 1 ? "a tag has the form name:value" : null,
        };
    }

    public int CompareTo(Tag other) => string.CompareOrdinal(Text, other.Text);

    public override string ToString() => Text;

    public static bool operator <(Tag left, Tag right) => left.CompareTo(right) < 0;
    public static bool operator >(Tag left, Tag right) => left.CompareTo(right) > 0;
    public static bool operator <=(Tag left, Tag right) => left.CompareTo(right) <= 0;
    public static bool operator >=(Tag left, Tag right) => left.CompareTo(right) >= 0;
}
