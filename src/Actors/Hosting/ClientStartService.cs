using Akka.Actor;
using Akka.Cluster;
using Akka.Hosting;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using Microsoft.Extensions.Hosting;

namespace EntityActors.Actors.Hosting;

/// <summary>Lets the host's start wait until this client knows the store. Hosted after the actor system.</summary>
internal sealed class ClientStartService(HostedEntityStore store, ActorSystem system, ActorRegistry registry, EntityActorsClientOptions options,
    RouteChanges routes, TimeProvider time) : IHostedService
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(1);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var region = await registry.GetAsync<StoreRegion>(cancellationToken);
        var started = time.GetTimestamp();
        while (true)
        {
            if (await DescribedAsync(region, cancellationToken) is { } found)
            {
                store.Open(new EntityStoreClient(region, found.ShardCount, found.Limits, options.Client, time,
                    options.Seed is { } seed ? new Random(seed) : new Random(), routes));
                return;
            }

            if (time.GetElapsedTime(started) >= options.ReadyTimeout)
            {
                throw new StoreUnavailableException(null, $"no store answered at {string.Join(", ", options.Cluster.Seeds)} within {options.ReadyTimeout}",
                    isStorageFull: false, options.Client.RetryDelayMax);
            }

            await Task.Delay(LookInterval, time, cancellationToken);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <returns>Null when nobody answers yet.</returns>
    private async Task<StoreDescription?> DescribedAsync(IActorRef region, CancellationToken cancellation)
    {
        // Before a member has joined its region has nobody to ask.
        if (options.IsMember && Akka.Cluster.Cluster.Get(system).SelfMember.Status is not (MemberStatus.Up or MemberStatus.WeaklyUp)) return null;
        try
        {
            return await region.Ask<StoreDescription>(new DescribeStore(new ShardId(0)), AnswerTimeout, cancellation);
        }
        catch (AskTimeoutException)
        {
            return null;
        }
    }
}
