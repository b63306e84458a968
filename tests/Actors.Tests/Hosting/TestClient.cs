using Akka.Actor;
using EntityActors.Actors.Client;
using EntityActors.Actors.Cluster;
using EntityActors.Actors.Hosting;
using EntityActors.TestCluster;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EntityActors.Actors.Tests.Hosting;

/// <summary>A member of a test's cluster that owns no shards, in this process.</summary>
internal sealed class TestClient : IAsyncDisposable
{
    private readonly IHost _host;

    private TestClient(IHost host) => _host = host;

    public IEntityStore Store => _host.Services.GetRequiredService<IEntityStore>();

    public IServiceProvider Services => _host.Services;

    public ActorSystem System => _host.Services.GetRequiredService<ActorSystem>();

    /// <param name="seed">Host and port of a node.</param>
    /// <param name="services">Further services of the host.</param>
    public static async Task<TestClient> StartAsync(
        string seed, Func<EntityActorsClientOptions, EntityActorsClientOptions>? change = null, Action<IServiceCollection>? services = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.ClearProviders();
        services?.Invoke(builder.Services);
        var options = new EntityActorsClientOptions
        {
            Cluster = new ClusterOptions("127.0.0.1", 0, [seed]), HoconTexts = ["akka.loglevel = OFF, akka.stdout-loglevel = OFF"],
        };
        builder.AddEntityActorsClient(change?.Invoke(options) ?? options);
        var host = builder.Build();
        try
        {
            await host.StartAsync();
        }
        catch
        {
            // The actor system was started before what failed.
            await host.StopAsync();
            host.Dispose();
            throw;
        }

        return new TestClient(host);
    }

    /// <summary>Where the members of a node's cluster find it.</summary>
    public static string AddressOf(TestNode node) => ClusterMember.SelfAddress(node.System);

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }
}
