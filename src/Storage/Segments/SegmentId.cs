using System.Globalization;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Segments;

/// <summary>Name of a segment within its shard. The epoch is part of it, so a late file of an old owner never takes a new owner's name.</summary>
public readonly record struct SegmentId(Epoch Epoch, long Number) : IComparable<SegmentId>
{
    public const string Extension = ".seg";

    public string FileName => $"{Epoch.Value}-{Number}{Extension}";

    public static bool TryParseFileName(string name, out SegmentId id)
    {
        id = default;
        if (!name.EndsWith(Extension, StringComparison.Ordinal)) return false;
        var dash = name.IndexOf('-', StringComparison.Ordinal);
        if (dash < 0
            || !long.TryParse(name.AsSpan(0, dash), NumberStyles.None, CultureInfo.InvariantCulture, out var epoch)
            || !long.TryParse(name.AsSpan(dash + 1, name.Length - Extension.Length - dash - 1), NumberStyles.None,
                CultureInfo.InvariantCulture, out var number)) return false;
        id = new SegmentId(new Epoch(epoch), number);
        return id.FileName == name;
    }

    public int CompareTo(SegmentId other) => Epoch != other.Epoch ? Epoch.CompareTo(other.Epoch) : Number.CompareTo(other.Number);

    public override string ToString() => $"{Epoch.Value}-{Number}";

    public static bool operator <(SegmentId left, SegmentId right) => left.CompareTo(right) < 0;
    public static bool operator >(SegmentId left, SegmentId right) => left.CompareTo(right) > 0;
    public static bool operator <=(SegmentId left, SegmentId right) => left.CompareTo(right) <= 0;
    public static bool operator >=(SegmentId left, SegmentId right) => left.CompareTo(right) >= 0;
}
