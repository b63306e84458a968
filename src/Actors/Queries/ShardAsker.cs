using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Queries;

/// <summary>
/// Asks shards for their parts of a query, a bounded number at once. A shard that does not answer fails the whole query, or is left out of it and of
/// all that is asked for it afterwards.
/// </summary>
internal sealed class ShardAsker(ShardCaller caller, int shardCount, ClientLimits limits)
{
    public int ShardCount => shardCount;

    public ClientLimits Limits => limits;

    /// <returns>Null when the shard is left out.</returns>
    public async Task<T?> AskAsync<T>(IShardRequest request, MissingShards missing, CancellationToken cancellation)
        where T : class
    {
        if (!missing.IsAllowed) return await caller.CallAsync<T>(request, null, limits.TryTimeout, cancellation);
        if (missing.Contains(request.Shard)) return null;
        try
        {
            return await caller.CallAsync<T>(request, limits.MissingShardWait, cancellation);
        }
        catch (StoreException cause) when (missing.May(cause))
        {
            missing.Add(request.Shard, cause);
            return null;
        }
    }

    /// <summary>Answers of all shards but the missing ones, in the order of shards.</summary>
    /// <param name="parallelMax">Shards asked at once.</param>
    public async Task<IReadOnlyList<T>> AskAllAsync<T>(
        Func<ShardId, IShardRequest> requestFor, MissingShards missing, int parallelMax, CancellationToken cancellation)
        where T : class
    {
        var answers = new T?[shardCount];
        var options = new ParallelOptions { MaxDegreeOfParallelism = parallelMax, CancellationToken = cancellation };
        await Parallel.ForAsync(0, shardCount, options,
            async (shard, stop) => answers[shard] = await AskAsync<T>(requestFor(new ShardId(shard)), missing, stop));
        missing.CheckAnyLeft(shardCount);
        return [.. answers.OfType<T>()];
    }

    /// <summary>The times of a new query. Every shard has raised its clock to the recorded time before this returns.</summary>
    /// <remarks>
    /// A shard that is ahead of <paramref name="now"/> may have acknowledged changes later than it; the query takes the latest
    /// of all, so that it sees everything acknowledged before it began. A moment that lies ahead of <paramref name="now"/> raises them to itself.
    /// </remarks>
    public async Task<AsOf> FixTimesAsync(Timestamp? moment, Timestamp now, MissingShards missing, CancellationToken cancellation)
    {
        // It costs a shard nothing, and silent ones are waited for together.
        var parallelMax = missing.IsAllowed ? shardCount : limits.QueryParallelMax;
        var recordedAt = moment is { } asked && asked > now ? asked : now;
        var raised = recordedAt;
        foreach (var answer in await AskAllAsync<ReadTimeRaised>(shard => new RaiseReadTime(shard, raised), missing, parallelMax, cancellation))
        {
            if (answer.ReadTime > recordedAt) recordedAt = answer.ReadTime;
        }

        return new AsOf(moment ?? recordedAt, recordedAt);
    }
}
