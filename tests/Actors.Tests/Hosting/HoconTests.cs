using Akka.Cluster.Sharding;
using Akka.Cluster.Tools.Client;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Cluster.Tools.Singleton;
using Akka.Configuration;
using Akka.DistributedData;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Persistence;
using Xunit;

namespace EntityActors.Actors.Tests.Hosting;

public sealed class HoconTests
{
    private const string Tick = "akka.scheduler.tick-duration";

    // Keys whose names are ours to choose.
    private static readonly string[] OpenSections =
        ["akka.actor.serializers.", "akka.actor.serialization-bindings."];

    [Fact]
    public void Every_akka_setting_exists_in_the_reference_configuration()
    {
        var reference = Reference();
        var own = StoreHocon.BuiltIn();
        var unknown = Paths(own).Concat(Paths(own.GetConfig("entityactors.cluster.member")))
            .Where(path => path.StartsWith("akka.", StringComparison.Ordinal))
            .Where(path => !OpenSections.Any(section => path.StartsWith(section, StringComparison.Ordinal)))
            .Where(path => !reference.HasPath(path) && !IsTimeoutOfAPhase(path, reference));
        Assert.Empty(unknown);
    }

    [Fact]
    public void Every_plugin_setting_exists_in_the_fallback_of_plugins()
    {
        var reference = Reference();
        var own = StoreHocon.BuiltIn();
        foreach (var (section, fallback) in new[]
        {
            ("entityactors.journal-defaults", "akka.persistence.journal-plugin-fallback"),
            ("entityactors.snapshot-store", "akka.persistence.snapshot-store-plugin-fallback"),
        })
        {
            var unknown = Paths(own.GetConfig(section)).Where(path => path != "class" && !reference.HasPath($"{fallback}.{path}"));
            Assert.Empty(unknown);
        }
    }

    [Fact]
    public void Every_journal_has_the_settings_that_keep_shards_apart()
    {
        var config = StoreHocon.BuiltIn();
        for (var shard = 0; shard < ShardPersistence.JournalCount; shard++)
        {
            var journal = config.GetConfig(ShardPersistence.JournalPluginIdOf(new(shard)));
            Assert.Equal("off", journal.GetString("replay-filter.mode"));
            Assert.Equal(int.MaxValue, journal.GetInt("circuit-breaker.max-failures"));
            Assert.Equal(typeof(EntityActorsJournal), Type.GetType(journal.GetString("class")));
        }

        var snapshots = config.GetConfig(ShardPersistence.SnapshotPluginId);
        Assert.False(snapshots.GetBoolean("snapshot-is-optional", true));
        Assert.Equal(typeof(EntityActorsSnapshotStore), Type.GetType(snapshots.GetString("class")));
    }

    [Fact]
    public void The_built_in_settings_are_the_files_of_the_hocon_folder()
    {
        var names = typeof(StoreHocon).Assembly.GetManifestResourceNames();
        foreach (var name in new[] { "clients", "cluster", "dispatchers", "entityactors", "persistence", "serialization", "transfers" })
            Assert.Contains($"hocon/{name}.hocon", names);
    }

    [Fact]
    public void Later_texts_win_over_earlier_ones_and_over_the_built_in()
    {
        var config = StoreHocon.For(new EntityActorsOptions
        {
            Store = new Storage.Shards.NodeStoreOptions { DataDirectory = "/nowhere" },
            HoconTexts = ["akka.remote.dot-netty.tcp.port = 1, akka.cluster.roles = [a]", "akka.remote.dot-netty.tcp.port = 2", " "],
        });
        Assert.Equal(2, config.GetInt("akka.remote.dot-netty.tcp.port"));
        Assert.Equal(["a"], config.GetStringList("akka.cluster.roles"));
        Assert.Equal("store", config.GetString("akka.cluster.sharding.role"));
    }

    [Fact]
    public void A_member_of_a_cluster_ticks_faster_than_a_node_for_itself_unless_told_otherwise()
    {
        var alone = new EntityActorsOptions { Store = new Storage.Shards.NodeStoreOptions { DataDirectory = "/nowhere" } };
        var member = alone with { Cluster = new ClusterOptions("127.0.0.1", 0, []) };
        var told = member with { HoconTexts = [$"{Tick} = 33ms"] };
        Assert.Equal([100, 25, 33], new[] { alone, member, told }.Select(options => StoreHocon.For(options).GetTimeSpan(Tick).TotalMilliseconds));
    }

    private static Config Reference() => Akka.Persistence.Persistence.DefaultConfig()
        .WithFallback(ClusterSharding.DefaultConfig())
        .WithFallback(ClusterSingleton.DefaultConfig())
        .WithFallback(ClusterClientReceptionist.DefaultConfig())
        .WithFallback(DistributedPubSub.DefaultConfig())
        .WithFallback(DistributedData.DefaultConfig())
        .WithFallback(ConfigurationFactory.FromResource<Akka.Cluster.Cluster>("Akka.Cluster.Configuration.Cluster.conf"))
        .WithFallback(ConfigurationFactory.FromResource<Akka.Remote.RemoteSettings>("Akka.Remote.Configuration.Remote.conf"))
        .WithFallback(ConfigurationFactory.Default());

    /// <summary>Paths of all values (not of sections).</summary>
    private static IEnumerable<string> Paths(Config config) =>
        config.AsEnumerable().SelectMany(pair => Paths(pair.Key, pair.Value));

    private static IEnumerable<string> Paths(string path, Akka.Configuration.Hocon.HoconValue value) => value.IsObject()
        ? value.GetObject().Items.SelectMany(pair => Paths($"{path}.{Quoted(pair.Key)}", pair.Value))
        : [path];

    private static string Quoted(string key) => key.AsSpan().ContainsAny(".,:") ? $"\"{key}\"" : key;

    /// <summary>Every phase takes a time-out; the reference names only those that differ from the common one.</summary>
    private static bool IsTimeoutOfAPhase(string path, Config reference) =>
        path.StartsWith("akka.coordinated-shutdown.phases.", StringComparison.Ordinal) && path.EndsWith(".timeout", StringComparison.Ordinal)
        && reference.HasPath(path[..path.LastIndexOf('.')]);
}
