using System.Collections.Immutable;
using EntityActors.Actors.Feeds;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Client;

/// <summary>The store as its callers see it. Thread-safe. Every call is bounded in time and can be cancelled.</summary>
/// <remarks>
/// Errors of every method: <see cref="StoreBusyException"/> (a limit was reached, nothing was applied),
/// <see cref="StoreUnavailableException"/> (the shard is not served now), <see cref="EntityCorruptedException"/> (stored bytes
/// are lost), <see cref="OutcomeUnknownException"/> (writes only: send the same command id again), <see cref="HistoryTrimmedException"/> (reads of the past
/// only: what they ask about was trimmed).
/// </remarks>
public interface IEntityStore
{
    int ShardCount { get; }

    EntityLimits Limits { get; }

    /// <summary>Applies a command once, retrying with its command id while the outcome is unknown.</summary>
    /// <returns><see cref="CommandResult.Committed"/> once the change is durable, or <see cref="CommandResult.Refused"/>.</returns>
    Task<CommandResult> ExecuteAsync(EntityCommand command, CancellationToken cancellation);

    /// <summary>Applies all commands of a transaction at one moment, or none of them, retrying with its command id while the outcome is unknown.</summary>
    /// <returns><see cref="TransactionResult.Committed"/> once all changes are durable, or <see cref="TransactionResult.Refused"/>.</returns>
    /// <exception cref="DifferentShardsException">Its entities do not share a shard. Nothing was sent.</exception>
    Task<TransactionResult> ExecuteAsync(EntityTransaction transaction, CancellationToken cancellation);

    /// <summary>State of one entity, now or as of a moment, whatever its lifecycle.</summary>
    /// <returns>Null when it did not exist at that moment.</returns>
    /// <exception cref="InvalidQueryException"><paramref name="asOf"/> lies more than 500 ms in the future.</exception>
    Task<EntitySnapshot?> GetAsync(EntityKey key, Timestamp? asOf, bool withContent, CancellationToken cancellation);

    /// <summary>Changes of one entity, oldest first. Empty when there never was such an entity (<see cref="HistoryPage.Exists"/> tells).</summary>
    Task<HistoryPage> HistoryAsync(HistoryQuery query, CancellationToken cancellation);

    /// <summary>Entities that match, in a stable order (that of the query, then shard and creation) that pages agree on.</summary>
    Task<EntityPage> QueryAsync(EntityQuery query, CancellationToken cancellation);

    /// <summary>Tag values held by active entities, in ordinal order, with the number of entities that hold each.</summary>
    Task<TagPage> TagsAsync(TagListQuery query, CancellationToken cancellation);

    /// <summary>Datasets that hold active entities, with their number, in the order of their names' bytes.</summary>
    Task<DatasetPage> DatasetsAsync(DatasetListQuery query, CancellationToken cancellation);

    /// <summary>What is related to an entity, directly or over others.</summary>
    /// <returns>Null when there is no such active entity at that moment.</returns>
    Task<RelationGraph?> RelationsAsync(RelationQuery query, CancellationToken cancellation);

    /// <summary>
    /// Acknowledged changes, each shard's in the order in which it recorded them, without gap and without duplicate, across restarts and
    /// take-overs. Its first item tells where it begins. It holds one page of each shard at most and reads on as it is consumed.
    /// </summary>
    /// <exception cref="InvalidQueryException">At the call: the cursor is none of this store.</exception>
    /// <exception cref="CursorExpiredException">Behind its first item: changes behind the cursor were trimmed.</exception>
    IAsyncEnumerable<FeedItem> ChangesAsync(FeedQuery query, CancellationToken cancellation);

    /// <summary>
    /// What a trim would take from a page of entities of one shard, and the horizon of the last one. Nothing is changed. For members of the cluster.
    /// </summary>
    Task<HistoryLooked> LookAtHistoryAsync(LookAtHistory look, CancellationToken cancellation);

    /// <summary>Records a trim of one shard. For members of the cluster.</summary>
    /// <returns>
    /// Refused with <see cref="RefusalCode.PreconditionFailed"/> while the one before is not carried out, with <see cref="RefusalCode.AtNotLater"/> when the
    /// horizon is there already.
    /// </returns>
    Task<CommandResult> TrimHistoryAsync(TrimHistory trim, CancellationToken cancellation);

    Task<ImmutableArray<ShardState>> ShardsAsync(CancellationToken cancellation);

    Task<ShardState> ShardAsync(ShardId shard, CancellationToken cancellation);

    /// <summary>Writes a checkpoint of one shard now.</summary>
    Task<CheckpointOutcome> CheckpointAsync(ShardId shard, CancellationToken cancellation);

    /// <summary>Reads and checks every byte of one shard's files.</summary>
    /// <param name="repair">Mend what is found: otherwise nothing is changed.</param>
    Task<VerifyOutcome> VerifyAsync(ShardId shard, bool repair, CancellationToken cancellation);
}
