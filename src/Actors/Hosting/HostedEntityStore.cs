using System.Collections.Immutable;
using EntityActors.Actors.Client;
using EntityActors.Actors.Feeds;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Hosting;

/// <summary>The store of a host, to be given to services before there is one: calls wait until the host has started it.</summary>
/// <remarks>
/// Hosts make all their services before they start any. A call that comes too early waits as long as any call may last and then fails with
/// <see cref="StoreUnavailableException"/>; nothing of it was sent.
/// </remarks>
internal sealed class HostedEntityStore(ClientLimits limits, TimeProvider time) : IEntityStore
{
    private readonly TaskCompletionSource<EntityStoreClient> _opening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile EntityStoreClient? _client;

    public int ShardCount => Opened.ShardCount;

    public EntityLimits Limits => Opened.Limits;

    private EntityStoreClient Opened => _client ?? throw NotStarted();

    /// <summary>Calls go to this client from now on.</summary>
    public void Open(EntityStoreClient client)
    {
        _client = client;
        _opening.TrySetResult(client);
    }

    public Task CloseAsync(TimeSpan timeout) => _client?.CloseAsync(timeout) ?? Task.CompletedTask;

    public async Task<CommandResult> ExecuteAsync(EntityCommand command, CancellationToken cancellation) =>
        await (_client ?? await OpenedAsync(cancellation)).ExecuteAsync(command, cancellation);

    public async Task<TransactionResult> ExecuteAsync(EntityTransaction transaction, CancellationToken cancellation) =>
        await (_client ?? await OpenedAsync(cancellation)).ExecuteAsync(transaction, cancellation);

    public async Task<EntitySnapshot?> GetAsync(EntityKey key, Timestamp? asOf, bool withContent, CancellationToken cancellation) =>
        await (_client ?? await OpenedAsync(cancellation)).GetAsync(key, asOf, withContent, cancellation);

    public async Task<HistoryPage> HistoryAsync(HistoryQuery query, CancellationToken cancellation) =>
        await (_client ?? await OpenedAsync(cancellation)).HistoryAsync(query, cancellation);

    public async Task<EntityPage> QueryAsync(EntityQuery query, CancellationToken cancellation) =>
        await (_client ?? await OpenedAsync(cancellation)).QueryAsync(query, cancellation);

    public async Task<TagPage> TagsAsync(TagListQuery query, CancellationToken cancellation) =>
        await (_client ?? await OpenedAsync(cancellation)).TagsAsync(query, cancellation);

    public async Task<DatasetPage> DatasetsAsync(DatasetListQuery query, CancellationToken cancellation) =>
        await (_client ?? await OpenedAsync(cancellation)).DatasetsAsync(query, cancellation);

    public async Task<RelationGraph?> RelationsAsync(RelationQuery query, CancellationToken cancellation) =>
        await (_client ?? await OpenedAsync(cancellation)).RelationsAsync(query, cancellation);

    /// <exception cref="StoreUnavailableException">At the call: the host has not started.</exception>
    public IAsyncEnumerable<FeedItem> ChangesAsync(FeedQuery query, CancellationToken cancellation) => Opened.ChangesAsync(query, cancellation);

    public async Task<HistoryLooked> LookAtHistoryAsync(LookAtHistory look, CancellationToken cancellation) =>
        await (_client ?? await OpenedAsync(cancellation)).LookAtHistoryAsync(look, cancellation);

    public async Task<CommandResult> TrimHistoryAsync(TrimHistory trim, CancellationToken cancellation) =>
        await (_client ?? await OpenedAsync(cancellation)).TrimHistoryAsync(trim, cancellation);

    public async Task<ImmutableArray<ShardState>> ShardsAsync(CancellationToken cancellation) =>
        await (_client ?? await OpenedAsync(cancellation)).ShardsAsync(cancellation);

    public async Task<ShardState> ShardAsync(ShardId shard, CancellationToken cancellation) =>
        await (_client ?? await OpenedAsync(cancellation)).ShardAsync(shard, cancellation);

    public async Task<CheckpointOutcome> CheckpointAsync(ShardId shard, CancellationToken cancellation) =>
        await (_client ?? await OpenedAsync(cancellation)).CheckpointAsync(shard, cancellation);

    public async Task<VerifyOutcome> VerifyAsync(ShardId shard, bool repair, CancellationToken cancellation) =>
        await (_client ?? await OpenedAsync(cancellation)).VerifyAsync(shard, repair, cancellation);

    private async Task<EntityStoreClient> OpenedAsync(CancellationToken cancellation)
    {
        try
        {
            return await _opening.Task.WaitAsync(limits.CallTimeout, time, cancellation);
        }
        catch (TimeoutException)
        {
            throw NotStarted();
        }
    }

    private StoreUnavailableException NotStarted() => new(null, "the host has not started its store yet", isStorageFull: false, limits.RetryDelayMax);
}
