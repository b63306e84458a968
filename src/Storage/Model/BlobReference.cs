using System.Globalization;

namespace EntityActors.Storage.Model;

/// <summary>Names one blob file of a shard for ever: the epoch that may take it in, and 128 random bits.</summary>
/// <param name="Epoch">Only the owner of this epoch accepts a change that names the blob; see docs/decisions/0021.</param>
public readonly record struct BlobId(Epoch Epoch, UInt128 Value)
{
    private const string Suffix = ".blob";

    /// <summary>Name of its file: <c>5-0123456789abcdef0123456789abcdef.blob</c>.</summary>
    public string FileName => ToString() + Suffix;

    public static bool TryParseFileName(string name, out BlobId id)
    {
        id = default;
        var dash = name.IndexOf('-', StringComparison.Ordinal);
        if (dash < 1 || name.Length != dash + 1 + 32 + Suffix.Length || !name.EndsWith(Suffix, StringComparison.Ordinal)) return false;
        if (!long.TryParse(name.AsSpan(0, dash), NumberStyles.None, CultureInfo.InvariantCulture, out var epoch)) return false;
        if (!UInt128.TryParse(name.AsSpan(dash + 1, 32), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)) return false;
        id = new BlobId(new Epoch(epoch), value);
        return id.FileName == name;
    }

    public override string ToString() => $"{Epoch}-{Value.ToString("x32", CultureInfo.InvariantCulture)}";
}

/// <summary>What a change holds in place of content that stands in a blob file.</summary>
/// <param name="Length">Bytes of the content.</param>
/// <param name="Hash">XxHash128 of the content.</param>
public readonly record struct BlobReference(BlobId Id, long Length, UInt128 Hash)
{
    /// <summary>Most bytes of content in a blob: 1 GiB.</summary>
    public const long LengthMax = 1024L * 1024 * 1024;
}
