using EntityActors.Actors.Checkpoints;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using Xunit;

namespace EntityActors.Actors.Tests.Hosting;

/// <summary>
/// The three layers of a checkpoint through a running node: whatever the disk made of a segment or a header, clients notice
/// nothing, nothing comes to rest on it, and nothing is lost.
/// </summary>
public sealed class CheckpointLayerTests : IDisposable
{
    private static readonly ShardId Tampered = new(0);
    private static readonly ShardId Other = new(1);
    private readonly TempDirectory _directory = new();
    private readonly TamperingFileSystem _files = new(PosixFileSystem.Instance);

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(".seg", "bit flip", "short write", "stale copy")]
    [InlineData("header.", "bit flip", "short write", "wrong count", "stale copy")]
    public async Task What_was_stored_wrong_is_refused_while_the_shard_serves_on_and_a_later_checkpoint_succeeds(string target, params string[] faults)
    {
        NodeLoad load, other;
        await using (var node = await TestNode.StartAsync(_directory.Path, Options))
        {
            load = NodeLoad.Start(node.Store, "load", Tampered, 6);
            other = NodeLoad.Start(node.Store, "other", Other, 2);
            await load.ProgressAsync(200);
            Assert.True((await node.Store.CheckpointAsync(Tampered, default)).Committed);
            foreach (var fault in faults) await RefuseAsync(node, load, target, fault);
            await load.StopAsync();
            await other.StopAsync();
            Assert.Empty(load.Errors);
            Assert.Empty(other.Errors);
            await load.CheckAsync(node.Store);
        }

        StoreCheck.AssertSound(_directory.Path, [Tampered, Other], notesAllowed: true);
        await using (var node = await TestNode.StartAsync(_directory.Path, Options))
        {
            await load.CheckAsync(node.Store);
            await other.CheckAsync(node.Store);
        }
    }

    [Theory]
    [InlineData(".seg", "bit flip")]
    [InlineData("header.", "bit flip")]
    [InlineData("header.", "short write")]
    public async Task A_new_shard_whose_every_checkpoint_was_refused_is_all_there_after_a_restart(string target, string fault)
    {
        NodeLoad load;
        Tamper(target, fault);
        await using (var node = await TestNode.StartAsync(_directory.Path, Options))
        {
            load = NodeLoad.Start(node.Store, "load", Tampered, 4);
            await load.ProgressAsync(200);
            for (var i = 0; i < 3; i++) Assert.False((await node.Store.CheckpointAsync(Tampered, default)).Committed);
            await load.StopAsync();
            Assert.Empty(load.Errors);
        }

        _files.Tamper = null;
        StoreCheck.AssertSound(_directory.Path, [Tampered, Other], notesAllowed: true);
        await using (var node = await TestNode.StartAsync(_directory.Path, Options))
        {
            Assert.True(node.Readiness.IsReady, (await node.Store.ShardAsync(Tampered, default)).Detail);
            await load.CheckAsync(node.Store);
            Assert.True((await node.Store.CheckpointAsync(Tampered, default)).Committed);
            await load.CheckAsync(node.Store);
        }

        StoreCheck.AssertSound(_directory.Path, [Tampered, Other], notesAllowed: true);
    }

    private async Task RefuseAsync(TestNode node, NodeLoad load, string target, string fault)
    {
        await load.ProgressAsync(100);
        var start = await node.Store.ShardAsync(Tampered, default);
        Tamper(target, fault);
        var refused = await node.Store.CheckpointAsync(Tampered, default);
        Assert.False(refused.Committed, $"{fault}: {refused.Detail}");
        // Only from here on: a checkpoint of the node's own that was written before the fault may have been committed under it.
        var before = await node.Store.ShardAsync(Tampered, default);
        var headers = HeaderNames(Tampered);
        // The newest one holds what no header covers; older ones may still go by what was committed before.
        var logFile = LogFiles().Order(StringComparer.Ordinal).Last();
        Assert.Equal(before.Generation, refused.Generation);
        await load.ProgressAsync(100);
        var degraded = await UntilAsync(node, state => state.Status == ShardStatus.Degraded);
        Assert.Contains("in a row were not committed", degraded.Detail, StringComparison.Ordinal);
        Assert.True(degraded.CheckpointsRestored >= start.CheckpointsRestored + 3, $"{fault}: {degraded.CheckpointsRestored} restored");
        Assert.Equal((before.Generation, before.CheckpointedSequence), (degraded.Generation, degraded.CheckpointedSequence));
        Assert.Equal((before.Epoch, 0L), (degraded.Epoch, degraded.Restarts));
        Assert.True(degraded.Sequence > before.Sequence);
        Assert.Equal(2, node.Readiness.ServingCount);
        await load.ProgressAsync(100);
        // What the refused checkpoint would have covered is still needed: neither the log nor the header snapshot is gone.
        Assert.Contains(logFile, LogFiles());
        Assert.Subset(HeaderNames(Tampered), headers);

        _files.Tamper = null;
        var serving = await UntilAsync(node, state => state.Status == ShardStatus.Serving);
        Assert.Null(serving.Detail);
        Assert.True(serving.CheckpointedSequence >= start.Sequence, $"{fault}: covers {serving.CheckpointedSequence}, was at {start.Sequence}");
        // The check above could fail: once two headers cover it, the same file does go.
        await UntilAsync(node, _ => !LogFiles().Contains(logFile), async () =>
        {
            await node.Store.CheckpointAsync(Tampered, default);
            await node.Store.CheckpointAsync(Other, default);
        });
    }

    private EntityActorsOptions Options(EntityActorsOptions options) => options with
    {
        Files = _files,
        Store = options.Store with
        {
            ShardCount = 2,
            // Small log files, so that trimming would show.
            Log = new CommitLogOptions { FileBytes = 256 * 1024, RecordBytesMax = 64 * 1024 },
            BatchBytesMax = 16 * 1024,
            Limits = options.Store.Limits with { ContentBytesMax = 1024 },
        },
        Checkpoints = new CheckpointLimits
        {
            LookInterval = TimeSpan.FromMilliseconds(50), RetryDelayMin = TimeSpan.FromMilliseconds(20),
            RetryDelayMax = TimeSpan.FromMilliseconds(50), DegradedFailureCount = 3, LogFileCountMax = 1000,
        },
    };

    private void Tamper(string target, string fault)
    {
        var directory = Path.Combine(_directory.Path, "shards", Tampered.ToString()) + Path.DirectorySeparatorChar;
        byte[] stale = [];
        if (Directory.Exists(directory))
        {
            var last = Directory.GetFiles(directory).Where(path => Path.GetFileName(path).Contains(target, StringComparison.Ordinal)).Order().LastOrDefault();
            if (last is not null) stale = File.ReadAllBytes(last);
        }

        _files.Tamper = (path, offset, bytes) =>
        {
            var isTarget = path.StartsWith(directory, StringComparison.Ordinal)
                && Path.GetFileName(path).Contains(target, StringComparison.Ordinal);
            return isTarget ? Spoil(fault, offset, bytes, stale) : null;
        };
    }

    private static byte[]? Spoil(string fault, long offset, byte[] bytes, byte[] stale)
    {
        switch (fault)
        {
            case "bit flip" when offset == 0:
                bytes[bytes.Length / 2] ^= 0x10;
                return bytes;
            case "short write" when offset == 0:
                return bytes[..(bytes.Length / 2)];
            case "wrong count":
                var header = ShardHeader.Decode(bytes, "written");
                return (header with { EntityCount = header.EntityCount + 1 }).Encode();
            case "stale copy":
                var from = (int)Math.Min(offset, stale.Length);
                return stale[from..Math.Min(stale.Length, from + bytes.Length)];
            default:
                return null;
        }
    }

    private static async Task<ShardState> UntilAsync(TestNode node, Func<ShardState, bool> holds, Func<Task>? meanwhile = null)
    {
        for (var deadline = Environment.TickCount64 + 20_000; ;)
        {
            var state = await node.Store.ShardAsync(Tampered, default);
            if (holds(state)) return state;
            Assert.True(Environment.TickCount64 < deadline, $"still {state}");
            if (meanwhile is not null) await meanwhile();
            await Task.Delay(10);
        }
    }

    private HashSet<string> HeaderNames(ShardId shard) =>
        [.. Directory.GetFiles(Path.Combine(_directory.Path, "shards", shard.ToString()), "header.*").Where(path => !path.EndsWith(".tmp", StringComparison.Ordinal))];

    private HashSet<string> LogFiles() => [.. Directory.GetFiles(Path.Combine(_directory.Path, "nodes"), "*.wal", SearchOption.AllDirectories)];
}
