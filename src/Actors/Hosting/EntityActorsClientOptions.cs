using Akka.Hosting;
using EntityActors.Actors.Client;

namespace EntityActors.Actors.Hosting;

/// <summary>What a client of the store is started with.</summary>
public sealed record EntityActorsClientOptions
{
    /// <summary>Where it listens for the nodes of the store, and those it knows from the start.</summary>
    public required ClusterOptions Cluster { get; init; }

    /// <summary>
    /// Whether it joins the cluster, as a member that owns no shards: requests go to the owners directly, and a node that dies is noticed at once. Otherwise
    /// they go through one of the nodes, by Akka's ClusterClient, and those nodes must have <c>entityactors.cluster.receptionist</c> on.
    /// </summary>
    public bool IsMember { get; init; } = true;

    /// <summary>The same as that of the store's nodes.</summary>
    public string SystemName { get; init; } = "entityactors";

    /// <summary>HOCON files, each over the ones before it; all of them over the built-in settings.</summary>
    public IReadOnlyList<string> HoconFiles { get; init; } = [];

    /// <summary>HOCON texts, each over the ones before it; all of them over <see cref="HoconFiles"/>.</summary>
    public IReadOnlyList<string> HoconTexts { get; init; } = [];

    public ClientLimits Client { get; init; } = ClientLimits.Default;

    /// <summary>How long the host's start waits until a shard has told what the store is. Then the start fails.</summary>
    public TimeSpan ReadyTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How soon calls are sent a second time after a node has gone; the time doubles once more.</summary>
    public TimeSpan ResendInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Actors of the application in the same actor system. They find the store's region in the registry under <see cref="StoreRegion"/>.</summary>
    public Action<AkkaConfigurationBuilder, IServiceProvider>? ConfigureAkka { get; init; }

    /// <summary>Seed of the delays of retries; null takes a new one.</summary>
    public int? Seed { get; init; }
}
