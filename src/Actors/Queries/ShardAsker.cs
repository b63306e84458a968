using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Queries;

/// <summary>Asks shards for their parts of a query, a bounded number at once. A shard that does not answer fails the whole query.</summary>
internal sealed class ShardAsker(ShardCaller caller, int shardCount, ClientLimits limits)
{
    public int ShardCount => shardCount;

    public ClientLimits Limits => limits;

    public Task<T> AskAsync<T>(IShardRequest request, CancellationToken cancellation)
        where T : class => caller.CallAsync<T>(request, null, limits.TryTimeout, cancellation);

    /// <summary>Answers of all shards, in the order of shards.</summary>
    public async Task<T[]> AskAllAsync<T>(Func<ShardId, IShardRequest> requestFor, CancellationToken cancellation)
        where T : class
    {
        var answers = new T[shardCount];
        var options = new ParallelOptions { MaxDegreeOfParallelism = limits.QueryParallelMax, CancellationToken = cancellation };
        await Parallel.ForAsync(0, shardCount, options,
            async (shard, stop) => answers[shard] = await AskAsync<T>(requestFor(new ShardId(shard)), stop));
        return answers;
    }

    /// <summary>The times of a new query. Every shard has raised its clock to the recorded time before this returns.</summary>
    /// <remarks>
    /// A shard that is ahead of <paramref name="now"/> may have acknowledged changes later than it; the query takes the latest
    /// of all, so that it sees everything acknowledged before it began. A moment that lies ahead of <paramref name="now"/> raises them to itself.
    /// </remarks>
    public async Task<AsOf> FixTimesAsync(Timestamp? moment, Timestamp now, CancellationToken cancellation)
    {
        var recordedAt = moment is { } asked && asked > now ? asked : now;
        var raised = recordedAt;
        foreach (var answer in await AskAllAsync<ReadTimeRaised>(shard => new RaiseReadTime(shard, raised), cancellation))
        {
            if (answer.ReadTime > recordedAt) recordedAt = answer.ReadTime;
        }

        return new AsOf(moment ?? recordedAt, recordedAt);
    }
}
