using Akka.Actor;
using Akka.Hosting;
using EntityActors.Actors.Client;
using EntityActors.Actors.Cluster;
using EntityActors.Actors.Transfers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace EntityActors.Actors.Hosting;

/// <summary>
/// Adds a client of the store to a host: a member of its cluster that owns no shards and has no vote, or a program outside it. It opens no data
/// directory.
/// </summary>
/// <remarks>
/// <see cref="IEntityStore"/> may be injected anywhere; calls wait until the host has started. The start waits for the store, up to a limit. When
/// the cluster removes a member (it stood still or was cut off for too long) its actor system ends and stops the host, as Akka.Hosting does;
/// <see cref="ClusterStanding.Downed"/> says why. Whoever runs the process starts it again. A program outside the cluster just goes on.
/// </remarks>
public static class EntityActorsClientHosting
{
    /// <exception cref="Tls.ClusterSecurityException">From the host's start: the nodes could not be talked to in a safe way.</exception>
    /// <exception cref="StoreUnavailableException">From the host's start: no store answered in time.</exception>
    public static IHostApplicationBuilder AddEntityActorsClient(this IHostApplicationBuilder builder, EntityActorsClientOptions options)
    {
        builder.Services.AddEntityActorsClient(options);
        return builder;
    }

    /// <exception cref="ArgumentException">There is no seed.</exception>
    public static IServiceCollection AddEntityActorsClient(this IServiceCollection services, EntityActorsClientOptions options)
    {
        if (options.Cluster.Seeds.Count == 0) throw new ArgumentException("a client has to know a node of the store", nameof(options));
        services.AddLogging();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(options);
        services.AddSingleton<ClusterStanding>();
        services.AddSingleton<RouteChanges>();
        services.AddSingleton(static provider => new HostedEntityStore(
            provider.GetRequiredService<EntityActorsClientOptions>().Client, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IEntityStore>(static provider => provider.GetRequiredService<HostedEntityStore>());
        services.AddAkka(options.SystemName, static (akka, provider) => Configure(akka, provider));
        services.AddHostedService<ClientStartService>();
        return services;
    }

    private static void Configure(AkkaConfigurationBuilder akka, IServiceProvider provider)
    {
        var options = provider.GetRequiredService<EntityActorsClientOptions>();
        var settings = StoreHocon.For(options.HoconFiles, options.HoconTexts, options.IsMember);
        akka.LogToHost()
            .AddHocon(options.Cluster.ToClientHocon(options.IsMember).WithFallback(settings).WithFallback(StoreReceptionist.Defaults()), HoconAddMode.Prepend)
            .WithActors((system, registry) =>
            {
                // A setting that cannot be used ends the start, not the first large message.
                _ = ContentTransfers.Of(system);
                registry.Register<StoreRegion>(options.IsMember ? StartMember(system, options, provider) : StartOutside(system, options));
            })
            .AddStartup((system, _) => StoreShutdown.StopInOrder(system, provider, hasRegion: options.IsMember));
        options.ConfigureAkka?.Invoke(akka, provider);
        ClusterTransport.For(options.Cluster, settings).AddTo(akka);
    }

    private static IActorRef StartMember(ActorSystem system, EntityActorsClientOptions options, IServiceProvider provider)
    {
        var region = StoreSharding.StartProxy(system);
        system.ActorOf(DowningWatch.PropsFor(provider.GetRequiredService<ClusterStanding>(), store: null), DowningWatch.ActorName);
        system.ActorOf(RouteWatch.PropsFor(provider.GetRequiredService<RouteChanges>(), options.ResendInterval), RouteWatch.ActorName);
        var cluster = Akka.Cluster.Cluster.Get(system);
        // One that is its own first seed would begin a cluster.
        cluster.JoinSeedNodes(options.Cluster.SeedAddresses(cluster.SelfAddress).Where(seed => seed != cluster.SelfAddress));
        return region;
    }

    private static IActorRef StartOutside(ActorSystem system, EntityActorsClientOptions options)
    {
        var self = ((ExtendedActorSystem)system).Provider.DefaultAddress;
        return system.ActorOf(OutsideRegion.PropsFor(options.Cluster.SeedAddresses(self)), "store-region");
    }
}
