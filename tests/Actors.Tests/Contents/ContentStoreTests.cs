using EntityActors.Actors.Client;
using EntityActors.Actors.Contents;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Shards;
using EntityActors.Actors.Tests.Hosting;
using EntityActors.Storage.Blobs;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared.Faults;
using Akka.Actor;
using Akka.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EntityActors.Actors.Tests.Contents;

/// <summary>Streams into and out of a whole node: what becomes of an upload when its shard gets another owner, the disk fails, or the caller stops.</summary>
public sealed class ContentStoreTests : IDisposable
{
    private static readonly EntityKey Key = new("docs", "a");
    private readonly string _directory = Directory.CreateTempSubdirectory("entityactors-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task An_upload_whose_shard_gets_another_owner_is_stored_once_under_the_next_one()
    {
        await using var node = await StartAsync();
        var bytes = Bytes(3_000_000);
        // Once before the blob has its name, and once after: then the first command is refused by the next owner.
        foreach (var when in new[] { 0, 1 })
        {
            var blobs = new TakenOver(node.Files.Blobs, when, () => RestartShardAsync(node).GetAwaiter().GetResult());
            var result = await ContentsOver(node, blobs).PutAsync(Upload(), new MemoryStream(bytes), bytes.Length, default);
            Assert.Equal(when + 2, Assert.IsType<CommandResult.Committed>(result).Commit.Revision);
            Assert.Equal(when + 1, blobs.PublishCount);
            Assert.Equal(bytes, await ReadAsync(node));
        }
    }

    [Fact]
    public async Task Contents_stay_through_checkpoints_and_restarts_of_the_node()
    {
        var bytes = Bytes(2_000_000);
        await using (var node = await StartAsync())
        {
            Assert.IsType<CommandResult.Committed>(await Contents(node).PutAsync(Upload(), new MemoryStream(bytes), null, default));
            for (var i = 0; i < 3; i++) Assert.True((await node.Store.CheckpointAsync(ShardOf(node), default)).Committed);
            Assert.Equal(bytes, await ReadAsync(node));
        }

        await using var again = await TestNode.StartAsync(_directory);
        Assert.Equal(bytes, await ReadAsync(again));
    }

    [Fact]
    public async Task A_full_disk_is_said_and_leaves_nothing()
    {
        var files = new HookedFileSystem(PosixFileSystem.Instance);
        await using var node = await StartAsync(options => options with { Files = files });
        files.Before = (call, path) =>
        {
            if (call == FileCall.Write && path.Contains("uploads", StringComparison.Ordinal)) throw HookedFileSystem.Failure(path, 28);
        };
        var full = await Assert.ThrowsAsync<StoreUnavailableException>(
            () => Contents(node).PutAsync(Upload(), new MemoryStream(Bytes(2_000_000)), null, default));
        Assert.True(full.IsStorageFull);
        files.Before = null;
        Assert.Equal(["lock"], UploadNames());
        Assert.IsType<CommandResult.Committed>(await Contents(node).PutAsync(Upload(), new MemoryStream(Bytes(2_000_000)), null, default));
    }

    [Fact]
    public async Task More_uploads_than_may_be_are_refused_and_give_their_place_back()
    {
        await using var node = await StartAsync(options => options with { HoconTexts = [.. options.HoconTexts, "entityactors.contents.upload-count-max = 2"] });
        using var stop = new CancellationTokenSource();
        var held = Enumerable.Range(0, 2).Select(_ => Contents(node).PutAsync(Upload(), new EndlessStream(), 500_000_000, stop.Token)).ToList();
        await Assert.ThrowsAsync<StoreBusyException>(() => Contents(node).PutAsync(Upload(), new MemoryStream(Bytes(2_000_000)), null, default));
        await stop.CancelAsync();
        foreach (var one in held) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => one);
        Assert.Equal(["lock"], UploadNames());
        Assert.IsType<CommandResult.Committed>(await Contents(node).PutAsync(Upload(), new MemoryStream(Bytes(2_000_000)), null, default));
    }

    [Fact]
    public async Task More_than_may_be_is_refused_when_it_has_come_that_far()
    {
        await using var node = await StartAsync();
        var result = await Contents(node).PutAsync(Upload(), new EndlessStream(), length: null, default);
        Assert.Equal(RefusalCode.ContentTooLarge, Assert.IsType<CommandResult.Refused>(result).Refusal.Code);
    }

    [Fact]
    public async Task A_stream_seeks_as_any_stream_does()
    {
        await using var node = await StartAsync();
        var bytes = Bytes(1_500_000);
        Assert.IsType<CommandResult.Committed>(await Contents(node).PutAsync(Upload(), new MemoryStream(bytes), null, default));
        await using var stream = await Contents(node).OpenAsync((await node.Store.GetAsync(Key, null, true, default))!);
        var (random, buffer) = (new Random(3), new byte[200_000]);
        for (var i = 0; i < 50; i++)
        {
            var offset = random.Next(bytes.Length);
            stream.Seek(offset, SeekOrigin.Begin);
            var count = await stream.ReadAtLeastAsync(buffer, random.Next(1, buffer.Length), throwOnEndOfStream: false);
            Assert.True(bytes.AsSpan(offset, count).SequenceEqual(buffer.AsSpan(0, count)), $"{count} bytes at {offset}");
        }

        Assert.Equal((1_500_000, 0), (stream.Seek(0, SeekOrigin.End), await stream.ReadAsync(buffer)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_running_node_finds_damaged_and_missing_blobs_in_memory_and_in_segments(bool isCheckpointed)
    {
        await using var node = await StartAsync();
        var shard = ShardOf(node);
        for (var i = 0; i < 2; i++)
            Assert.IsType<CommandResult.Committed>(await Contents(node).PutAsync(Upload(), new MemoryStream(Bytes(2_000_000 + i)), null, default));
        if (isCheckpointed) Assert.True((await node.Store.CheckpointAsync(shard, default)).Committed);
        Assert.Empty((await node.Store.VerifyAsync(shard, repair: false, default)).Findings);
        var paths = Directory.GetFiles(_directory, "*.blob", SearchOption.AllDirectories);
        await using (var file = File.OpenWrite(paths[0]))
        {
            file.Position = 1_000_000;
            file.Write(new byte[100]);
        }

        File.Delete(paths[1]);
        var findings = (await node.Store.VerifyAsync(shard, repair: false, default)).Findings;
        Assert.Equal(2, findings.Length);
        Assert.All(paths, path => Assert.Single(findings, finding => finding.Contains(path, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Blobs_that_no_change_names_go_while_the_node_runs()
    {
        await using var node = await StartAsync(options => options with { HoconTexts = [.. options.HoconTexts, "entityactors.contents.sweep-interval = 50ms"] });
        Assert.IsType<CommandResult.Committed>(await Contents(node).PutAsync(Upload(), new MemoryStream(Bytes(2_000_000)), null, default));
        var refused = await Contents(node).PutAsync(Upload() with { Condition = RevisionCondition.MustBe(9) }, new MemoryStream(Bytes(3_000_000)), null, default);
        Assert.Equal(RefusalCode.PreconditionFailed, Assert.IsType<CommandResult.Refused>(refused).Refusal.Code);
        await Eventually.HoldsAsync(() => Directory.GetFiles(_directory, "*.blob", SearchOption.AllDirectories).Length == 1, () => "the blob of a refused command stays");
        Assert.Equal(Bytes(2_000_000), await ReadAsync(node));
    }

    private async Task<TestNode> StartAsync(Func<EntityActorsOptions, EntityActorsOptions>? change = null)
    {
        var node = await TestNode.StartAsync(_directory, change);
        Assert.IsType<CommandResult.Committed>(await node.Store.ExecuteAsync(new PutEntity(Key, CommandId.New(), "", null, default, [], null), default));
        return node;
    }

    private static async Task RestartShardAsync(TestNode node)
    {
        var shard = ShardOf(node);
        var before = (await node.Store.ShardAsync(shard, default)).Epoch;
        (await node.Services.GetRequiredService<ActorRegistry>().GetAsync<StoreRegion>()).Tell(new RestartShard(shard));
        await Eventually.HoldsAsync(async () => (await node.Store.ShardAsync(shard, default)).Epoch > before, () => "the shard did not start again");
    }

    private static ContentStore ContentsOver(TestNode node, IBlobStore blobs) => new(node.Store, blobs, DispatcherWork.Blobs(node.System), new ContentLimits(),
        ClientLimits.Default, TimeProvider.System, (_, damage) => throw damage);

    private static IContentStore Contents(TestNode node) => node.Services.GetRequiredService<IContentStore>();

    private static ShardId ShardOf(TestNode node) => Key.ShardOf(node.Store.ShardCount);

    private static async Task<byte[]> ReadAsync(TestNode node)
    {
        await using var stream = await Contents(node).OpenAsync((await node.Store.GetAsync(Key, null, true, default))!);
        using var bytes = new MemoryStream();
        await stream.CopyToAsync(bytes);
        return bytes.ToArray();
    }

    private string[] UploadNames() => [.. Directory.GetFiles(Path.Combine(_directory, "uploads"), "*", SearchOption.AllDirectories).Select(path => Path.GetFileName(path)!)];

    private static ContentUpload Upload() => new(Key, CommandId.New(), "", default, "x/y");

    private static byte[] Bytes(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    /// <summary>A store of blobs whose shard gets another owner at a certain publication: before it (0) or after it (1).</summary>
    private sealed class TakenOver(IBlobStore inner, int when, Action takeOver) : IBlobStore
    {
        private int When { get; } = when;

        public int PublishCount { get; private set; }

        public IBlobUpload Begin(ShardId shard, EntityKey key) => new Upload(this, inner.Begin(shard, key));

        public IBlobReader Open(ShardId shard, EntityKey key, BlobReference blob) => inner.Open(shard, key, blob);

        public int DeleteOf(ShardId shard, IReadOnlySet<EntityKey> keys) => inner.DeleteOf(shard, keys);

        private sealed class Upload(TakenOver owner, IBlobUpload inner) : IBlobUpload
        {
            public long Length => inner.Length;

            public Memory<byte> Free => inner.Free;

            public void Advance(int count) => inner.Advance(count);

            public void Flush() => inner.Flush();

            public void Finish() => inner.Finish();

            public BlobReference Publish()
            {
                var isFirst = owner.PublishCount++ == 0;
                if (isFirst && owner.When == 0) owner.TakeOver();
                var blob = inner.Publish();
                if (isFirst && owner.When == 1) owner.TakeOver();
                return blob;
            }

            public void Dispose() => inner.Dispose();
        }

        private void TakeOver() => takeOver();
    }

    /// <summary>Zeros without end.</summary>
    private sealed class EndlessStream : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (cancellationToken.IsCancellationRequested) return ValueTask.FromCanceled<int>(cancellationToken);
            buffer.Span.Clear();
            return ValueTask.FromResult(buffer.Length);
        }
    }
}
