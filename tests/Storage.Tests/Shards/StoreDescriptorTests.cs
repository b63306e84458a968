using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using Xunit;

namespace EntityActors.Storage.Tests.Shards;

/// <summary>store.json: created exactly once, checked at each start, and never made up for a directory that is not a store.</summary>
public sealed class StoreDescriptorTests
{
    [Fact]
    public async Task Of_two_processes_that_create_a_store_at_once_one_does_and_both_see_the_same_one()
    {
        for (var round = 0; round < 10; round++)
        {
            using var directory = new TempDirectory();
            var data = directory.File("data");
            var opened = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
            {
                try
                {
                    return NodeStore.Open(Options(data), PosixFileSystem.Instance, TimeProvider.System);
                }
                catch (StoreUnusableException refused) when (refused.Reason == StoreUnusableReason.InUse)
                {
                    return null;
                }
            })));
            var store = Assert.Single(opened, candidate => candidate is not null)!;
            var id = store.Descriptor.StoreId;
            store.Dispose();
            using var again = NodeStore.Open(Options(data), PosixFileSystem.Instance, TimeProvider.System);
            Assert.Equal(id, again.Descriptor.StoreId);
        }
    }

    [Fact]
    public void A_first_start_that_was_killed_at_any_call_is_resumed_and_the_store_keeps_its_identity()
    {
        Guid? id = null;
        for (var call = 0; ; call++)
        {
            using var directory = new TempDirectory();
            var data = directory.File("data");
            var (files, left) = (new HookedFileSystem(PosixFileSystem.Instance), call);
            files.Before = (_, path) =>
            {
                if (left-- <= 0) throw HookedFileSystem.Failure(path);
            };
            var isKilled = false;
            try
            {
                NodeStore.Open(Options(data), files, TimeProvider.System).Dispose();
            }
            catch (StoreUnusableException)
            {
                isKilled = true;
            }

            files.Before = null;
            id = File.Exists(Path.Combine(data, "store.json")) ? StoreDescriptor.Read(files, Path.Combine(data, "store.json")).StoreId : null;
            using (var store = NodeStore.Open(Options(data), files, TimeProvider.System))
            {
                Assert.Equal(3, store.Descriptor.ShardCount);
                Assert.Equal(id ?? store.Descriptor.StoreId, store.Descriptor.StoreId);
                store.OpenShard(new ShardId(0), 0).Dispose();
            }

            Assert.Empty(Directory.GetFiles(data, "*.tmp"));
            if (!isKilled) break;
            Assert.True(call < 500);
        }

        Assert.NotNull(id);
    }

    [Theory]
    [InlineData("notes.txt")]
    [InlineData("nodes")]
    [InlineData("shards")]
    public void A_directory_that_holds_something_else_is_left_alone(string name)
    {
        using var directory = new TempDirectory();
        File.WriteAllText(directory.File(name), "mine");
        Assert.Equal(StoreUnusableReason.NotAStore, Refusal(directory.Path).Reason);
        Assert.Equal([directory.File(name)], Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public void A_store_whose_description_was_lost_is_not_created_anew()
    {
        using var directory = new TempDirectory();
        NodeStore.Open(Options(directory.Path), PosixFileSystem.Instance, TimeProvider.System).Dispose();
        File.Delete(directory.File("store.json"));
        Assert.Equal(StoreUnusableReason.NotAStore, Refusal(directory.Path).Reason);
        Assert.False(File.Exists(directory.File("store.json")));
    }

    [Fact]
    public void Every_flipped_bit_and_every_cut_is_refused_or_changes_nothing()
    {
        using var directory = new TempDirectory();
        NodeStore.Open(Options(directory.Path), PosixFileSystem.Instance, TimeProvider.System).Dispose();
        var path = directory.File("store.json");
        var bytes = File.ReadAllBytes(path);
        var whole = StoreDescriptor.Read(PosixFileSystem.Instance, path);
        var refused = 0;
        for (var bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            File.WriteAllBytes(path, bytes);
            try
            {
                // Names in other letter case and spaces mean the same; no value may differ.
                Assert.Equal(whole, StoreDescriptor.Read(PosixFileSystem.Instance, path));
            }
            catch (StoreUnusableException)
            {
                refused++;
            }

            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        Assert.True(refused > bytes.Length * 6);
        for (var length = 0; length < bytes.Length - 1; length++)
        {
            File.WriteAllBytes(path, bytes[..length]);
            Assert.Throws<StoreUnusableException>(() => StoreDescriptor.Read(PosixFileSystem.Instance, path));
        }
    }

    [Fact]
    public void Another_shard_count_is_refused_and_changes_nothing()
    {
        using var directory = new TempDirectory();
        NodeStore.Open(Options(directory.Path), PosixFileSystem.Instance, TimeProvider.System).Dispose();
        var before = Directory.GetFileSystemEntries(directory.Path, "*", SearchOption.AllDirectories);
        var refusal = Assert.Throws<StoreUnusableException>(() =>
            NodeStore.Open(Options(directory.Path) with { ShardCount = 4 }, PosixFileSystem.Instance, TimeProvider.System));
        Assert.Equal(StoreUnusableReason.OptionMismatch, refusal.Reason);
        Assert.Equal(before, Directory.GetFileSystemEntries(directory.Path, "*", SearchOption.AllDirectories));
    }

    private static StoreUnusableException Refusal(string data) =>
        Assert.Throws<StoreUnusableException>(() => NodeStore.Open(Options(data), PosixFileSystem.Instance, TimeProvider.System));

    private static NodeStoreOptions Options(string path) => new()
    {
        DataDirectory = path, ShardCount = 3, Log = new() { FileBytes = 64 * 1024, RecordBytesMax = 32 * 1024 },
    };
}
