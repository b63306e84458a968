using EntityActors.Storage.Integrity;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Storage.Tests.Shards;

/// <summary>Who may use a data directory beside whom. flock tells open files apart, so two stores of one process stand for two processes.</summary>
public sealed class SharedDirectoryTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Members_of_a_cluster_share_a_directory_under_names_of_their_own()
    {
        using var first = Open(isShared: true);
        using var second = Open(isShared: true);
        using var named = Open(isShared: true, "harbour");
        Assert.Equal(["node-1", "node-2", "harbour"], new[] { first, second, named }.Select(store => store.Log.Node));
        Assert.Equal(first.Descriptor, second.Descriptor);
        var refusal = Refusal(() => Open(isShared: true, "harbour"));
        Assert.Contains("a node named harbour runs", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("node-1", Refusal(() => Open(isShared: true, "node-1")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_name_of_a_node_that_ended_is_free_again()
    {
        Open(isShared: true).Dispose();
        using var again = Open(isShared: true);
        Assert.Equal("node-1", again.Log.Node);
    }

    [Fact]
    public void A_node_without_a_cluster_excludes_members_other_nodes_and_closed_commands()
    {
        using var alone = Open(isShared: false);
        Assert.Contains("shares it with nobody", Refusal(() => Open(isShared: true)).Message, StringComparison.Ordinal);
        Assert.Contains("another process", Refusal(() => Open(isShared: false)).Message, StringComparison.Ordinal);
        Assert.Contains("another process", Refusal(Inspect).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_member_excludes_nodes_without_a_cluster_and_closed_commands_until_the_last_one_has_ended()
    {
        var first = Open(isShared: true);
        var second = Open(isShared: true);
        Assert.Contains("another process", Refusal(() => Open(isShared: false)).Message, StringComparison.Ordinal);
        first.Dispose();
        Assert.Contains("another process", Refusal(() => Open(isShared: false)).Message, StringComparison.Ordinal);
        Assert.Contains("another process", Refusal(Inspect).Message, StringComparison.Ordinal);
        second.Dispose();
        Inspect();
        Open(isShared: false).Dispose();
    }

    [Fact]
    public async Task Members_that_create_a_store_at_once_all_open_the_same_one()
    {
        for (var round = 0; round < 20; round++)
        {
            using var directory = new TempDirectory();
            var data = directory.File("data");
            using var together = new Barrier(4);
            var opening = Enumerable.Range(0, 4).Select(_ => Task.Factory.StartNew(() =>
            {
                together.SignalAndWait();
                return Open(isShared: true, node: null, data);
            }, TaskCreationOptions.LongRunning));
            var stores = await Task.WhenAll(opening);
            Assert.Single(stores.Select(store => store.Descriptor).Distinct());
            Assert.Equal(4, stores.Select(store => store.Log.Node).Distinct().Count());
            foreach (var store in stores) store.Dispose();
            Assert.Empty(Directory.GetFiles(data, "*.tmp"));
        }
    }

    [Fact]
    public void A_description_that_a_killed_creator_left_half_made_is_nobodys_store_and_goes_with_the_next_node_that_is_alone()
    {
        var left = _directory.File("store.json.0123456789abcdef0123456789abcdef.tmp");
        File.WriteAllText(left, "{");
        Open(isShared: true).Dispose();
        Assert.True(File.Exists(left));
        Open(isShared: false).Dispose();
        Assert.False(File.Exists(left));
    }

    private void Inspect() => StoreInspector.Inspect(PosixFileSystem.Instance, _directory.Path, _ => { }, progress: null);

    private static StoreUnusableException Refusal(Action action)
    {
        var refusal = Assert.Throws<StoreUnusableException>(action);
        Assert.Equal(StoreUnusableReason.InUse, refusal.Reason);
        return refusal;
    }

    private static StoreUnusableException Refusal(Func<NodeStore> open) => Refusal(() => { open().Dispose(); });

    private NodeStore Open(bool isShared, string? node = null, string? data = null) => NodeStore.Open(
        new NodeStoreOptions
        {
            DataDirectory = data ?? _directory.Path, IsShared = isShared, Node = node, ShardCount = 3,
            Log = new() { FileBytes = 64 * 1024, RecordBytesMax = 32 * 1024 },
        }, PosixFileSystem.Instance, TimeProvider.System);
}
