using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using EntityActors.Storage.Tests.Shards;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Storage.Tests.Blobs;

/// <summary>What a shard takes in and what its owner deletes: nothing that a change names, everything else.</summary>
public sealed class BlobCollectorTests : IDisposable
{
    private static readonly ShardId Shard = new(0);
    private static readonly EntityKey Key = new("docs", "a");
    private static readonly byte[] Bytes = BlobSamples.Bytes(1_000);

    private readonly TempDirectory _directory = new();
    private readonly ShardDriver _driver;

    public BlobCollectorTests()
    {
        _driver = new ShardDriver(Options());
    }

    public void Dispose()
    {
        _driver.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_blob_that_a_change_names_stays_through_checkpoints_merges_and_restarts()
    {
        var first = Write();
        Assert.IsType<PrepareResult.Accepted>(await _driver.Execute(Put(first)));
        var second = Write();
        Assert.IsType<PrepareResult.Accepted>(await _driver.Execute(Put(second)));
        Assert.IsType<PrepareResult.Accepted>(await _driver.Execute(new DeleteEntity(Key, CommandId.New(), "", null, default)));
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(0, Collect());
            Assert.True(_driver.Checkpoint(force: true));
            while (_driver.Checkpoint(force: false)) { }
            Assert.Equal(0, Collect());
            _driver.Reopen();
        }

        Assert.Equal(2, Listed().Count);
        using var view = _driver.Store.View();
        var everything = new AsOf(Timestamp.MaxValue, Timestamp.MaxValue);
        Assert.Equal(second, view.ContentOf(view.Get(Key, everything)!)!.Blob);
        Assert.Equal([first, second, null], view.History(Key, null, null, 0, 10, long.MaxValue, everything, out _, out _).Select(change => change.Content?.Blob));
    }

    [Fact]
    public async Task Blobs_that_only_trimmed_changes_name_go_once_the_trim_is_carried_out_and_no_others()
    {
        _driver.Dispose();
        var time = new SteppedTime();
        var options = Options() with
        {
            DuplicateWindow = TimeSpan.FromSeconds(1), Log = new() { ClockReservation = TimeSpan.FromHours(20), ClockRenewal = TimeSpan.FromHours(10) },
        };
        using var driver = new ShardDriver(options, files: null, time);
        var blobs = Enumerable.Range(0, 3).Select(_ => BlobSamples.Write(driver.Node.Blobs, Bytes, Shard, Key)).ToArray();
        foreach (var blob in blobs)
        {
            Assert.IsType<PrepareResult.Accepted>(await driver.Execute(Put(blob)));
            Assert.True(driver.Checkpoint(force: true));
        }

        // The base gets its content from an earlier change.
        Assert.IsType<PrepareResult.Accepted>(await driver.Execute(new ChangeTags(Key, CommandId.New(), "", null, default, [new Tag("t:1")], [])));
        var collector = new BlobCollector(driver.Node, TimeProvider.System, TimeSpan.Zero);
        Assert.Equal(0, collector.Run());
        Assert.Equal(ReadReadiness.Ready, driver.Store.TryBeginRead(null, null, out var now));
        Assert.IsType<PrepareResult.Accepted>(await driver.Execute(HistoryTrim.Command(Key.Dataset, Shard, 1, now.At, 1, CommandId.New(), "")));
        Assert.Equal(0, collector.Run());
        Assert.True(driver.Checkpoint(force: true));
        time.Advance(TimeSpan.FromSeconds(3));
        while (driver.Store.Header!.Erasure.IsUnderWay)
        {
            Assert.Equal(0, collector.Run());
            Assert.True(driver.Checkpoint(force: true));
        }

        Assert.Equal(2, collector.Run());
        Assert.Equal([blobs[2].Id], driver.Node.BlobFiles.List(Shard));
        using var view = driver.Store.View();
        Assert.Equal(blobs[2], view.ContentOf(view.Get(Key, now)!)!.Blob);
    }

    /// <remarks>The trim comes when the sweep has begun: the view that the blob is looked for in obeys it, and the segments still name the blob.</remarks>
    [Fact]
    public async Task A_trim_during_a_sweep_takes_no_blob_that_segments_still_name_and_holds_up_no_other_dataset()
    {
        var first = Write();
        Assert.IsType<PrepareResult.Accepted>(await _driver.Execute(Put(first)));
        var second = Write();
        Assert.IsType<PrepareResult.Accepted>(await _driver.Execute(Put(second)));
        Assert.True(_driver.Checkpoint(force: true));
        var other = new EntityKey("other", "a");
        var unnamed = BlobSamples.Write(_driver.Node.Blobs, Bytes, Shard, other);
        Assert.Equal(ReadReadiness.Ready, _driver.Store.TryBeginRead(null, null, out var now));
        var trim = HistoryTrim.Command(Key.Dataset, Shard, 1, now.At, 1, CommandId.New(), "");
        var time = new TimeOfSweep(() => ExecuteNow(trim));
        var collector = new BlobCollector(_driver.Node, time, TimeSpan.Zero);
        Assert.Equal(1, collector.Run());
        Assert.DoesNotContain(unnamed.Id, Listed());
        Assert.Equal(new HashSet<BlobId> { first.Id, second.Id }, Listed().ToHashSet());
        Assert.Equal(0, collector.Run());
        Assert.Equal(2, Listed().Count);
    }

    private void ExecuteNow(EntityCommand command) => Assert.IsType<PrepareResult.Accepted>(_driver.Execute(command).GetAwaiter().GetResult());

    /// <summary>Calls when a collector first asks for the time.</summary>
    private sealed class TimeOfSweep(Action first) : TimeProvider
    {
        private Action? _first = first;

        public override long GetTimestamp()
        {
            Interlocked.Exchange(ref _first, null)?.Invoke();
            return System.GetTimestamp();
        }
    }

    [Fact]
    public async Task A_purge_takes_the_blobs_of_its_entity_once_a_checkpoint_holds_it_and_no_others()
    {
        var other = new EntityKey("docs", "b");
        var (first, second) = (Write(), Write());
        Assert.IsType<PrepareResult.Accepted>(await _driver.Execute(Put(first)));
        Assert.IsType<PrepareResult.Accepted>(await _driver.Execute(Put(second)));
        var kept = BlobSamples.Write(_driver.Node.Blobs, Bytes, Shard, other);
        Assert.IsType<PrepareResult.Accepted>(await _driver.Execute(Put(kept, other)));
        Assert.True(_driver.Checkpoint(force: true));
        var collector = new BlobCollector(_driver.Node, TimeProvider.System, TimeSpan.FromHours(1));
        Assert.Equal(0, collector.Run());
        Assert.IsType<PrepareResult.Accepted>(await _driver.Execute(new PurgeEntity(Key, CommandId.New(), "", default)));
        Assert.False(_driver.Store.IsErased);
        while (_driver.Checkpoint(force: true) && _driver.Store.Blobs.Purged().Count == 0) { }
        Assert.Equal(2, collector.Run());
        Assert.Equal([kept.Id], Listed());
        Assert.Empty(_driver.Store.Blobs.Purged());
    }

    [Fact]
    public async Task A_purge_whose_owner_ended_before_it_took_the_blobs_leaves_them_for_the_next_one()
    {
        Assert.IsType<PrepareResult.Accepted>(await _driver.Execute(Put(Write())));
        Assert.IsType<PrepareResult.Accepted>(await _driver.Execute(new PurgeEntity(Key, CommandId.New(), "", default)));
        Assert.True(_driver.Checkpoint(force: true));
        _driver.Reopen();
        Assert.Equal(1, Collect());
        Assert.Empty(Listed());
    }

    [Fact]
    public void A_blob_that_nobody_names_goes_when_it_is_old_and_not_before()
    {
        var blob = Write();
        var time = new SteppedTime();
        var collector = new BlobCollector(_driver.Node, time, TimeSpan.FromHours(1));
        Assert.Equal(0, collector.Run());
        time.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal(0, collector.Run());
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(1, collector.Run());
        Assert.Empty(Listed());
        Assert.Equal(RefusalCode.BlobNotAccepted, Refused(_driver.Store.Prepare(Put(blob))));
    }

    [Fact]
    public async Task A_blob_on_its_way_stays_until_its_change_is_durable_and_visible()
    {
        var blob = Write();
        Assert.IsType<PrepareResult.Accepted>(await _driver.Prepare(Put(blob)));
        Assert.Equal(0, Collect());
        var batch = _driver.Store.TakeBatch()!;
        Assert.Equal(0, Collect());
        await _driver.Apply(batch);
        Assert.Equal(0, Collect());
        Assert.Single(Listed());
    }

    [Fact]
    public async Task The_blob_of_a_refused_command_and_of_a_repeated_one_go_at_once()
    {
        var kept = Write();
        var put = Put(kept);
        Assert.IsType<PrepareResult.Accepted>(await _driver.Execute(put));
        // The same request sent again brings its bytes once more, in another blob.
        Assert.IsType<PrepareResult.Duplicate>(await _driver.Execute(put with { Content = put.Content! with { Blob = Write() } }));
        Assert.IsType<PrepareResult.Duplicate>(await _driver.Execute(put));
        Assert.Equal(RefusalCode.PreconditionFailed, Refused(await _driver.Execute(Put(Write()) with { Condition = RevisionCondition.MustBe(9) })));
        Assert.Equal(RefusalCode.CommandIdReused, Refused(await _driver.Execute(put with { Content = new Content("x/y", default) { Blob = Write(5) } })));
        Assert.Equal(4, Listed().Count);
        Assert.Equal(3, new BlobCollector(_driver.Node, TimeProvider.System, TimeSpan.FromHours(1)).Run());
        Assert.Equal([kept.Id], Listed());
    }

    [Fact]
    public async Task Only_the_owner_of_its_epoch_takes_a_blob_in_and_an_earlier_owner_deletes_none_of_a_later_one()
    {
        var old = Write();
        var zombie = _driver.Store;
        using var successor = _driver.Node.OpenShard(Shard, 0);
        var blob = Write();
        Assert.Equal(zombie.Epoch.Next, blob.Id.Epoch);
        Assert.Equal(RefusalCode.BlobNotAccepted, Refused(successor.Prepare(Put(old))));
        Assert.Equal(RefusalCode.BlobNotAccepted, Refused(await _driver.Prepare(Put(blob))));
        Assert.False(zombie.Blobs.TryGiveUp(blob.Id));
        Assert.IsType<PrepareResult.Accepted>(successor.Prepare(Put(blob)));
        Assert.Equal(1, Collect());
        Assert.Equal([blob.Id], Listed());
    }

    [Fact]
    public void A_blob_that_was_given_up_is_not_taken_in()
    {
        var blob = Write();
        Assert.True(_driver.Store.Blobs.TryGiveUp(blob.Id));
        Assert.Equal(RefusalCode.BlobNotAccepted, Refused(_driver.Store.Prepare(Put(blob))));
        _driver.Store.Blobs.Forget(blob.Id);
        Assert.IsType<PrepareResult.Accepted>(_driver.Store.Prepare(Put(blob)));
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("short")]
    [InlineData("other length")]
    [InlineData("other entity")]
    [InlineData("header")]
    public void A_command_that_names_no_whole_blob_of_its_entity_is_refused(string what)
    {
        var blob = Write();
        var path = Path.Combine(_driver.Node.Layout.Blobs(Shard), blob.Id.FileName);
        var put = Put(blob);
        if (what == "missing") File.Delete(path);
        else if (what == "other length") put = Put(blob with { Length = 7 });
        else if (what == "other entity") put = put with { Key = new EntityKey("docs", "b") };
        else
        {
            using var file = File.OpenWrite(path);
            if (what == "short") file.SetLength(file.Length - 1);
            else file.WriteByte(1);
        }

        Assert.Equal(RefusalCode.BlobNotAccepted, Refused(_driver.Store.Prepare(put)));
        Assert.Equal(0, _driver.Store.FormingCount);
    }

    [Fact]
    public async Task Nothing_goes_when_the_history_that_may_name_it_cannot_be_read()
    {
        Assert.IsType<PrepareResult.Accepted>(await _driver.Execute(Put(Write())));
        Assert.True(_driver.Checkpoint(force: true));
        _driver.Reopen();
        _ = Write();
        foreach (var path in Directory.GetFiles(_directory.Path, "*.seg", SearchOption.AllDirectories))
        {
            // The data block and the parity that would rebuild it.
            using var file = File.OpenWrite(path);
            file.Position = 32;
            file.Write(new byte[400]);
        }

        Assert.Equal(0, Collect());
        Assert.Equal(2, Listed().Count);
    }

    private BlobReference Write(int length = 1_000) =>
        BlobSamples.Write(_driver.Node.Blobs, length == Bytes.Length ? Bytes : BlobSamples.Bytes(length), Shard, Key);

    private static PutEntity Put(BlobReference blob, EntityKey? key = null) =>
        new(key ?? Key, CommandId.New(), "", null, default, [], new Content("x/y", default) { Blob = blob });

    private int Collect() => new BlobCollector(_driver.Node, TimeProvider.System, TimeSpan.Zero).Run();

    private List<BlobId> Listed() => [.. _driver.Node.BlobFiles.List(Shard)];

    private static RefusalCode Refused(PrepareResult result) => Assert.IsType<PrepareResult.Refused>(result).Refusal.Code;

    private NodeStoreOptions Options() => new() { DataDirectory = _directory.Path, ShardCount = 1 };
}
