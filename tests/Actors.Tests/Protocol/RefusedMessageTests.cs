using System.Text;
using Akka.Actor;
using Akka.Configuration;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Tests.Hosting;
using EntityActors.Storage.Model;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Actors.Tests.Protocol;

/// <summary>Messages of types that nobody registered, sent to a node that serves: not one becomes an object.</summary>
public sealed class RefusedMessageTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_node_refuses_every_message_of_an_unregistered_type_and_serves_on()
    {
        await using var node = await TestNode.StartAsync(_directory.Path, options => options with { Cluster = new ClusterOptions("127.0.0.1", 0, []) });
        var received = new List<object>();
        var marked = new TaskCompletionSource();
        node.System.ActorOf(Props.Create(() => new Catcher(received, marked)), "catcher");
        using var stranger = ActorSystem.Create("stranger", ConfigurationFactory.ParseString(
            $"akka.loglevel = OFF, akka.stdout-loglevel = OFF\n{Forged.Settings}").WithFallback(StoreHocon.BuiltIn()));
        var target = stranger.ActorSelection(new RootActorPath(Akka.Cluster.Cluster.Get(node.System).SelfAddress) / "user" / "catcher");
        var forged = Messages().ToList();
        Assert.True(forged.Count > 1_000, $"{forged.Count} messages");
        foreach (var message in forged) target.Tell(message, stranger.DeadLetters);
        // One connection keeps the order: what was refused before it is over when this one arrives.
        target.Tell(new WakeShard(new ShardId(1)), stranger.DeadLetters);
        await marked.Task.WaitAsync(TimeSpan.FromMinutes(2));
        Assert.Empty(received);

        var put = NodeLoad.Put(new EntityKey("docs", "a"), "1");
        Assert.IsType<CommandResult.Committed>(await node.Store.ExecuteAsync(put, default));
        Assert.NotNull(await node.Store.GetAsync(put.Key, null, false, default));
        await stranger.Terminate();
    }

    /// <summary>Every public type of some large libraries, by name as JSON would name it, and under the manifests that there are.</summary>
    private static IEnumerable<Forged> Messages()
    {
        var types = new[] { typeof(object), typeof(Uri), typeof(System.Diagnostics.Process), typeof(ActorSystem), typeof(Hyperion.Serializer), typeof(EntityKey) }
            .SelectMany(type => type.Assembly.GetExportedTypes()).ToList();
        foreach (var type in types)
        {
            var name = type.AssemblyQualifiedName!;
            yield return new Forged.Json(name, Encoding.UTF8.GetBytes($$"""{"$type":"{{name}}"}"""));
            yield return new Forged.Protocol(name, [1, 2, 3]);
        }

        foreach (var manifest in new[] { "a1", "a2", "a3" })
        {
            foreach (var message in Unregistered())
            {
                using var stream = new MemoryStream();
                new Hyperion.Serializer().Serialize(message, stream);
                yield return new Forged.Administration(manifest, stream.ToArray());
            }
        }
    }

    private static IEnumerable<object> Unregistered() =>
    [
        new Uri("http://127.0.0.1"), new Version(1, 2), new List<string> { "a" }, new Dictionary<string, object> { ["a"] = 1 }, new EntityKey("a", "b"),
        new StringBuilder("a"), DateTime.UnixEpoch, "text", 5, new InvalidOperationException("a"), new object(),
        new Tuple<int, string>(1, "a"), new WakeShard(new ShardId(1)), Guid.Empty, typeof(string),
    ];

    private sealed class Catcher : ReceiveActor
    {
        public Catcher(List<object> received, TaskCompletionSource marked)
        {
            Receive<WakeShard>(_ => marked.TrySetResult());
            ReceiveAny(received.Add);
        }
    }
}
