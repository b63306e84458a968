using Akka.Actor;
using EntityActors.Actors.Client;
using EntityActors.Actors.Cluster;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Shards;
using EntityActors.Storage.Shards;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EntityActors.TestCluster;

/// <summary>A node of the store in this process, composed as <c>ea serve</c> composes it but without HTTP, over a directory that outlives it.</summary>
/// <remarks>Its owner disposes it, which stops it in order: calls are answered, shards handed over, the log closed.</remarks>
public sealed class TestNode : IAsyncDisposable
{
    private readonly IHost _host;

    private TestNode(IHost host) => _host = host;

    /// <summary>What the host of the node holds.</summary>
    public IServiceProvider Services => _host.Services;

    public IEntityStore Store => _host.Services.GetRequiredService<IEntityStore>();

    public NodeStore Files => _host.Services.GetRequiredService<NodeStoreService>().Store;

    public ShardReadiness Readiness => _host.Services.GetRequiredService<ShardReadiness>();

    public ActorSystem System => _host.Services.GetRequiredService<ActorSystem>();

    /// <summary>Starts a node with four shards that belongs to no cluster.</summary>
    /// <param name="logs">Is given what the node logs at warning and above; nothing is logged without it.</param>
    public static Task<TestNode> StartAsync(
        string directory, Func<EntityActorsOptions, EntityActorsOptions>? change = null, ILoggerProvider? logs = null)
    {
        var options = new EntityActorsOptions
        {
            Store = new NodeStoreOptions { DataDirectory = directory, ShardCount = 4 },
            HoconTexts = [$"akka.loglevel = {(logs is null ? "OFF" : "WARNING")}, akka.stdout-loglevel = OFF"],
        };
        return StartAsync(change?.Invoke(options) ?? options, logs);
    }

    /// <summary>Starts a node and waits until its shards serve, or <see cref="EntityActorsOptions.ReadyTimeout"/> is over.</summary>
    /// <param name="logs">Is given what is logged; the caller disposes it.</param>
    /// <param name="time">The node's clock and timers; the system's when null.</param>
    /// <exception cref="Storage.Model.StoreUnusableException">The data directory cannot be used.</exception>
    /// <exception cref="InvalidOperationException">Its cluster removed it before it was ready.</exception>
    public static async Task<TestNode> StartAsync(EntityActorsOptions options, ILoggerProvider? logs = null, TimeProvider? time = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.ClearProviders();
        if (logs is not null) builder.Logging.AddProvider(logs);
        // Signals are for the process of the tests, not for its nodes.
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddSingleton(time ?? TimeProvider.System);
        builder.AddEntityActors(options);
        var host = builder.Build();
        var standing = host.Services.GetRequiredService<ClusterStanding>();
        try
        {
            await host.StartAsync();
        }
        catch (OperationCanceledException) when (standing.Downed is not null)
        {
            host.Dispose();
            throw new InvalidOperationException($"the cluster removed the node while it started: {standing.Downed}");
        }
        catch
        {
            host.Dispose();
            throw;
        }

        return new TestNode(host);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
