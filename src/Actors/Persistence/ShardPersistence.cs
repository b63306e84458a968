using System.Globalization;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Persistence;

/// <summary>Names under which a shard is known to Akka.Persistence.</summary>
public static class ShardPersistence
{
    /// <summary>
    /// Journal plugins over the one commit log. Each has its own resequencer and circuit breaker, so a shard's slow or failed write
    /// holds back at most the shards that share its plugin.
    /// </summary>
    public const int JournalCount = 16;

    public const string SnapshotPluginId = "entityactors.snapshot-store";

    private const string Prefix = "shard-";

    public static string IdOf(ShardId shard) => Prefix + shard;

    public static string JournalPluginIdOf(ShardId shard) =>
        "entityactors.journal." + (shard.Value % JournalCount).ToString("D2", CultureInfo.InvariantCulture);

    /// <exception cref="ArgumentException">The text is not the persistence id of a shard.</exception>
    public static ShardId ShardOf(string persistenceId) =>
        persistenceId.StartsWith(Prefix, StringComparison.Ordinal)
        && int.TryParse(persistenceId.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && IdOf(new ShardId(number)) == persistenceId
            ? new ShardId(number)
            : throw new ArgumentException($"'{persistenceId}' is not the persistence id of a shard", nameof(persistenceId));
}
