using System.IO.Hashing;
using System.Text;

namespace EntityActors.Storage.Model;

/// <summary>Content of an entity: any bytes with their media type. Cleared content has no type and no bytes.</summary>
/// <remarks>The bytes are here, or in a blob file of the shard that <see cref="Blob"/> names; then <see cref="Bytes"/> must not be asked for.</remarks>
public sealed record Content
{
    public const int ContentTypeBytesMax = 255;

    public static readonly Content Cleared = new(null, ReadOnlyMemory<byte>.Empty);

    private readonly ReadOnlyMemory<byte> _bytes;

    /// <param name="contentType">Media type, up to 255 bytes; null when the content was cleared.</param>
    public Content(string? contentType, ReadOnlyMemory<byte> bytes)
    {
        (ContentType, _bytes) = (contentType, bytes);
    }

    public string? ContentType { get; }

    /// <summary>Where the bytes are when they are not here.</summary>
    public BlobReference? Blob { get; init; }

    public bool IsCleared => ContentType is null;

    /// <exception cref="InvariantViolationException">They are in a blob, and empty bytes would be a wrong answer.</exception>
    public ReadOnlyMemory<byte> Bytes =>
        Blob is null ? _bytes : throw new InvariantViolationException("content in a blob is read from the store of blobs");

    /// <summary>Bytes that this object holds itself.</summary>
    public int InlineBytes => _bytes.Length;

    /// <summary>Bytes of the content, wherever they are.</summary>
    public long Length => Blob?.Length ?? _bytes.Length;

    /// <summary>Whether both have the same type and bytes; cleared content is no content.</summary>
    public static bool AreSame(Content? left, Content? right)
    {
        left ??= Cleared;
        right ??= Cleared;
        if (left.ContentType != right.ContentType || left.Length != right.Length) return false;
        if (left.Blob is null && right.Blob is null) return left._bytes.Span.SequenceEqual(right._bytes.Span);
        return left.Hash() == right.Hash();
    }

    private UInt128 Hash() => Blob?.Hash ?? XxHash128.HashToUInt128(_bytes.Span);

    // The bytes are asked for only where they are.
    private bool PrintMembers(StringBuilder text)
    {
        text.Append("ContentType = ").Append(ContentType).Append(", Length = ").Append(Length).Append(", Blob = ").Append(Blob);
        return true;
    }
}
