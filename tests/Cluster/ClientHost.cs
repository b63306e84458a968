using EntityActors.Actors.Hosting;
using EntityActors.Tests.Shared.Processes;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EntityActors.Cluster.Tests;

/// <summary>A client of a cluster of processes, in this process.</summary>
internal static class ClientHost
{
    public static async Task<IHost> StartAsync(ClusterUnderTest cluster, bool isMember)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.ClearProviders();
        builder.AddEntityActorsClient(new EntityActorsClientOptions
        {
            Cluster = new ClusterOptions("127.0.0.1", 0, [.. Enumerable.Range(0, cluster.NodeCount).Select(cluster.AddressOf)]),
            IsMember = isMember,
            HoconTexts = ["akka.loglevel = OFF, akka.stdout-loglevel = OFF"],
        });
        var host = builder.Build();
        await host.StartAsync();
        return host;
    }
}
