using Akka.Persistence;
using Akka.Persistence.Snapshot;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Persistence;

/// <summary>Akka.Persistence snapshot store whose snapshots are the shard headers themselves.</summary>
/// <remarks>
/// A snapshot's sequence number is the one the header covers, frozen before the segment was written; metadata that says anything
/// else is refused, because replay from there would skip events.
/// </remarks>
public sealed class EntityActorsSnapshotStore : SnapshotStore
{
    private readonly IShardFiles _files = PersistenceSetup.FilesOf(Context.System);

    /// <summary>Metadata under which this header is saved and offered.</summary>
    public static SnapshotMetadata MetadataOf(ShardHeader header) =>
        new(ShardPersistence.IdOf(header.Shard), header.Sequence.Value, TimeOf(header.Clock));

    protected override Task<SelectedSnapshot> LoadAsync(
        string persistenceId, SnapshotSelectionCriteria criteria, CancellationToken cancellationToken)
    {
        var shard = ShardPersistence.ShardOf(persistenceId);
        return Task.Run(() => Select(shard, criteria)!, cancellationToken);
    }

    protected override Task SaveAsync(SnapshotMetadata metadata, object snapshot, CancellationToken cancellationToken)
    {
        if (snapshot is not ShardHeader header) throw new NotSupportedException($"{snapshot.GetType()} is not a shard header");
        if (metadata.PersistenceId != ShardPersistence.IdOf(header.Shard) || metadata.SequenceNr != header.Sequence.Value)
        {
            throw new InvariantViolationException(
                $"a header of {ShardPersistence.IdOf(header.Shard)} at event {header.Sequence} is saved under its own number, "
                + $"not as {metadata.PersistenceId} at {metadata.SequenceNr}");
        }

        return Task.Run(() => _files.CommitHeader(header), cancellationToken);
    }

    /// <remarks>
    /// Deletes nothing. The base class calls this after every failed save, a time-out included, when the header may well be on
    /// disk and valid. Headers go when two newer ones are committed, and only then.
    /// </remarks>
    protected override Task DeleteAsync(SnapshotMetadata metadata, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <remarks>Deletes nothing, for the same reason.</remarks>
    protected override Task DeleteAsync(
        string persistenceId, SnapshotSelectionCriteria criteria, CancellationToken cancellationToken) => Task.CompletedTask;

    private SelectedSnapshot? Select(ShardId shard, SnapshotSelectionCriteria criteria)
    {
        foreach (var header in _files.Headers(shard))
        {
            var metadata = MetadataOf(header);
            var matches = metadata.SequenceNr <= criteria.MaxSequenceNr && metadata.SequenceNr >= criteria.MinSequenceNr
                && metadata.Timestamp <= criteria.MaxTimeStamp
                && (criteria.MinTimestamp is not { } earliest || metadata.Timestamp >= earliest);
            if (matches) return new SelectedSnapshot(metadata, header);
        }

        return null;
    }

    private static DateTime TimeOf(Timestamp clock) => DateTime.UnixEpoch.AddTicks(clock.Nanoseconds / 100);
}
