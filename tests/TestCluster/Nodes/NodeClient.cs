using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using EntityActors.Actors.Client;
using EntityActors.Actors.Feeds;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.TestCluster.Nodes;

/// <summary>A node as somebody outside sees it: one that stands still does not answer, one that was killed leaves calls without an answer.</summary>
internal sealed class NodeClient(EntityTestNode node, int shardCount) : IEntityStore
{
    public int ShardCount { get; } = shardCount;

    public EntityLimits Limits => Life.Store.Limits;

    private NodeLife Life => node.Life is { HasEnded: false } life ? life : throw Gone();

    public Task<CommandResult> ExecuteAsync(EntityCommand command, CancellationToken cancellation) =>
        CallAsync((store, token) => store.ExecuteAsync(command, token), () => new OutcomeUnknownException(command.Id), cancellation);

    public Task<TransactionResult> ExecuteAsync(EntityTransaction transaction, CancellationToken cancellation) =>
        CallAsync((store, token) => store.ExecuteAsync(transaction, token), () => new OutcomeUnknownException(transaction.Id), cancellation);

    public Task<EntitySnapshot?> GetAsync(EntityKey key, Timestamp? asOf, bool withContent, CancellationToken cancellation) =>
        ReadAsync((store, token) => store.GetAsync(key, asOf, withContent, token), cancellation);

    public Task<HistoryPage> HistoryAsync(HistoryQuery query, CancellationToken cancellation) =>
        ReadAsync((store, token) => store.HistoryAsync(query, token), cancellation);

    public Task<EntityPage> QueryAsync(EntityQuery query, CancellationToken cancellation) =>
        ReadAsync((store, token) => store.QueryAsync(query, token), cancellation);

    public Task<TagPage> TagsAsync(TagListQuery query, CancellationToken cancellation) =>
        ReadAsync((store, token) => store.TagsAsync(query, token), cancellation);

    public Task<DatasetPage> DatasetsAsync(DatasetListQuery query, CancellationToken cancellation) =>
        ReadAsync((store, token) => store.DatasetsAsync(query, token), cancellation);

    public Task<RelationGraph?> RelationsAsync(RelationQuery query, CancellationToken cancellation) =>
        ReadAsync((store, token) => store.RelationsAsync(query, token), cancellation);

    public IAsyncEnumerable<FeedItem> ChangesAsync(FeedQuery query, CancellationToken cancellation)
    {
        var life = Life;
        // At the call, where a wrong cursor is refused.
        var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, life.Killed);
        return FollowAsync(life, life.Store.ChangesAsync(query, stop.Token), stop, cancellation);
    }

    public Task<HistoryLooked> LookAtHistoryAsync(LookAtHistory look, CancellationToken cancellation) =>
        ReadAsync((store, token) => store.LookAtHistoryAsync(look, token), cancellation);

    public Task<CommandResult> TrimHistoryAsync(TrimHistory trim, CancellationToken cancellation) =>
        CallAsync((store, token) => store.TrimHistoryAsync(trim, token), () => new OutcomeUnknownException(trim.Id), cancellation);

    public Task<ImmutableArray<ShardState>> ShardsAsync(CancellationToken cancellation) =>
        ReadAsync(static (store, token) => store.ShardsAsync(token), cancellation);

    public Task<ShardState> ShardAsync(ShardId shard, CancellationToken cancellation) =>
        ReadAsync((store, token) => store.ShardAsync(shard, token), cancellation);

    public Task<CheckpointOutcome> CheckpointAsync(ShardId shard, CancellationToken cancellation) =>
        ReadAsync((store, token) => store.CheckpointAsync(shard, token), cancellation);

    public Task<VerifyOutcome> VerifyAsync(ShardId shard, bool repair, CancellationToken cancellation) =>
        ReadAsync((store, token) => store.VerifyAsync(shard, repair, token), cancellation);

    private Task<T> ReadAsync<T>(Func<IEntityStore, CancellationToken, Task<T>> call, CancellationToken cancellation) =>
        CallAsync(call, Gone, cancellation);

    private async Task<T> CallAsync<T>(
        Func<IEntityStore, CancellationToken, Task<T>> call, Func<StoreException> unanswered, CancellationToken cancellation)
    {
        var life = Life;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, life.Killed);
        try
        {
            await life.Parts.Gate.AwakeAsync(stop.Token);
            var answer = await call(life.Store, stop.Token);
            // A frozen process sends nothing, a dead one neither.
            await life.Parts.Gate.AwakeAsync(stop.Token);
            if (!life.Killed.IsCancellationRequested) return answer;
        }
        catch (Exception) when (life.Killed.IsCancellationRequested)
        {
            throw unanswered();
        }

        throw unanswered();
    }

    private async IAsyncEnumerable<FeedItem> FollowAsync(NodeLife life, IAsyncEnumerable<FeedItem> feed, CancellationTokenSource stop,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        using (stop)
        {
            await using var items = feed.GetAsyncEnumerator(stop.Token);
            while (await CallAsync((_, _) => items.MoveNextAsync().AsTask(), Gone, cancellation)) yield return items.Current;
        }
    }

    private StoreUnavailableException Gone() => new(shard: null, $"node {node.Name} does not run: {node.EndReason}", isStorageFull: false, TimeSpan.Zero);
}
