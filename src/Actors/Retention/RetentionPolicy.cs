using System.Text.Json;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Retention;

/// <summary>What becomes of a dataset's entities with time. Ages count from the change that deleted or archived the entity.</summary>
/// <param name="PurgeDeletedAfter">Age from which deleted entities are purged; null is never.</param>
/// <param name="DeleteArchivedAfter">Age from which archived ones are deleted; null is never.</param>
public sealed record RetentionPolicy(string Dataset, TimeSpan? PurgeDeletedAfter, TimeSpan? DeleteArchivedAfter)
{
    /// <summary>Age from which history goes, counted from when it was recorded; null is never, unless <see cref="KeepChanges"/> is set.</summary>
    public TimeSpan? TrimHistoryAfter { get; init; }

    /// <summary>Newest changes of each entity that stay whatever their age; null is the newest one alone.</summary>
    public long? KeepChanges { get; init; }

    /// <summary>Age from which history goes; null is never. A number of changes alone takes what is older than an hour.</summary>
    internal TimeSpan? HistoryAge => TrimHistoryAfter ?? (KeepChanges is null ? null : KeepChangesAge);

    /// <summary>Whether it lets go of nothing.</summary>
    public bool IsEmpty => PurgeDeletedAfter is null && DeleteArchivedAfter is null && HistoryAge is null;

    public const string TrimHistoryAfterName = "trimHistoryAfter";
    public const string KeepChangesName = "keepChanges";
    public const long KeepChangesMax = 1_000_000;

    private static readonly TimeSpan KeepChangesAge = TimeSpan.FromHours(1);

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
            if (TrimHistoryAfter is { } trimmed) json.WriteNumber(TrimHistoryAfterName, trimmed.TotalSeconds);
            if (KeepChanges is { } kept) json.WriteNumber(KeepChangesName, kept);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    internal static RetentionPolicy Decode(string dataset, ReadOnlyMemory<byte> content)
    {
        using var json = JsonDocument.Parse(content);
        return new RetentionPolicy(dataset, Age(json.RootElement, PurgeDeletedAfterName), Age(json.RootElement, DeleteArchivedAfterName))
        {
            TrimHistoryAfter = Age(json.RootElement, TrimHistoryAfterName),
            KeepChanges = json.RootElement.TryGetProperty(KeepChangesName, out var kept) ? kept.GetInt64() : null,
        };
    }

    private static TimeSpan? Age(JsonElement json, string name) =>
        json.TryGetProperty(name, out var seconds) ? TimeSpan.FromSeconds(seconds.GetDouble()) : null;
}
