using System.Text.Json;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Retention;

/// <summary>What becomes of a dataset's entities with time. Ages count from the change that deleted or archived the entity.</summary>
/// <param name="PurgeDeletedAfter">Age from which deleted entities are purged; null is never.</param>
/// <param name="DeleteArchivedAfter">Age from which archived ones are deleted; null is never.</param>
public sealed record RetentionPolicy(string Dataset, TimeSpan? PurgeDeletedAfter, TimeSpan? DeleteArchivedAfter)
{
    /// <summary>Reserved for the system: policies are its entities, each under the name of the dataset it is for.</summary>
    public const string StoredIn = "_retention";

    public const string PurgeDeletedAfterName = "purgeDeletedAfter";
    public const string DeleteArchivedAfterName = "deleteArchivedAfter";

    public static readonly TimeSpan AgeMax = TimeSpan.FromDays(36_500);

    public static EntityKey KeyOf(string dataset) => new(StoredIn, dataset);

    /// <summary>Ages in seconds.</summary>
    internal byte[] Encode()
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (PurgeDeletedAfter is { } deleted) json.WriteNumber(PurgeDeletedAfterName, deleted.TotalSeconds);
            if (DeleteArchivedAfter is { } archived) json.WriteNumber(DeleteArchivedAfterName, archived.TotalSeconds);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    internal static RetentionPolicy Decode(string dataset, ReadOnlyMemory<byte> content)
    {
        using var json = JsonDocument.Parse(content);
        return new RetentionPolicy(dataset, Age(json.RootElement, PurgeDeletedAfterName), Age(json.RootElement, DeleteArchivedAfterName));
    }

    private static TimeSpan? Age(JsonElement json, string name) =>
        json.TryGetProperty(name, out var seconds) ? TimeSpan.FromSeconds(seconds.GetDouble()) : null;
}
