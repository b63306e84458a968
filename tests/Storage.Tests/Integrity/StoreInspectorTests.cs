using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Format;
using EntityActors.Storage.Integrity;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Storage.Tests.Integrity;

/// <summary>Every file of a closed store in turn is deleted, cut and damaged: each gives a finding, or harms nothing for a reason that is named.</summary>
public sealed class StoreInspectorTests
{
    private static readonly string[] Harms = ["delete", "truncate", "flip"];

    [Fact]
    public async Task A_sound_store_has_no_finding()
    {
        using var directory = new TempDirectory();
        await CreateStore(directory.Path);
        Assert.Empty(Inspect(directory.Path));
    }

    [Fact]
    public async Task Every_harmed_file_is_found_or_provably_holds_nothing()
    {
        using var directory = new TempDirectory();
        await CreateStore(directory.Path);
        var missed = new List<string>();
        foreach (var path in Directory.GetFiles(directory.Path, "*", SearchOption.AllDirectories).Order())
        {
            var bytes = File.ReadAllBytes(path);
            foreach (var harm in Harms)
            {
                Do(harm, path, bytes);
                var isFound = false;
                try
                {
                    isFound = Inspect(directory.Path).Count > 0;
                }
                catch (StoreUnusableException)
                {
                    isFound = true;
                }

                File.WriteAllBytes(path, bytes);
                if (!isFound && !HoldsNothing(directory.Path, path, harm)) missed.Add($"{harm} {Path.GetRelativePath(directory.Path, path)}");
            }
        }

        Assert.True(missed.Count == 0, string.Join('\n', missed));
        Assert.Empty(Inspect(directory.Path));
    }

    [Theory]
    [InlineData("nodes")]
    [InlineData("shards")]
    [InlineData("shards/0000")]
    [InlineData("shards/0001")]
    [InlineData("shards/0000/epoch")]
    [InlineData("shards/0001/epoch")]
    public async Task A_lost_directory_is_found(string lost)
    {
        using var directory = new TempDirectory();
        await CreateStore(directory.Path);
        Directory.Delete(directory.File(lost), recursive: true);
        Assert.Contains(Inspect(directory.Path), finding => finding.Severity == Severity.Damage);
    }

    /// <summary>Where no finding is right, judged by the file as it was, and why.</summary>
    private static bool HoldsNothing(string data, string path, string harm)
    {
        var name = Path.GetFileName(path);
        // Locks are made anew when they are taken; the spare is the next log file, which holds no record of this place yet.
        if (name is "lock" or "spare") return true;
        if (!LogLayout.TryParseFileName(name, out var start)) return false;
        var directory = Path.GetDirectoryName(path)!;
        _ = LogId.TryParse(Path.GetFileName(directory), out var log);
        using var index = new LogIndex(PosixFileSystem.Instance, directory, log, isOwn: false);
        index.Scan();
        // A cut behind the last record takes zeros away that nothing was written to.
        var end = harm == "truncate" ? start + (new FileInfo(path).Length / 2) : start;
        var next = start + new FileInfo(path).Length;
        if (index.LastSequences(end, next).Count == 0) return true;
        // A file that both headers of all its shards cover may be freed at any time: without it the log looks as if it had been.
        var headers = new HeaderStore(PosixFileSystem.Instance, new StoreLayout(data), static (_, _) => true);
        return start == index.FileStarts()[0]
            && index.LastSequences(start, next).All(last => last.Value <= NodeStore.CoverageOf(headers.ListFiles(last.Key)).OlderSequence);
    }

    private static void Do(string harm, string path, byte[] bytes)
    {
        switch (harm)
        {
            case "delete":
                File.Delete(path);
                break;
            case "truncate":
                File.WriteAllBytes(path, bytes[..(bytes.Length / 2)]);
                break;
            default:
                // In a log the body of its first record: what stands in the middle of the file may be zeros that nothing was written to.
                var at = path.EndsWith(".wal", StringComparison.Ordinal) ? RecordHeader.SizeBytes + 1 : bytes.Length / 2;
                if (bytes.Length == 0) return;
                var damaged = bytes.ToArray();
                damaged[at] ^= 0x20;
                File.WriteAllBytes(path, damaged);
                break;
        }
    }

    private static List<Finding> Inspect(string data)
    {
        var findings = new List<Finding>();
        _ = StoreInspector.Inspect(PosixFileSystem.Instance, data, findings.Add, null);
        return findings;
    }

    /// <summary>Shard 0 with two headers and events behind them, shard 1 with events in logs of two processes alone, shard 2 empty.</summary>
    private static async Task CreateStore(string data)
    {
        for (var start = 0; start < 2; start++)
        {
            using var node = NodeStore.Open(Options(data), PosixFileSystem.Instance, TimeProvider.System);
            for (var number = 0; number < 3; number++)
            {
                using var shard = node.OpenShard(new ShardId(number), 0);
                foreach (var item in node.Log.Read(shard.Shard, shard.CoveredSequence.Next, node.Log.LastSequence(shard.Shard)))
                    shard.Replay(ChangeCodec.ReadBatch(item.Body.Span));
                if (number == 2) continue;
                for (var i = 0; i < 30; i++)
                {
                    await Put(node, shard, $"{start}-{i}");
                    if (number == 0 && i is 10 or 20) Checkpoint(node, shard);
                }
            }
        }
    }

    private static async Task Put(NodeStore node, ShardStore shard, string id)
    {
        var command = new PutEntity(new EntityKey("demo", id), CommandId.New(), "ann", null, default, [new Tag("x:1")], new Content("text/plain", new byte[3000]));
        while (true)
        {
            switch (shard.Prepare(command))
            {
                case PrepareResult.NeedsLoad:
                    shard.Loaded(shard.Load(command.Key));
                    break;
                // The clock, or the next log file, is not ready yet.
                case PrepareResult.NotNow:
                    await Task.Yield();
                    break;
                case PrepareResult.Accepted:
                    var batch = shard.TakeBatch()!;
                    await node.Log.AppendAsync(new LogAppend(shard.Shard, shard.Epoch, batch.Sequence, ChangeCodec.WriteBatch(batch)));
                    shard.Apply(batch);
                    return;
                case var other:
                    Assert.Fail($"{other}");
                    return;
            }
        }
    }

    private static void Checkpoint(NodeStore node, ShardStore shard)
    {
        if (shard.Shard.Value != 0) return;
        var plan = shard.Plan(force: true)!;
        var result = CheckpointWriter.Write(node, plan);
        CheckpointValidator.Validate(node, plan, result);
        node.Headers.Commit(result.Header);
        shard.Commit(node, result);
        node.Trim(result);
    }

    private static NodeStoreOptions Options(string data) => new()
    {
        DataDirectory = data, ShardCount = 3, CheckpointBytes = long.MaxValue,
        Log = new() { FileBytes = 64 * 1024, RecordBytesMax = 32 * 1024, IdleWatermark = TimeSpan.FromHours(1) },
    };
}
