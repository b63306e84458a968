using EntityActors.Actors.Protocol;
using EntityActors.Actors.Shards;
using EntityActors.Storage.Model;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Actors.Tests.Hosting;

/// <summary>Damage of a log is damage of several shards, and a shard that starts again has nothing but its files.</summary>
public sealed class SharedSectorTests : IDisposable
{
    private const int ShardCount = 2;

    // docs/format/commit-log.md: groups start at sectors, a record begins with its header, whose kind 1 is an event.
    private const int SectorBytes = 4096;
    private const int HeaderBytes = 64;
    private const int KindOffset = 56;
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_repair_of_one_shard_costs_no_other_shard_its_changes()
    {
        await using var node = await TestNode.StartAsync(_directory.Path, options => options with
        {
            Store = options.Store with { ShardCount = ShardCount },
            HoconTexts = [.. options.HoconTexts, "entityactors.scrubber.enabled = off"],
            Shards = new ShardLimits { RestartDelayMin = TimeSpan.FromMilliseconds(10), RestartDelayMax = TimeSpan.FromMilliseconds(100) },
        });
        var keys = Enumerable.Range(0, ShardCount).Select(shard => NodeLoad.Keys("k", new ShardId(shard), ShardCount, 1).Single()).ToList();
        foreach (var key in keys) Assert.IsType<CommandResult.Committed>(await node.Store.ExecuteAsync(NodeLoad.Put(key, "1"), default));
        Assert.Equal(ShardCount, SpoilEvents());

        var outcome = await node.Store.VerifyAsync(new ShardId(0), repair: true, default);
        Assert.NotEmpty(outcome.Repaired);
        foreach (var key in keys) Assert.NotNull(await node.Store.GetAsync(key, null, true, default));
        await node.Store.VerifyAsync(new ShardId(1), repair: true, default);
        Assert.Empty((await node.Store.VerifyAsync(new ShardId(0), repair: false, default)).Findings);
    }

    /// <summary>A bit of every event in the node's log.</summary>
    private int SpoilEvents()
    {
        var spoiled = 0;
        foreach (var path in Directory.GetFiles(Path.Combine(_directory.Path, "nodes"), "*.wal", SearchOption.AllDirectories))
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            var sector = new byte[SectorBytes];
            for (var at = 0; at < 64 * SectorBytes; at += SectorBytes)
            {
                file.Position = at;
                file.ReadExactly(sector);
                if (BitConverter.ToInt32(sector) == 0 || sector[KindOffset] != 1) continue;
                file.Position = at + HeaderBytes + 6;
                file.WriteByte((byte)(sector[HeaderBytes + 6] ^ 8));
                spoiled++;
            }
        }

        return spoiled;
    }
}
