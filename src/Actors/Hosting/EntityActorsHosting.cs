using Akka.Actor;
using Akka.Event;
using Akka.Hosting;
using EntityActors.Actors.Checkpoints;
using EntityActors.Actors.Client;
using EntityActors.Actors.Cluster;
using EntityActors.Actors.Contents;
using EntityActors.Actors.Persistence;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Scrubbing;
using EntityActors.Actors.Shards;
using EntityActors.Actors.Transfers;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace EntityActors.Actors.Hosting;

/// <summary>Adds a node of the store to a host: <see cref="IEntityStore"/>, <see cref="ShardReadiness"/> and the actors behind them.</summary>
/// <remarks>
/// Start: open the store, start the actor system, join, wake and recover the shards. Stop, in reverse: coordinated shutdown drains the shards and
/// leaves the cluster, then the store is closed. <see cref="IEntityStore"/> may be injected anywhere; calls wait until the host has started.
/// </remarks>
public static class EntityActorsHosting
{
    private static readonly TimeSpan CheckpointTimeout = TimeSpan.FromSeconds(5);

    /// <exception cref="Tls.ClusterSecurityException">From the host's start: members could not be talked to in a safe way.</exception>
    /// <exception cref="StoreUnusableException">From the host's start: the data directory cannot be used.</exception>
    public static IHostApplicationBuilder AddEntityActors(this IHostApplicationBuilder builder, EntityActorsOptions options)
    {
        builder.Services.AddEntityActors(options);
        return builder;
    }

    public static IServiceCollection AddEntityActors(this IServiceCollection services, EntityActorsOptions options)
    {
        services.AddLogging();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(options);
        services.AddSingleton(static provider => ClusterTransport.For(provider.GetRequiredService<EntityActorsOptions>()));
        services.AddSingleton(static provider =>
        {
            // A node that may not talk to the others opens nothing.
            _ = provider.GetRequiredService<ClusterTransport>();
            return ActivatorUtilities.CreateInstance<NodeStoreService>(provider);
        });
        services.AddHostedService(static provider => provider.GetRequiredService<NodeStoreService>());
        services.AddSingleton(static provider =>
            new ShardReadiness(provider.GetRequiredService<NodeStoreService>().Store.Descriptor.ShardCount));
        services.AddAkka(options.SystemName, (akka, provider) => akka.WithEntityActors(provider));
        services.AddSingleton<StoreReadiness>();
        services.AddSingleton<ClusterStanding>();
        services.AddSingleton<RouteChanges>();
        services.AddHostedService<ShardReadinessService>();
        services.AddSingleton(static provider => new HostedEntityStore(
            provider.GetRequiredService<EntityActorsOptions>().Client, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IContentStore>(static provider => NewContentStore(provider));
        services.AddSingleton<IEntityStore>(static provider => provider.GetRequiredService<HostedEntityStore>());
        services.AddHostedService<Retention.RetentionWorker>();
        return services;
    }

    /// <summary>The store's settings and actors, for a host that configures the actor system itself.</summary>
    public static AkkaConfigurationBuilder WithEntityActors(this AkkaConfigurationBuilder akka, IServiceProvider provider)
    {
        var options = provider.GetRequiredService<EntityActorsOptions>();
        var store = provider.GetRequiredService<NodeStoreService>().Store;
        var readiness = provider.GetRequiredService<ShardReadiness>();
        var time = provider.GetRequiredService<TimeProvider>();
        var standing = provider.GetRequiredService<ClusterStanding>();
        var routes = provider.GetRequiredService<RouteChanges>();
        akka.LogToHost()
            .AddHocon(options.Cluster is { } cluster
                ? cluster.ToHocon(store.Log.Node, store.Descriptor.StoreId).WithFallback(StoreHocon.For(options))
                : StoreHocon.For(options), HoconAddMode.Prepend)
            .AddHocon(StoreReceptionist.Defaults(), HoconAddMode.Append)
            .AddSetup(new PersistenceSetup(new NodeStoreFiles(store)))
            .WithActors((system, registry) =>
            {
                var region = Start(system, options, store, readiness, standing, routes, time);
                registry.Register<StoreRegion>(region);
                provider.GetRequiredService<HostedEntityStore>().Open(new EntityStoreClient(region, store.Descriptor.ShardCount,
                    store.Options.Limits, options.Client, time, NewRandom(options, salt: -1), routes));
            })
            .AddStartup((system, _) => StoreShutdown.StopInOrder(system, provider, before: () => PrepareHandOffAsync(system, provider)));
        options.ConfigureAkka?.Invoke(akka, provider);
        return provider.GetRequiredService<ClusterTransport>().AddTo(akka);
    }

    private static IActorRef Start(ActorSystem system, EntityActorsOptions options, NodeStore store, ShardReadiness readiness,
        ClusterStanding standing, RouteChanges routes, TimeProvider time)
    {
        // A setting that cannot be used ends the start, not the first large message.
        _ = ContentTransfers.Of(system);
        var coordinator = system.ActorOf(CheckpointSupervisor.PropsFor(
            CheckpointCoordinator.PropsFor(options.Checkpoints, new NodeCheckpointWork(store), time)), CheckpointSupervisor.ActorName);
        var cluster = Akka.Cluster.Cluster.Get(system);
        var description = new StoreDescription(store.Descriptor.ShardCount, store.Options.Limits);
        var region = StoreSharding.Start(system, description, shard => new ShardSupervisorSettings(
            shard, store.Log.Node, description, options.Shards,
            opening => store.OpenShard(shard, opening.GenerationsBack, opening.ToleratesLoss),
            start => ShardActor.PropsFor(start, store, options.Shards, coordinator),
            readiness, time, NewRandom(options, shard.Value)) 
        {
            ClaimObstacle = () => standing.ClaimObstacle ?? StoreMembership.ClaimObstacle(cluster, store.Descriptor.StoreId),
        });
        system.ActorOf(DowningWatch.PropsFor(standing, store.Descriptor.StoreId), DowningWatch.ActorName);
        // Before it joins: nobody knows it as a member whose death it could not prove.
        StartDeathWatch(system, cluster.SelfUniqueAddress, options, store);
        if (options.Cluster is { } members)
            system.ActorOf(ClusterJoiner.PropsFor(store, members.SeedAddresses(cluster.SelfAddress)), ClusterJoiner.ActorName);
        else if (cluster.Settings.SeedNodes.IsEmpty) cluster.Join(cluster.SelfAddress);
        // Met by a read or a start, on their threads; the sentence is in the log once for each place.
        store.Damage.Added = report => system.Log.Log(report.IsRepaired ? LogLevel.WarningLevel : LogLevel.ErrorLevel, null, "damage: {0}", report.Sentence);
        var scrubbing = ScrubberLimits.From(StoreHocon.For(options));
        if (scrubbing.IsEnabled) system.ActorOf(Scrubber.PropsFor(store, scrubbing, time, region), Scrubber.ActorName);
        system.ActorOf(BlobSweep.PropsFor(store, ContentLimits.From(StoreHocon.For(options)), time), BlobSweep.ActorName);
        if (system.Settings.Config.GetBoolean(StoreReceptionist.Setting))
            system.ActorOf(StoreReceptionist.PropsFor(region, store.Descriptor.ShardCount), StoreReceptionist.ActorName);
        system.ActorOf(ShardWaker.PropsFor(region, store.Descriptor.ShardCount, options.WakeInterval), ShardWaker.ActorName);
        system.ActorOf(RouteWatch.PropsFor(routes, options.WakeInterval), RouteWatch.ActorName);
        return region;
    }

    private static ContentStore NewContentStore(IServiceProvider provider)
    {
        var (options, store) = (provider.GetRequiredService<EntityActorsOptions>(), provider.GetRequiredService<NodeStoreService>().Store);
        return new ContentStore(provider.GetRequiredService<IEntityStore>(), store.Blobs, DispatcherWork.Blobs(provider.GetRequiredService<ActorSystem>()),
            ContentLimits.From(StoreHocon.For(options)), options.Client, provider.GetRequiredService<TimeProvider>(),
            (shard, damage) => store.Damage.Add(new DamageReport(shard, damage.Path, damage.Offset, damage.Message, IsRepaired: false)));
    }

    private static void StartDeathWatch(ActorSystem system, Akka.Cluster.UniqueAddress self, EntityActorsOptions options, NodeStore store)
    {
        try
        {
            store.Announce(DeathWatcher.IdentityOf(self));
        }
        catch (StoreIoException failure)
        {
            system.Log.Warning("the death of this process cannot be proved to its peers, who would wait for time-outs: {0}", failure.Message);
        }

        system.ActorOf(DeathWatcher.PropsFor(store.Processes, new AkkaMembership(system), self, options.DeathWatch), DeathWatcher.ActorName);
    }

    /// <summary>First the checkpoints, while the shards still serve the other nodes. Then nobody wakes shards up any more.</summary>
    private static async Task PrepareHandOffAsync(ActorSystem system, IServiceProvider provider)
    {
        // A node that the cluster does without has nothing to hand over: its shards have other owners.
        if (provider.GetRequiredService<EntityActorsOptions>().Cluster is not null && provider.GetRequiredService<ClusterStanding>().Downed is null)
        {
            await HandOffCheckpoints.WriteAsync(await provider.GetRequiredService<ActorRegistry>().GetAsync<StoreRegion>(),
                provider.GetRequiredService<ShardReadiness>().Serving(), CheckpointTimeout);
        }

        system.ActorSelection($"/user/{ShardWaker.ActorName}").Tell(PoisonPill.Instance);
    }

    private static Random NewRandom(EntityActorsOptions options, int salt) =>
        options.Seed is { } seed ? new Random(unchecked((seed * 397) + salt)) : new Random();
}
