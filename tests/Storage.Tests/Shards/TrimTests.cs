using EntityActors.Storage.Integrity;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using EntityActors.Storage.Shards;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Storage.Tests.Shards;

/// <summary>What was trimmed is gone for every read at once, everything else is as it was, and after the next merges no file holds a byte of it.</summary>
public sealed class TrimTests : IDisposable
{
    private static readonly EntityKey Busy = new("demo", "busy");
    private static readonly EntityKey Still = new("demo", "still");
    private static readonly EntityKey Other = new("other", "busy");

    private readonly DrawnSecrets _secrets = new(SeedSource.For(SeedSource.Next(), 22));
    private readonly TempDirectory _directory = new();
    private readonly SteppedTime _time = new();
    private readonly ShardDriver _driver;

    public TrimTests() => _driver = new ShardDriver(Options(), files: null, _time);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task No_file_holds_a_byte_of_what_was_trimmed_after_the_next_merges(bool checkpointBetween)
    {
        await WriteHistory(checkpointBetween, rounds: 4, secret: true);
        await Put(Busy, "t:kept");
        var before = Now();
        await Put(Busy, "t:last");
        Assert.NotEmpty(FilesWithSecrets());
        await Trim("demo", before.At, 1);
        Erase();
        for (var i = 0; i < 600 && FilesWithSecrets().Count > 0; i++)
        {
            if (_driver.Node.Purges.EraseLogs() is not null) Assert.True(_driver.Checkpoint(force: true));
            await Task.Delay(100);
        }

        Assert.Empty(FilesWithSecrets());
        _driver.Reopen();
        using (var view = _driver.Store.View())
        {
            Assert.Equal(6, view.Get(Busy, Now())!.Revision);
            Assert.Equal("t:kept", view.Get(Busy, before)!.Tags[0].Text);
            var history = view.History(Busy, null, null, 0, 100, long.MaxValue, Now(), out _, out _);
            Assert.Equal((5L, true, 2), (history[0].Revision, history[0].IsBase, history.Count));
        }

        _driver.Dispose();
        var findings = new List<Finding>();
        _ = StoreInspector.Inspect(PosixFileSystem.Instance, _directory.Path, findings.Add, null);
        Assert.DoesNotContain(findings, static finding => finding.Severity == Severity.Damage);
    }

    [Fact]
    public async Task A_trim_holds_for_every_read_at_once_and_through_every_start()
    {
        await WriteHistory(checkpointBetween: true, rounds: 3, secret: false);
        var past = Now();
        await Put(Busy, "t:base");
        var before = Now();
        await Put(Busy, "t:after");
        await Put(Other, "t:1");
        await Put(Other, "t:2");
        await Trim("demo", before.At, 1);
        foreach (var round in new[] { "in memory", "opened again", "flushed", "from an earlier header", "erased", "opened once more" })
        {
            if (round.StartsWith("opened", StringComparison.Ordinal)) _driver.Reopen();
            if (round == "flushed") Assert.True(_driver.Checkpoint(force: true));
            if (round == "from an earlier header") _driver.Restart(generationsBack: 1);
            if (round == "erased") Erase();
            Assert.Equal(before.At, _driver.Store.Trims["demo"].Before);
            using var view = _driver.Store.View();
            Assert.Equal(before.At, view.HorizonOf("demo"));
            Assert.Throws<HistoryTrimmedException>(() => view.Get(Busy, past));
            Assert.Throws<HistoryTrimmedException>(() => view.Find(new TagQuery("demo", [], false, [], null), past));
            Assert.Throws<HistoryTrimmedException>(() => view.Tags("demo", "", null, past));
            Assert.Throws<HistoryTrimmedException>(() => view.Datasets(null, past).Count());
            Assert.Throws<HistoryTrimmedException>(() => view.History(Busy, past.At, null, 0, 10, long.MaxValue, Now(), out _, out _));
            Assert.Equal((4, "t:base"), (view.Get(Busy, before)!.Revision, view.Get(Busy, before)!.Tags[0].Text));
            Assert.Equal(1, view.Get(Still, past)!.Revision);
            Assert.Equal(2, view.History(Other, null, null, 0, 10, long.MaxValue, Now(), out _, out _).Count);
            var history = view.History(Busy, null, null, 0, 10, long.MaxValue, Now(), out var exists, out var hasMore);
            Assert.Equal((true, false, 2), (exists, hasMore, history.Count));
            Assert.Equal((4L, "t:base", true), (history[0].Revision, Assert.Single(history[0].Added).Text, history[0].IsBase));
            Assert.Equal(view.Get(Still, Now())!.CreatedAt, view.Get(Still, past)!.CreatedAt);
            var limits = new ChangePageLimits(100, long.MaxValue, 100);
            Assert.Throws<CursorExpiredException>(() => view.ChangesAfter(past.RecordedAt, new ChangeFilter("demo", null), limits, Now().RecordedAt));
            Assert.Throws<CursorExpiredException>(() => view.ChangesAfter(past.RecordedAt, default, limits, Now().RecordedAt));
            Assert.Equal(2, view.ChangesAfter(default, new ChangeFilter("other", null), limits, Now().RecordedAt).Changes.Count);
            Assert.Equal(["t:after"], Assert.Single(view.ChangesAfter(before.RecordedAt, new ChangeFilter("demo", null), limits, Now().RecordedAt).Changes)
                .Added.Select(static tag => tag.Text));
        }

        Assert.Equal((3, 3), (_driver.Store.Statistics.EntityCount, _driver.Store.Statistics.TagCount));
        using var last = _driver.Store.View();
        Assert.Equal(["demo", "other"], last.Datasets(null, Now()).Select(static counted => counted.Dataset));
    }

    [Fact]
    public async Task Every_step_of_carrying_a_trim_out_answers_the_same()
    {
        await WriteHistory(checkpointBetween: true, rounds: 3, secret: false);
        Assert.True(_driver.Checkpoint(force: true));
        await _driver.Execute(new PutEntity(Still, CommandId.New(), "", null, default, [new Tag("t:x")], null) { Expiry = new Expiry(null, TimeSpan.FromDays(1)) });
        Assert.True(_driver.Checkpoint(force: true));
        await _driver.Execute(new DeleteEntity(Still, CommandId.New(), "", null, default));
        await Trim("demo", Now().At, 1);
        Assert.True(_driver.Checkpoint(force: true));
        _time.Advance(TimeSpan.FromSeconds(12));
        var before = Answers();
        Assert.Equal("t:0 t:1 t:2=0 t:still t:x=1; active 0; deleted 1; tags t:2 1; expired ", before);
        for (var steps = 0; ; steps++)
        {
            Assert.Equal(before, Answers());
            if (!_driver.Store.Header!.Erasure.IsUnderWay)
            {
                Assert.True(steps > 3, $"carried out in {steps} steps");
                return;
            }

            Assert.True(_driver.Checkpoint(force: true));
        }
    }

    /// <summary>What holds each tag, and more, as of now.</summary>
    private string Answers()
    {
        using var view = _driver.Store.View();
        var now = Now();
        var tags = new[] { "t:0", "t:1", "t:2", "t:still", "t:x" }.Select(tag =>
            string.Join("=", [tag, .. Found(new TagPattern(tag, false), null)]));
        return $"{string.Join(' ', tags)}; active {string.Join(' ', Found(null, Lifecycle.Active))}; deleted {string.Join(' ', Found(null, Lifecycle.Deleted))}; "
            + $"tags {string.Join(' ', view.Tags("demo", "", null, now).Select(static pair => $"{pair.Tag} {pair.Count}"))}; "
            + $"expired {string.Join(' ', view.FindExpired(default, now.At.Plus(TimeSpan.FromDays(2)), 10, now).Expired.Select(static head => head.Key))}";

        IEnumerable<uint> Found(TagPattern? tag, Lifecycle? lifecycle) =>
            view.Find(new TagQuery("demo", tag is { } pattern ? [pattern] : [], false, [], lifecycle), now).From(0);
    }

    [Fact]
    public async Task Another_owner_refuses_the_same()
    {
        await WriteHistory(checkpointBetween: true, rounds: 3, secret: false);
        var (past, before) = (Now(), Now());
        await Trim("demo", before.At, 1);
        _driver.Dispose();
        var options = Options() with { IsShared = true };
        using var first = new ShardDriver(options, files: null, _time);
        using var second = new ShardDriver(options, files: null, _time);
        Assert.Equal((before.At, before.At), (first.Store.Trims["demo"].Before, second.Store.Trims["demo"].Before));
        using var view = second.Store.View();
        Assert.Throws<HistoryTrimmedException>(() => view.Get(Busy, past with { At = new Timestamp(past.At.Nanoseconds - 1) }));
    }

    [Fact]
    public async Task A_dataset_of_which_nothing_is_left_of_a_moment_is_refused_and_not_left_out()
    {
        await Put(Other, "t:0");
        await Put(Busy, "kind:0");
        await Put(Busy, "kind:1");
        var past = Now();
        await Put(Busy, "t:2");
        Assert.True(_driver.Checkpoint(force: true));
        await Trim("demo", Now().At, 1);
        foreach (var round in new[] { "in memory", "erased", "opened again" })
        {
            if (round == "erased") Erase();
            if (round == "opened again") _driver.Reopen();
            using var view = _driver.Store.View();
            Assert.Throws<HistoryTrimmedException>(() => view.Datasets(null, past).Count());
            Assert.Throws<HistoryTrimmedException>(() => view.TagNames("demo", past).Count());
            Assert.Equal(["demo", "other"], view.Datasets(null, Now()).Select(static counted => counted.Dataset));
            Assert.Equal(["t"], view.TagNames("other", past));
        }
    }

    [Fact]
    public async Task What_would_go_is_what_goes_also_when_an_earlier_trim_kept_fewer_changes()
    {
        await WriteHistory(checkpointBetween: true, rounds: 5, secret: false);
        await Trim("demo", Now().At, 2);
        Erase();
        for (var i = 0; i < 3; i++)
        {
            await Put(Busy, $"more:{i}");
            Assert.True(_driver.Checkpoint(force: true));
        }

        // Eight changes, the first three gone: of the other five the newest four stay.
        foreach (var (keep, goes, all) in new[] { (4, 1, 5), (6, 0, 4) })
        {
            var now = Now();
            using (var view = _driver.Store.View())
                Assert.Equal(new TrimCount(goes, all), view.CountTrimmable(view.Get(Busy, now)!, new HistoryTrim("demo", now.At, keep, now.RecordedAt, 0)));
            await Trim("demo", now.At, keep);
            Assert.Equal([5L, 6L, 7L, 8L], Told(Busy).Select(static change => change.Revision));
            Erase();
            Assert.Equal([5L, 6L, 7L, 8L], Told(Busy).Select(static change => change.Revision));
        }
    }

    [Fact]
    public async Task A_segment_that_would_become_empty_goes_with_the_next()
    {
        for (var i = 0; i < 4; i++)
        {
            await Put(Busy, $"t:{i}");
            Assert.True(_driver.Checkpoint(force: true));
        }

        Assert.Equal(4, _driver.Store.Header!.Segments.Length);
        await Trim("demo", Now().At, 1);
        Erase();
        // The base, and what records the trim.
        Assert.InRange(_driver.Store.Header!.Segments.Length, 1, 2);
        Assert.True(Assert.Single(Told(Busy)).IsBase);
    }

    [Fact]
    public async Task One_trim_is_carried_out_before_the_next_and_no_horizon_goes_back()
    {
        await WriteHistory(checkpointBetween: false, rounds: 3, secret: false);
        var before = Now();
        Assert.Equal(RefusalCode.AtInFuture, await Refused("demo", before.At.Plus(TimeSpan.FromDays(1))));
        await Trim("demo", before.At, 1);
        await Put(Busy, "t:more");
        Assert.Equal(RefusalCode.PreconditionFailed, await Refused("demo", Now().At));
        Erase();
        Assert.Equal(RefusalCode.AtNotLater, await Refused("demo", before.At));
        await Trim("demo", Now().At, 1);
        var other = HistoryTrim.Command("demo", new ShardId(0), 1, Now().At, 1, CommandId.New(), "x") with { Tags = [new Tag("before:x")] };
        Assert.IsType<PrepareResult.Refused>(await _driver.Execute(other));
        Assert.IsType<PrepareResult.Refused>(await _driver.Execute(new PurgeEntity(other.Key, CommandId.New(), "x", default)));
    }

    [Fact]
    public async Task A_retry_of_a_trimmed_change_is_known_as_long_as_any_other()
    {
        var put = new PutEntity(Busy, CommandId.New(), "ann", null, default, [new Tag("t:1")], null);
        await _driver.Execute(put);
        await Put(Busy, "t:2");
        await Trim("demo", Now().At, 1);
        for (var i = 0; i < 3; i++) Assert.True(_driver.Checkpoint(force: true));
        _driver.Reopen();
        Assert.Equal(1, Assert.IsType<PrepareResult.Duplicate>(await _driver.Execute(put)).Revision);
    }

    [Fact]
    public async Task The_newest_changes_that_a_trim_shall_keep_stay()
    {
        await WriteHistory(checkpointBetween: true, rounds: 6, secret: false);
        await Trim("demo", Now().At, 3);
        for (var round = 0; round < 2; round++)
        {
            using var view = _driver.Store.View();
            var history = view.History(Busy, null, null, 0, 10, long.MaxValue, Now(), out _, out _);
            Assert.Equal([4L, 5L, 6L], history.Select(static change => change.Revision));
            Assert.Equal(5, view.Get(Busy, Now() with { At = history[1].At })!.Revision);
            if (round == 0) Erase();
        }
    }

    [Fact]
    public async Task Trims_of_one_dataset_do_not_wait_for_those_of_another()
    {
        await WriteHistory(checkpointBetween: false, rounds: 3, secret: false);
        await Put(Other, "t:1");
        await Put(Other, "t:2");
        await Trim("demo", Now().At, 1);
        Erase();
        await Trim("other", Now().At, 1);
        await Put(Busy, "t:more");
        await Trim("demo", Now().At, 1);
        Assert.True(_driver.Checkpoint(force: true));
        Assert.Equal(RefusalCode.PreconditionFailed, await Refused("other", Now().At));
        Erase();
        foreach (var key in new[] { Busy, Other }) Assert.Single(Told(key));
    }

    [Fact]
    public async Task A_dataset_with_a_name_of_one_character_is_trimmed()
    {
        var key = new EntityKey("d", "x");
        await Put(key, "t:0");
        await Put(key, "t:1");
        Assert.True(_driver.Checkpoint(force: true));
        await Trim("d", Now().At, 1);
        Erase();
        _driver.Reopen();
        Assert.True(Assert.Single(Told(key)).IsBase);
    }

    [Fact]
    public async Task Whoever_has_seen_the_last_change_before_a_horizon_follows_on_and_nobody_else_does()
    {
        await Put(Busy, "t:0");
        var behind = Now().RecordedAt;
        await Put(Busy, "t:1");
        var seen = Now().RecordedAt;
        await Put(Other, "t:other");
        // Nothing moves on who follows a quiet shard, however late it gets.
        _time.Advance(TimeSpan.FromHours(2));
        await Trim("demo", seen.Plus(TimeSpan.FromHours(1)), 1);
        foreach (var round in new[] { "in memory", "erased", "opened again" })
        {
            if (round == "erased") Erase();
            if (round == "opened again") _driver.Reopen();
            Assert.Empty(Follow(seen, "demo"));
            Assert.Equal(["t:other"], Follow(seen, null).SelectMany(static change => change.Added).Select(static tag => tag.Text));
            Assert.Throws<CursorExpiredException>(() => Follow(behind, "demo"));
            Assert.Throws<CursorExpiredException>(() => Follow(behind, null));
            Assert.Single(Follow(default, "other"));
        }

        await Put(Busy, "t:2");
        Assert.Equal(["t:2"], Assert.Single(Follow(seen, "demo")).Added.Select(static tag => tag.Text));
    }

    [Fact]
    public async Task What_records_trims_can_be_read_when_merges_have_left_out_the_earlier_ones()
    {
        using var directory = new TempDirectory();
        var options = Options() with { DataDirectory = directory.Path, Merge = new MergePolicy { RunCountMin = 2, RunCountMax = 60 } };
        using var driver = new ShardDriver(options, files: null, _time);
        AsOf now;
        for (var i = 0; i < 4; i++)
        {
            foreach (var tag in new[] { "t:0", "t:1" })
                Assert.IsType<PrepareResult.Accepted>(await driver.Execute(new PutEntity(Busy, CommandId.New(), "ann", null, default, [new Tag(tag)], null)));
            Assert.Equal(ReadReadiness.Ready, driver.Store.TryBeginRead(null, null, out now));
            Assert.IsType<PrepareResult.Accepted>(
                await driver.Execute(HistoryTrim.Command("demo", new ShardId(0), 1, now.At, 1, CommandId.New(), "retention")));
            driver.Checkpoint(force: true);
            _time.Advance(TimeSpan.FromSeconds(12));
            for (var k = 0; k < 30; k++) driver.Checkpoint(force: true);
        }

        Assert.Equal(ReadReadiness.Ready, driver.Store.TryBeginRead(null, null, out now));
        var key = HistoryTrim.KeyOf("demo", new ShardId(0), 1);
        using var view = driver.Store.View();
        Assert.Equal(4, view.Get(key, now)!.Revision);
        var history = view.History(key, null, null, 0, 100, long.MaxValue, now, out _, out _);
        Assert.Equal((4L, 4L), (history[^1].Revision, history[0].Revision + history.Count - 1));
        Assert.True(history[0].IsBase);
    }

    [Fact]
    public async Task A_header_keeps_its_trims_and_an_inspection_finds_what_contradicts_them()
    {
        await WriteHistory(checkpointBetween: true, rounds: 3, secret: false);
        Assert.True(_driver.Checkpoint(force: true));
        Assert.Equal(2, _driver.Store.Header!.Encode()[8]);
        await Trim("demo", Now().At, 1);
        Assert.True(_driver.Checkpoint(force: true));
        var bytes = _driver.Store.Header!.Encode();
        Assert.Equal(4, bytes[8]);
        Assert.Equal(bytes, ShardHeader.Decode(bytes, "header").Encode());
        for (var bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<CorruptDataException>(() => ShardHeader.Decode(bytes, "header"));
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        // The segment with the base is written anew, older ones are still to come.
        _time.Advance(TimeSpan.FromSeconds(12));
        while (!_driver.Store.Header.Segments.Any(HasBases)) Assert.True(_driver.Checkpoint(force: true));
        var header = _driver.Store.Header;
        Assert.Empty(Inspect(header));
        Assert.NotEmpty(Inspect(header with { Erasure = header.Erasure with { Trims = [header.Erasure.Trims[0] with { Pending = [] }] } }));
        Assert.NotEmpty(Inspect(header with { Erasure = header.Erasure with { Trims = [] } }));
        Erase();
        Assert.Empty(Inspect(_driver.Store.Header));
    }

    private IReadOnlyList<Change> Told(EntityKey key)
    {
        using var view = _driver.Store.View();
        return view.History(key, null, null, 0, 100, long.MaxValue, Now(), out _, out _);
    }

    private IReadOnlyList<Change> Follow(Timestamp after, string? dataset)
    {
        Assert.Equal(ReadReadiness.Ready, _driver.Store.TryBeginFeed(after, out var asOf));
        using var view = _driver.Store.View();
        return view.ChangesAfter(after, new ChangeFilter(dataset, null), new ChangePageLimits(100, long.MaxValue, 100), asOf.RecordedAt).Changes;
    }

    private async Task<RefusalCode> Refused(string dataset, Timestamp before) => Assert.IsType<PrepareResult.Refused>(await _driver.Execute(
        HistoryTrim.Command(dataset, new ShardId(0), 1, before, 1, CommandId.New(), "retention"))).Refusal.Code;

    private bool HasBases(SegmentInfo info)
    {
        using var segment = _driver.Node.OpenSegment(new ShardId(0), info);
        return segment.BasesByDataset().Count > 0;
    }

    private List<string> Inspect(ShardHeader header)
    {
        var (findings, trims) = (new List<string>(), new TrimInspector(header));
        var segments = header.Segments.Select(info => _driver.Node.OpenSegment(header.Shard, info)).ToList();
        foreach (var segment in segments) segment.Verify(findings.Add, trims.Add);
        TrimInspector.Inspect(header, segments, findings.Add);
        foreach (var segment in segments) segment.Dispose();
        return [.. findings, .. trims.Problems()];
    }

    public void Dispose()
    {
        _driver.Dispose();
        _directory.Dispose();
    }

    private NodeStoreOptions Options() => new()
    {
        DataDirectory = _directory.Path, ShardCount = 1, ErasureDelay = TimeSpan.FromHours(1), DuplicateWindow = TimeSpan.FromSeconds(10),
        // No merge but those that trims need, one segment after the other.
        Merge = new MergePolicy { RunCountMin = 50, RunCountMax = 60 },
        Log = new() { FileBytes = 1 << 20, RecordBytesMax = 1 << 19, ClockReservation = TimeSpan.FromHours(20), ClockRenewal = TimeSpan.FromHours(10) },
    };

    private AsOf Now()
    {
        Assert.Equal(ReadReadiness.Ready, _driver.Store.TryBeginRead(null, null, out var now));
        return now;
    }

    private async Task Trim(string dataset, Timestamp before, long keep)
    {
        var result = await _driver.Execute(HistoryTrim.Command(dataset, new ShardId(0), 1, before, keep, CommandId.New(), "retention"));
        Assert.True(result is PrepareResult.Accepted, $"{result}");
    }

    private void Erase()
    {
        Assert.True(_driver.Checkpoint(force: true));
        _time.Advance(TimeSpan.FromSeconds(12));
        for (var i = 0; _driver.Store.Header!.Erasure.IsUnderWay || !_driver.Store.IsErased; i++)
        {
            Assert.True(i < 100, "erasing does not end");
            Assert.True(_driver.Checkpoint(force: true));
        }
    }

    private async Task WriteHistory(bool checkpointBetween, int rounds, bool secret)
    {
        for (var i = 0; i < rounds; i++)
        {
            await Put(Busy, "t:" + (secret ? _secrets.Text() : $"{i}"), new Content("application/octet-stream", _secrets.Bytes()));
            if (i == 0) await Put(Still, "t:still");
            if (checkpointBetween && i < rounds - 1) Assert.True(_driver.Checkpoint(force: true));
        }
    }

    private async Task Put(EntityKey key, string tag, Content? content = null) =>
        Assert.IsType<PrepareResult.Accepted>(await _driver.Execute(new PutEntity(key, CommandId.New(), "ann", null, default, [new Tag(tag)], content)));

    private IReadOnlyList<string> FilesWithSecrets() => _secrets.FilesIn(_directory.Path);
}
