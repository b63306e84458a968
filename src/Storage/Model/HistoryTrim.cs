using System.Globalization;
using System.Text;

namespace EntityActors.Storage.Model;

/// <summary>What of a dataset's history one shard lets go: of each entity, what was before its base.</summary>
/// <remarks>
/// The base is the newest change recorded at or before <paramref name="Before"/>, or an earlier one if fewer than <paramref name="KeepChanges"/> changes would
/// stay otherwise. It is a recorded time, so that what is recorded later, also for an earlier moment, moves no base. A trim is recorded as a change of an
/// entity of the reserved dataset <see cref="StoredIn"/>, one for each shard and dataset. See docs/decisions/0022.
/// </remarks>
/// <param name="Before">The horizon: from here on every moment can be asked about.</param>
/// <param name="KeepChanges">Newest changes of each entity that stay in any case, counted when the trim was recorded; at least 1.</param>
/// <param name="RecordedAt">When the trim was recorded.</param>
/// <param name="ElapsedSeconds">Serving time of the shard then.</param>
public sealed record HistoryTrim(string Dataset, Timestamp Before, long KeepChanges, Timestamp RecordedAt, uint ElapsedSeconds)
{
    /// <summary>Dataset of the entities that record trims.</summary>
    public const string StoredIn = "_horizons";

    private const string TagName = "before:";

    /// <summary>The entity that records the trims of a dataset in one shard: its id holds a group that leads to the shard.</summary>
    public static EntityKey KeyOf(string dataset, ShardId shard, int shardCount)
    {
        for (var salt = 0; ; salt++)
        {
            var key = new EntityKey(StoredIn, string.Create(CultureInfo.InvariantCulture, $"{{{shard.Value}.{salt}}}{dataset}"));
            if (key.ShardOf(shardCount) == shard) return key;
        }
    }

    /// <summary>The command that records a trim.</summary>
    public static PutEntity Command(string dataset, ShardId shard, int shardCount, Timestamp before, long keepChanges, CommandId id, string author) =>
        new(KeyOf(dataset, shard, shardCount), id, author, null, default,
            [new Tag(string.Create(CultureInfo.InvariantCulture, $"{TagName}{before.Nanoseconds}/{keepChanges}"))], null);

    /// <summary>The trim that a change of <see cref="StoredIn"/> records; null when it records none.</summary>
    public static HistoryTrim? Of(Change change) =>
        change.Key.Dataset == StoredIn && change.Added is [var tag] ? Of(change.Key, tag, change.RecordedAt, change.ElapsedSeconds) : null;

    /// <summary>The trim that an entity of <see cref="StoredIn"/> stands for; null when it is none. Serving times are not known of it.</summary>
    internal static HistoryTrim? Of(EntityHead head) => head.Tags is [var tag] ? Of(head.Key, tag, head.RecordedAt, 0) : null;

    /// <summary>Whether a command for an entity of <see cref="StoredIn"/> records a trim, and which one.</summary>
    internal static HistoryTrim? Of(EntityCommand command) =>
        command is PutEntity { Tags: [var tag], Content: null, Expiry: null, At: null } ? Of(command.Key, tag, default, 0) : null;

    /// <summary>Whether a segment with keys in this range may hold entities of the dataset.</summary>
    internal bool MayBeIn(ReadOnlySpan<byte> firstKey, ReadOnlySpan<byte> lastKey)
    {
        var name = Encoding.UTF8.GetBytes(Dataset);
        byte[] from = [.. name, 0], to = [.. name, 1];
        return lastKey.SequenceCompareTo(from) >= 0 && firstKey.SequenceCompareTo(to) < 0;
    }

    private static HistoryTrim? Of(EntityKey key, Tag tag, Timestamp recordedAt, uint elapsedSeconds)
    {
        var dataset = key.Id[(key.Id.IndexOf('}', StringComparison.Ordinal) + 1)..];
        var slash = tag.Text.IndexOf('/', StringComparison.Ordinal);
        if (!EntityKey.IsValidDataset(dataset) || dataset == StoredIn || slash < 0 || !tag.Text.StartsWith(TagName, StringComparison.Ordinal)) return null;
        return long.TryParse(tag.Text.AsSpan(TagName.Length, slash - TagName.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var before)
            && long.TryParse(tag.Text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var keep) && before > 0 && keep > 0
            ? new HistoryTrim(dataset, new Timestamp(before), keep, recordedAt, elapsedSeconds)
            : null;
    }
}
