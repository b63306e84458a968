using Akka.Actor;
using Akka.Hosting;
using EntityActors.Actors.Client;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Shards;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using Xunit;

namespace EntityActors.Actors.Tests.Hosting;

/// <summary>Queries over shards of which one does not answer: a typed error, or, if asked for, a result that names it and agrees with itself.</summary>
public sealed class MissingShardTests : IDisposable
{
    private const int ShardCount = 4;
    private const int PerShard = 6;
    private static readonly ShardId Away = new(1);
    private static readonly ShardId Last = new(3);
    private static readonly TagQuery Loads = new("docs", [new TagPattern("kind:load", false)], false, [], Lifecycle.Active);
    private static readonly EntityQuery Partial = new(Loads, null, 4, null, true, false) { AllowsMissingShards = true };
    private readonly TempDirectory _directory = new();
    private readonly FaultyFileSystem _files = new(PosixFileSystem.Instance);
    private readonly ManualResetEventSlim _released = new(true);

    public void Dispose()
    {
        _released.Set();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_quarantined_shard_fails_a_query_or_is_named_on_every_page()
    {
        await using (var node = await StartAsync())
        {
            await FillAsync(node);
            for (var i = 0; i < 2; i++) Assert.True((await node.Store.CheckpointAsync(Away, default)).Committed);
        }

        foreach (var header in Directory.GetFiles(Path.Combine(_directory.Path, "shards", Away.ToString()), "header.*")) Flip(header);
        await using (var node = await StartAsync())
        {
            Assert.Equal(ShardStatus.Quarantined, (await node.Store.ShardAsync(Away, default)).Status);
            var failure = await Assert.ThrowsAsync<StoreUnavailableException>(
                () => node.Store.QueryAsync(Partial with { AllowsMissingShards = false }, default));
            Assert.Equal(Away, failure.Shard);

            var (ids, pages) = await AllAsync(node.Store, Partial);
            Assert.Equal(IdsOutside(Away), ids.Order());
            Assert.True(pages.Count > 3);
            Assert.All(pages, page => Assert.Equal((Away, (long?)((ShardCount - 1) * PerShard)), (Assert.Single(page.MissingShards), page.Total)));
            await Assert.ThrowsAsync<InvalidQueryException>(
                () => node.Store.QueryAsync(Partial with { AllowsMissingShards = false, Cursor = pages[0].Cursor }, default));

            var list = new TagListQuery("docs", "kind:", null, null, 10);
            await Assert.ThrowsAsync<StoreUnavailableException>(() => node.Store.TagsAsync(list, default));
            var tags = await node.Store.TagsAsync(list with { AllowsMissingShards = true }, default);
            Assert.Equal((Away, new TagCount("kind:load", (ShardCount - 1) * PerShard)), (Assert.Single(tags.MissingShards), Assert.Single(tags.Items)));
        }
    }

    [Fact]
    public async Task A_shard_that_is_back_stays_out_of_the_pages_of_a_result_that_went_without_it()
    {
        await using var node = await StartAsync();
        await FillAsync(node);
        Hold(node, Away);
        var first = await node.Store.QueryAsync(Partial, default);
        Assert.Equal(Away, Assert.Single(first.MissingShards));
        await ReleaseAsync(node, Away);

        var (rest, pages) = await AllAsync(node.Store, Partial with { Cursor = first.Cursor });
        Assert.All(pages, page => Assert.Equal((Away, first.Total), (Assert.Single(page.MissingShards), page.Total)));
        Assert.Equal(IdsOutside(Away), first.Items.Select(item => item.Head.Key.Id).Concat(rest).Order());
        // Another result is another matter.
        var (ids, whole) = await AllAsync(node.Store, Partial);
        Assert.Equal(ShardCount * PerShard, ids.Count);
        Assert.All(whole, page => Assert.Empty(page.MissingShards));
    }

    [Fact]
    public async Task A_shard_that_goes_away_between_two_pages_is_named_from_then_on()
    {
        await using var node = await StartAsync();
        await FillAsync(node);
        var first = await node.Store.QueryAsync(Partial, default);
        Assert.Empty(first.MissingShards);
        Assert.Equal(ShardCount * PerShard, first.Total);
        Hold(node, Last);
        var (rest, pages) = await AllAsync(node.Store, Partial with { Cursor = first.Cursor });
        Assert.All(pages, page => Assert.Equal((Last, (long?)((ShardCount - 1) * PerShard)), (Assert.Single(page.MissingShards), page.Total)));
        Assert.Equal(IdsOutside(Last), first.Items.Select(item => item.Head.Key.Id).Concat(rest).Order());
        await ReleaseAsync(node, Last);
    }

    private Task<TestNode> StartAsync() => TestNode.StartAsync(_directory.Path, options => options with
    {
        Files = _files,
        Shards = new ShardLimits { RestartDelayMin = TimeSpan.FromMilliseconds(10), RestartDelayMax = TimeSpan.FromMilliseconds(50) },
        // A shard that answers needs a moment on a busy machine; the one that is held never does.
        Client = new ClientLimits { TryCountMax = 3, MissingShardWait = TimeSpan.FromSeconds(3) },
    });

    private static async Task FillAsync(TestNode node)
    {
        foreach (var key in Keys()) Assert.IsType<CommandResult.Committed>(await node.Store.ExecuteAsync(NodeLoad.Put(key, "1"), default));
    }

    private static IEnumerable<EntityKey> Keys() =>
        Enumerable.Range(0, ShardCount).SelectMany(shard => NodeLoad.Keys("e", new ShardId(shard), ShardCount, PerShard));

    private static IEnumerable<string> IdsOutside(ShardId shard) => Keys().Where(key => key.ShardOf(ShardCount) != shard).Select(key => key.Id).Order();

    private static async Task<(List<string> Ids, List<EntityPage> Pages)> AllAsync(IEntityStore store, EntityQuery query)
    {
        var pages = new List<EntityPage>();
        do
        {
            pages.Add(await store.QueryAsync(query, default));
            query = query with { Cursor = pages[^1].Cursor };
        }
        while (query.Cursor is not null);
        return ([.. pages.SelectMany(page => page.Items).Select(item => item.Head.Key.Id)], pages);
    }

    /// <summary>The shard starts again and waits for its disk.</summary>
    private void Hold(TestNode node, ShardId shard)
    {
        _released.Reset();
        var directory = Path.Combine(_directory.Path, "shards", shard.ToString());
        _files.Before = (_, path) =>
        {
            if (path.StartsWith(directory, StringComparison.Ordinal)) _released.Wait(TimeSpan.FromMinutes(2));
        };
        ActorRegistry.For(node.System).Get<StoreRegion>().Tell(new RestartShard(shard));
    }

    private async Task ReleaseAsync(TestNode node, ShardId shard)
    {
        _files.Before = null;
        _released.Set();
        var status = ShardStatus.Unknown;
        await Eventually.HoldsAsync(async () => (status = (await node.Store.ShardAsync(shard, default)).Status) == ShardStatus.Serving, () => $"{status}");
    }

    private static void Flip(string path)
    {
        var bytes = File.ReadAllBytes(path);
        bytes[50] ^= 0x40;
        File.WriteAllBytes(path, bytes);
    }
}
