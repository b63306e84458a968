using Akka.Hosting;
using EntityActors.Actors.Checkpoints;
using EntityActors.Actors.Client;
using EntityActors.Actors.Cluster;
using EntityActors.Actors.Shards;
using EntityActors.Storage.Io;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Hosting;

/// <summary>What a node of the store is started with.</summary>
public sealed record EntityActorsOptions
{
    /// <summary>Data directory, node name, shard count, sizes.</summary>
    public required NodeStoreOptions Store { get; init; }

    /// <summary>The disk; tests put a faulty one in its place.</summary>
    public IFileSystem Files { get; init; } = PosixFileSystem.Instance;

    /// <summary>Null: a node for itself, which shares its data directory with nobody.</summary>
    public ClusterOptions? Cluster { get; init; }

    public string SystemName { get; init; } = "entityactors";

    /// <summary>HOCON files, each over the ones before it; all of them over the built-in settings.</summary>
    public IReadOnlyList<string> HoconFiles { get; init; } = [];

    /// <summary>HOCON texts, each over the ones before it; all of them over <see cref="HoconFiles"/>.</summary>
    public IReadOnlyList<string> HoconTexts { get; init; } = [];

    public ShardLimits Shards { get; init; } = ShardLimits.Default;

    public CheckpointLimits Checkpoints { get; init; } = CheckpointLimits.Default;

    public ClientLimits Client { get; init; } = ClientLimits.Default;

    /// <summary>How long the start waits for the shards to recover. After it the node serves what it can and says what is missing.</summary>
    public TimeSpan ReadyTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Ends the wait for the shards: whoever is to stop is not kept by those that are away. The host has then started, and may be stopped.</summary>
    public CancellationToken StopWaiting { get; init; }

    /// <summary>How often a start that waits says what it waits for.</summary>
    public TimeSpan WaitReportInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How soon every shard is sent a second wake-up after the members changed; the time doubles from then on.</summary>
    public TimeSpan WakeInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Actors of the application in the same actor system. They find the store's region in the registry under <see cref="StoreRegion"/>.</summary>
    public Action<AkkaConfigurationBuilder, IServiceProvider>? ConfigureAkka { get; init; }

    public DeathWatchLimits DeathWatch { get; init; } = DeathWatchLimits.Default;

    /// <summary>Seed of everything random in this node (delays of retries and restarts); null takes a new one.</summary>
    public int? Seed { get; init; }
}
