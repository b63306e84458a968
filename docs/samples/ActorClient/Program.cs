using System.Globalization;
using Akka.Hosting;
using EntityActors.Actors.Hosting;
using EntityActors.Samples.ActorClient;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

// A member of the cluster without shards whose actors speak the store's protocol themselves. See docs/PROTOCOL.md.
if (args.Length < 2 || !int.TryParse(args[0], NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count < 1)
{
    Console.Error.WriteLine("usage: EntityActors.Samples.ActorClient COUNT HOST:PORT...   (cluster ports of one or more nodes)");
    return 1;
}

var done = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
var builder = Host.CreateApplicationBuilder();
builder.Logging.SetMinimumLevel(LogLevel.Error);
builder.AddEntityActorsClient(new EntityActorsClientOptions
{
    Cluster = new ClusterOptions("127.0.0.1", 0, args[1..]),
    ConfigureAkka = (akka, _) => akka.WithActors((system, registry) =>
        system.ActorOf(WriterActor.PropsFor(registry.Get<StoreRegion>(), count, done), "writer")),
});
using var host = builder.Build();
await host.StartAsync();
var isAll = await done.Task;
await host.StopAsync();
Console.WriteLine(isAll ? "all done" : "not all done");
return isAll ? 0 : 2;
