using EntityActors.Actors.Client;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Shards;
using EntityActors.Storage.Shards;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EntityActors.Actors.Tests.Hosting;

/// <summary>A node of the store in this process, over a directory that outlives it.</summary>
internal sealed class TestNode : IAsyncDisposable
{
    private readonly IHost _host;

    private TestNode(IHost host) => _host = host;

    public IEntityStore Store => _host.Services.GetRequiredService<IEntityStore>();

    public NodeStore Files => _host.Services.GetRequiredService<NodeStoreService>().Store;

    public ShardReadiness Readiness => _host.Services.GetRequiredService<ShardReadiness>();

    public Akka.Actor.ActorSystem System => _host.Services.GetRequiredService<Akka.Actor.ActorSystem>();

    /// <param name="logs">Is given what the node logs at warning and above; nothing is logged without it.</param>
    public static async Task<TestNode> StartAsync(
        string directory, Func<EntityActorsOptions, EntityActorsOptions>? change = null, ILoggerProvider? logs = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.ClearProviders();
        if (logs is not null) builder.Logging.AddProvider(logs);
        var options = new EntityActorsOptions
        {
            Store = new NodeStoreOptions { DataDirectory = directory, ShardCount = 4 },
            HoconTexts = [$"akka.loglevel = {(logs is null ? "OFF" : "WARNING")}, akka.stdout-loglevel = OFF"],
        };
        builder.AddEntityActors(change?.Invoke(options) ?? options);
        var host = builder.Build();
        try
        {
            await host.StartAsync();
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
}
