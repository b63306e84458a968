using System.Text.Json;
using EntityActors.Storage.Format;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Shards;

/// <summary>What a store is, fixed at its creation: <c>store.json</c>, written once and checked at each start.</summary>
/// <param name="Hash">Name of the function that gives an entity its shard.</param>
/// <param name="Checksum">CRC-32C of the other members, so that no damaged digit sends an entity to another shard.</param>
public sealed record StoreDescriptor(int Format, Guid StoreId, int ShardCount, string Hash, string Checksum)
{
    public const int CurrentFormat = 1;
    public const string CurrentHash = "xxh64-mod";
    public const int ShardCountDefault = 64;
    public const int ShardCountMax = 4096;

    private const int BytesMax = 64 * 1024;
    private const string TemporarySuffix = ".tmp";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static StoreDescriptor New(Guid id, int shardCount) =>
        new(CurrentFormat, id, shardCount, CurrentHash, ChecksumOf(CurrentFormat, id, shardCount, CurrentHash));

    /// <exception cref="StoreUnusableException">It is damaged, of a newer format, or asks for what this program does not know.</exception>
    public static StoreDescriptor Read(IFileSystem files, string path)
    {
        using var file = files.OpenRead(path);
        if (file.Length > BytesMax) throw Damaged(path, null);
        var bytes = new byte[file.Length];
        _ = file.Read(0, bytes);
        StoreDescriptor? descriptor;
        try
        {
            descriptor = JsonSerializer.Deserialize<StoreDescriptor>(bytes, Json);
        }
        catch (JsonException cause)
        {
            throw Damaged(path, cause);
        }

        if (descriptor is null) throw Damaged(path, null);
        if (descriptor.Format > CurrentFormat)
            throw new StoreUnusableException(StoreUnusableReason.NewerFormat,
                $"{path}: the store has format {descriptor.Format}; this program reads up to {CurrentFormat}");
        return descriptor.Format < 1 || descriptor.StoreId == Guid.Empty || descriptor.ShardCount is < 1 or > ShardCountMax
            || descriptor.Hash != CurrentHash
            || descriptor.Checksum != ChecksumOf(descriptor.Format, descriptor.StoreId, descriptor.ShardCount, descriptor.Hash)
            ? throw Damaged(path, null)
            : descriptor;
    }

    /// <summary>Bytes of the file.</summary>
    internal byte[] Encode() => JsonSerializer.SerializeToUtf8Bytes(this, Json);

    /// <summary>Name of a description that its process has not finished; each process writes one of its own.</summary>
    internal static bool IsTemporary(string name) =>
        name.StartsWith("store.json.", StringComparison.Ordinal) && name.EndsWith(TemporarySuffix, StringComparison.Ordinal);

    /// <summary>Creates the file, unless another process has done so: then its description is the store's.</summary>
    public void Write(IFileSystem files, string path)
    {
        var temporary = $"{path}.{StoreId:N}{TemporarySuffix}";
        files.Delete(temporary);
        using (var file = files.Create(temporary))
        {
            file.Write(0, Encode());
            file.SyncData();
        }

        // Of several processes that start at once one gets the name; the others read what it wrote.
        _ = files.TryLink(temporary, path);
        files.Delete(temporary);
        files.SyncDirectory(Path.GetDirectoryName(path)!);
    }

    private static string ChecksumOf(int format, Guid storeId, int shardCount, string hash) =>
        Crc32C.Compute(StrictText.Utf8.GetBytes($"{format}/{storeId}/{shardCount}/{hash}")).ToString("x8");

    private static StoreUnusableException Damaged(string path, Exception? cause) =>
        new(StoreUnusableReason.Damaged, $"{path}: not a valid store description", cause);
}
