using System.IO.Hashing;
using System.Text.RegularExpressions;
using System.Text.Unicode;

namespace EntityActors.Storage.Model;

/// <summary>Identity of an entity: dataset and id. Ids are 1 to 256 bytes of UTF-8, any character allowed.</summary>
/// <remarks>Keys are ordered by their encoded bytes: dataset, a zero byte, id.</remarks>
public readonly partial record struct EntityKey(string Dataset, string Id)
{
    public const int IdBytesMax = 256;
    public const int DatasetCharsMax = 64;

    [GeneratedRegex("^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$", RegexOptions.CultureInvariant)]
    private static partial Regex DatasetPattern();

    public static bool IsValidDataset(string dataset) => DatasetPattern().IsMatch(dataset) && !dataset.EndsWith('\n');

    /// <summary>Whether a dataset is the store's own: no ordinary request reads or writes it.</summary>
    public static bool IsReserved(string dataset) => dataset.StartsWith('_');

    /// <summary>Why these two texts are not a key, or null when they are one.</summary>
    public static string? Problem(string dataset, string id)
    {
        if (!IsValidDataset(dataset))
            return "a dataset name is 1 to 64 characters: letters, digits, '.', '_' and '-', the first one a letter, a digit or '_'";
        return StrictText.ByteCount(id) switch
        {
            -1 => "the id is not valid Unicode text",
            0 => "the id is empty",
            > IdBytesMax => $"the id is longer than {IdBytesMax} bytes of UTF-8",
            _ => null,
        };
    }

    /// <summary>The key as bytes; their order is the order of entities in a segment.</summary>
    public byte[] ToBytes()
    {
        var dataset = StrictText.Utf8.GetByteCount(Dataset);
        var bytes = new byte[dataset + 1 + StrictText.Utf8.GetByteCount(Id)];
        StrictText.Utf8.GetBytes(Dataset, bytes);
        StrictText.Utf8.GetBytes(Id, bytes.AsSpan(dataset + 1));
        return bytes;
    }

    /// <returns>False when the bytes are not two valid texts with a zero byte between them.</returns>
    public static bool TryFromBytes(ReadOnlySpan<byte> bytes, out EntityKey key)
    {
        key = default;
        var zero = bytes.IndexOf((byte)0);
        if (zero < 0 || !Utf8.IsValid(bytes)) return false;
        key = new EntityKey(StrictText.Utf8.GetString(bytes[..zero]), StrictText.Utf8.GetString(bytes[(zero + 1)..]));
        return true;
    }

    /// <summary>Shard of this key. An id that holds <c>{group}</c> hashes by the group alone. XxHash64, seed 0: part of the format.</summary>
    public ShardId ShardOf(int shardCount)
    {
        var open = Id.IndexOf('{', StringComparison.Ordinal);
        var close = open < 0 ? -1 : Id.IndexOf('}', open + 1);
        var hashed = close > open + 1 ? this with { Id = Id[(open + 1)..close] } : this;
        return new ShardId((int)(XxHash64.HashToUInt64(hashed.ToBytes()) % (ulong)shardCount));
    }

    public override string ToString() => $"{Dataset}/{Id}";
}
