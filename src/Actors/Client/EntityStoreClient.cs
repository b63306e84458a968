using System.Collections.Immutable;
using Akka.Actor;
using EntityActors.Actors.Feeds;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Queries;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Client;

/// <summary>The store behind its shard region. The only place where an answer is asked for and waited for.</summary>
public sealed class EntityStoreClient : IEntityStore
{
    private static readonly TimeSpan ClosePoll = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan TrimLookInterval = TimeSpan.FromMilliseconds(100);
    private const int TrimLooksMax = 10;

    private readonly ClientLimits _limits;
    private readonly TimeProvider _time;
    private readonly ShardCaller _caller;
    private readonly CallCredits _credits;
    private readonly EntityQueryRunner _queries;
    private readonly SortedQueryRunner _sorted;
    private readonly TagListRunner _tags;
    private readonly DatasetListRunner _datasets;
    private readonly RelationRunner _relations;
    private readonly CallCredits _feedPlaces;
    private readonly FeedRunner _feeds;

    /// <param name="region">The shard region, or a stand-in that takes the same messages.</param>
    /// <param name="random">Spreads retries.</param>
    /// <param name="routes">Tells when a member of the cluster has gone; null where nobody does, and calls wait until their try is over.</param>
    public EntityStoreClient(ICanTell region, int shardCount, EntityLimits entityLimits, ClientLimits limits, TimeProvider time, Random random,
        RouteChanges? routes = null)
    {
        (ShardCount, Limits, _limits, _time) = (shardCount, entityLimits, limits, time);
        _credits = new CallCredits(limits.CallCountMax, "calls", limits);
        _feedPlaces = new CallCredits(limits.FeedCountMax, "feeds", limits);
        _caller = new ShardCaller(region, routes ?? new RouteChanges(), _credits, limits, time, random);
        var shards = new ShardAsker(_caller, shardCount, limits);
        _queries = new EntityQueryRunner(shards);
        _sorted = new SortedQueryRunner(shards);
        _tags = new TagListRunner(shards);
        _datasets = new DatasetListRunner(shards);
        _relations = new RelationRunner(shards);
        _feeds = new FeedRunner(_caller, shards, _feedPlaces, limits, time);
    }

    public int ShardCount { get; }

    public EntityLimits Limits { get; }

    /// <summary>Begins no further call and waits, up to a bound, until those under way are answered. Feeds end at once.</summary>
    public async Task CloseAsync(TimeSpan timeout)
    {
        _credits.Close();
        _feedPlaces.Close();
        var started = _time.GetTimestamp();
        while (_credits.TakenCount > 0 && _time.GetElapsedTime(started) < timeout) await Task.Delay(ClosePoll, _time, CancellationToken.None);
    }

    public Task<CommandResult> ExecuteAsync(EntityCommand command, CancellationToken cancellation) =>
        WriteAsync(new ExecuteCommand(command.Key.ShardOf(ShardCount), command), command.Id, cancellation);

    public Task<CommandResult> TrimHistoryAsync(TrimHistory trim, CancellationToken cancellation) =>
        WriteAsync(trim with { Shard = Existing(trim.Shard) }, trim.Id, cancellation);

    public async Task<TransactionResult> ExecuteAsync(EntityTransaction transaction, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var shard = TransactionShard.Of(transaction, ShardCount);
        using var credit = _credits.Take();
        var answer = await _caller.CallAsync<object>(new ExecuteTransaction(shard, transaction), transaction.Id,
            _limits.TryTimeout, static answer => answer is TransactionCommitted or TransactionRefused, cancellation);
        return answer switch
        {
            TransactionCommitted done => new TransactionResult.Committed(done.Commits),
            TransactionRefused refused => new TransactionResult.Refused(refused.Operation, refused.Refusal),
            _ => throw new InvariantViolationException($"{answer.GetType()} answers a transaction"),
        };
    }

    public async Task<EntitySnapshot?> GetAsync(EntityKey key, Timestamp? asOf, bool withContent, CancellationToken cancellation)
    {
        using var credit = _credits.Take();
        var moment = asOf is { } asked ? NotInFuture(asked) : (Timestamp?)null;
        var answer = await ReadAsync<EntityFound>(new GetEntity(key.ShardOf(ShardCount), key, moment, withContent), cancellation);
        return answer.Entity;
    }

    public async Task<HistoryPage> HistoryAsync(HistoryQuery query, CancellationToken cancellation)
    {
        if (query.Limit is < 1 or > HistoryQuery.LimitMax) throw new InvalidQueryException($"a page holds 1 to {HistoryQuery.LimitMax} changes");
        if (query.AfterRevision < 0) throw new InvalidQueryException("a revision is not negative");
        using var credit = _credits.Take();
        return (await ReadAsync<HistoryFound>(new GetHistory(query.Key.ShardOf(ShardCount), query), cancellation)).Page;
    }

    public async Task<EntityPage> QueryAsync(EntityQuery query, CancellationToken cancellation)
    {
        if (query.Limit is < 1 or > EntityQuery.LimitMax) throw new InvalidQueryException($"a page holds 1 to {EntityQuery.LimitMax} entities");
        if (query.Query.Tags.Length + query.Query.Not.Length > TagQuery.PatternCountMax)
            throw new InvalidQueryException($"a query has at most {TagQuery.PatternCountMax} tags");
        using var credit = _credits.Take();
        var moment = query.AsOf is { } asked ? NotInFuture(asked) : (Timestamp?)null;
        return query.Sort is { } sort
            ? await _sorted.RunAsync(query, sort, moment, Now(), cancellation)
            : await _queries.RunAsync(query, moment, Now(), cancellation);
    }

    public async Task<TagPage> TagsAsync(TagListQuery query, CancellationToken cancellation)
    {
        if (query.Limit is < 1 or > TagListQuery.LimitMax) throw new InvalidQueryException($"a page holds 1 to {TagListQuery.LimitMax} tags");
        using var credit = _credits.Take();
        var moment = query.AsOf is { } asked ? NotInFuture(asked) : (Timestamp?)null;
        return await _tags.RunAsync(query, moment, Now(), cancellation);
    }

    public async Task<DatasetPage> DatasetsAsync(DatasetListQuery query, CancellationToken cancellation)
    {
        if (query.Limit is < 1 or > DatasetListQuery.LimitMax) throw new InvalidQueryException($"a page holds 1 to {DatasetListQuery.LimitMax} datasets");
        using var credit = _credits.Take();
        return await _datasets.RunAsync(query, query.AsOf is { } asked ? NotInFuture(asked) : null, Now(), cancellation);
    }

    public async Task<RelationGraph?> RelationsAsync(RelationQuery query, CancellationToken cancellation)
    {
        if (query.Limit is < 1 or > RelationQuery.LimitMax) throw new InvalidQueryException($"a walk finds 1 to {RelationQuery.LimitMax} entities");
        if (query.Depth is < 1 or > RelationQuery.DepthMax) throw new InvalidQueryException($"a walk takes 1 to {RelationQuery.DepthMax} steps");
        using var credit = _credits.Take();
        return await _relations.RunAsync(query, query.AsOf is { } asked ? NotInFuture(asked) : null, Now(), cancellation);
    }

    public IAsyncEnumerable<FeedItem> ChangesAsync(FeedQuery query, CancellationToken cancellation) =>
        _feeds.RunAsync(query, _feeds.StartOf(query), Now(), cancellation);

    public async Task<HistoryLooked> LookAtHistoryAsync(LookAtHistory look, CancellationToken cancellation)
    {
        _ = Existing(look.Shard);
        using var credit = _credits.Take();
        return await ReadAsync<HistoryLooked>(look, cancellation);
    }

    public async Task<ImmutableArray<ShardState>> ShardsAsync(CancellationToken cancellation)
    {
        using var credit = _credits.Take();
        var asked = new Task<ShardState>[ShardCount];
        for (var i = 0; i < asked.Length; i++) asked[i] = StateAsync(new ShardId(i), cancellation);
        return [.. await Task.WhenAll(asked)];
    }

    public async Task<ShardState> ShardAsync(ShardId shard, CancellationToken cancellation)
    {
        using var credit = _credits.Take();
        return await StateAsync(Existing(shard), cancellation);
    }

    public async Task<CheckpointOutcome> CheckpointAsync(ShardId shard, CancellationToken cancellation)
    {
        using var credit = _credits.Take();
        return await _caller.CallAsync<CheckpointOutcome>(new CheckpointShard(Existing(shard)), null, _limits.LongTryTimeout, cancellation);
    }

    public async Task<VerifyOutcome> VerifyAsync(ShardId shard, bool repair, CancellationToken cancellation)
    {
        using var credit = _credits.Take();
        var found = await LongAsync<VerifyOutcome>(new VerifyShard(Existing(shard), repair), cancellation);
        if (!repair || found.Remedy == VerifyRemedy.None) return found;
        var isCovered = await TryCoverAsync(shard, cancellation);
        if (found.Remedy == VerifyRemedy.CheckpointsAndRestart)
        {
            // One damaged sector may hold events of several shards, and a shard that starts again has nothing but its files.
            for (var i = 0; i < ShardCount && isCovered; i++) isCovered = await TryCoverAsync(new ShardId(i), cancellation);
            for (var i = 0; i < ShardCount && isCovered; i++) _ = await LongAsync<ShardState>(new RestartShard(new ShardId(i)), cancellation);
        }

        var left = await LongAsync<VerifyOutcome>(new VerifyShard(shard, Repair: false), cancellation);
        // What the last checkpoint made unneeded is deleted a moment after it is committed.
        for (var i = 0; i < TrimLooksMax && left.Remedy != VerifyRemedy.None; i++)
        {
            await Task.Delay(TrimLookInterval, _time, cancellation);
            left = await LongAsync<VerifyOutcome>(new VerifyShard(shard, Repair: false), cancellation);
        }

        return left with { Repaired = [.. found.Repaired, .. found.Findings.Except(left.Findings)] };
    }

    /// <summary>Puts what the shard holds in memory into segments under two headers: one may still rest on what is damaged, two that follow do not.</summary>
    private async Task<bool> TryCoverAsync(ShardId shard, CancellationToken cancellation)
    {
        try
        {
            for (var i = 0; i < HeaderStore.RetainedCount; i++)
            {
                if (!(await LongAsync<CheckpointOutcome>(new CheckpointShard(shard), cancellation)).Committed) return false;
            }

            return true;
        }
        catch (StoreUnavailableException)
        {
            // Its damage stays a finding, and nothing is risked for it.
            return false;
        }
    }

    private async Task<CommandResult> WriteAsync(IShardRequest request, CommandId id, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        using var credit = _credits.Take();
        var answer = await _caller.CallAsync<object>(request, id, _limits.TryTimeout,
            static answer => answer is CommandCommitted or CommandRefused, cancellation);
        return answer switch
        {
            CommandCommitted done => new CommandResult.Committed(done.Commit),
            CommandRefused refused => new CommandResult.Refused(refused.Refusal),
            _ => throw new InvariantViolationException($"{answer.GetType()} answers a command"),
        };
    }

    private Task<T> LongAsync<T>(IShardRequest request, CancellationToken cancellation)
        where T : class => _caller.CallAsync<T>(request, null, _limits.LongTryTimeout, cancellation);

    private Task<T> ReadAsync<T>(IShardRequest request, CancellationToken cancellation)
        where T : class => _caller.CallAsync<T>(request, null, _limits.TryTimeout, cancellation);

    /// <summary>The shard's state; a shard nobody answers for is unknown, which is an answer too.</summary>
    private async Task<ShardState> StateAsync(ShardId shard, CancellationToken cancellation)
    {
        try
        {
            return await ReadAsync<ShardState>(new GetShardState(shard), cancellation);
        }
        catch (StoreException cause) when (cause is StoreUnavailableException or StoreBusyException)
        {
            return new ShardState(shard, ShardStatus.Unknown, cause.Message, Node: null, Epoch: null, Generation: null, Sequence: null,
                CheckpointedSequence: null, EntityCount: null, TagCount: null, SegmentCount: null, SegmentBytes: null, MemtableBytes: null,
                CheckpointsCommitted: 0, CheckpointsRestored: 0, Restarts: 0);
        }
    }

    private ShardId Existing(ShardId shard) => shard.Value >= 0 && shard.Value < ShardCount
        ? shard
        : throw new InvalidQueryException($"there is no shard {shard.Value}; the store has {ShardCount}");

    private Timestamp Now() => Timestamp.FromDateTimeOffset(_time.GetUtcNow());

    /// <summary>
    /// A moment slightly ahead is asked about as it is: changes may be stamped ahead of this node's clock, and an answer as of an earlier moment
    /// would leave them out. The shards raise their clocks to it, so that nothing can be stamped under it afterwards.
    /// </summary>
    private Timestamp NotInFuture(Timestamp asked)
    {
        var now = Now();
        return asked <= now.Plus(_limits.ClockDifferenceMax) ? asked : throw new InvalidQueryException($"{asked} lies in the future: it is {now}");
    }
}
