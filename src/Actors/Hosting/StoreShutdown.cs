using Akka;
using Akka.Actor;
using Akka.Hosting;
using EntityActors.Actors.Cluster;
using Microsoft.Extensions.DependencyInjection;

namespace EntityActors.Actors.Hosting;

/// <summary>The order in which a member of the cluster stops sending to its region and then ends it.</summary>
/// <remarks>A region that is shut down buffers what it is sent and waits for its buffer, up to a time-out. So what sends to it stops first.</remarks>
internal static class StoreShutdown
{
    // With the checkpoints before it shorter than the phase it runs in (hocon/cluster.hocon).
    private static readonly TimeSpan StopSendingTimeout = TimeSpan.FromSeconds(4);

    /// <param name="hasRegion">Whether what stands in the registry is a region of cluster sharding.</param>
    /// <param name="before">Done first, while the region still serves.</param>
    public static void StopInOrder(ActorSystem system, IServiceProvider provider, bool hasRegion = true, Func<Task>? before = null)
    {
        var shutdown = CoordinatedShutdown.Get(system);
        shutdown.AddTask(CoordinatedShutdown.PhaseBeforeServiceUnbind, "stop-sending", async () =>
        {
            if (before is not null) await before();
            await provider.GetRequiredService<HostedEntityStore>().CloseAsync(StopSendingTimeout);
            return Done.Instance;
        });
        if (!hasRegion) return;
        shutdown.AddTask(CoordinatedShutdown.PhaseClusterShardingShutdownRegion, "stop-empty-region", async () =>
        {
            var region = await provider.GetRequiredService<ActorRegistry>().GetAsync<StoreRegion>();
            await EmptyRegion.StopAsync(region, region.WatchAsync(), provider.GetRequiredService<TimeProvider>());
            return Done.Instance;
        });
    }

    /// <summary>What the actor system says goes to the loggers of the host.</summary>
    public static AkkaConfigurationBuilder LogToHost(this AkkaConfigurationBuilder akka) => akka.ConfigureLoggers(static loggers =>
    {
        loggers.ClearLoggers();
        loggers.AddLoggerFactory();
    });
}
