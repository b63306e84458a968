using Akka.Actor;
using Akka.Cluster;
using Akka.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Shards;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Hosting;

/// <summary>Whether a node can answer for the whole store: it is a member of its cluster, and every shard serves, on whichever node.</summary>
/// <param name="IsMember">Whether the cluster has let this node join.</param>
/// <param name="Serving">Shards that answer requests, degraded ones included, as far as this node can reach them.</param>
/// <param name="Quarantined">Shards that answer that they are quarantined.</param>
public sealed record ReadinessReport(bool IsMember, int Serving, int Quarantined, int Shards)
{
    public bool IsReady => IsMember && Serving == Shards;

    /// <summary>Whether waiting on will not make more shards serve.</summary>
    public bool IsSettled => IsMember && Serving + Quarantined == Shards;
}

/// <summary>Looks whether a node can answer for the whole store. Thread-safe.</summary>
/// <remarks>
/// What this node's own supervisors say is known. A shard that none of them serves is asked, the way a request goes: through the region to
/// whoever owns it. One that does not answer in time does not serve, whatever the cluster believes.
/// </remarks>
public sealed class StoreReadiness(ShardReadiness local, ActorSystem system, ActorRegistry registry)
{
    /// <param name="answerTimeout">How long a shard of another node has to say that it serves.</param>
    public async Task<ReadinessReport> LookAsync(TimeSpan answerTimeout, CancellationToken cancellation)
    {
        var statuses = local.Statuses();
        var isMember = Akka.Cluster.Cluster.Get(system).SelfMember.Status is MemberStatus.Up or MemberStatus.WeaklyUp;
        if (isMember)
        {
            var region = await registry.GetAsync<StoreRegion>(cancellation);
            await Task.WhenAll(Enumerable.Range(0, statuses.Length).Where(shard => statuses[shard] == ShardStatus.Unknown)
                .Select(async shard => statuses[shard] = await AskAsync(region, new ShardId(shard), answerTimeout, cancellation)));
        }

        return new ReadinessReport(isMember, statuses.Count(status => status is ShardStatus.Serving or ShardStatus.Degraded),
            statuses.Count(status => status == ShardStatus.Quarantined), statuses.Length);
    }

    private static async Task<ShardStatus> AskAsync(IActorRef region, ShardId shard, TimeSpan timeout, CancellationToken cancellation)
    {
        try
        {
            return await region.Ask<object>(new GetShardState(shard), timeout, cancellation) is ShardState state ? state.Status : ShardStatus.Unknown;
        }
        catch (AskTimeoutException)
        {
            return ShardStatus.Unknown;
        }
    }
}
