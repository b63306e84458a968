using System.Collections.Immutable;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using EntityActors.Storage.Shards;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Reference;
using Xunit;

namespace EntityActors.Storage.Tests.Shards;

/// <summary>Random operations on the store and on a dictionary of histories: every answer must be the same.</summary>
public sealed class ShardStoreModelTests
{
    private static readonly AsOf Everything = new(Timestamp.MaxValue, Timestamp.MaxValue);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Answers_equal_a_reference_model_through_checkpoints_merges_and_reopening(int seed)
    {
        using var directory = new TempDirectory();
        var random = new Random(seed);
        using var driver = new ShardDriver(Options(directory.Path, random));
        var reference = new ReferenceStore();
        var moments = new List<Timestamp>();
        for (var step = 0; step < 1500; step++)
        {
            await Step(driver, reference, random);
            if (random.Next(20) == 0) moments.Add(Now(driver));
            if (random.Next(60) == 0) driver.Checkpoint(force: random.Next(2) == 0);
            if (random.Next(300) == 0) driver.Restart(driver.Store.Header is null ? 0 : random.Next(2));
            if (random.Next(400) == 0) driver.Reopen();
            if (step % 100 == 99) Compare(driver, reference, moments, random, $"seed {seed}, step {step}");
        }

        while (driver.Checkpoint(force: false)) { }
        driver.Reopen();
        Compare(driver, reference, moments, random, $"seed {seed}, at the end");
    }

    [Fact]
    public async Task A_command_id_takes_effect_once_also_after_a_checkpoint_and_reopening()
    {
        using var directory = new TempDirectory();
        using var driver = new ShardDriver(Options(directory.Path, new Random(1)));
        var command = Put("a", ["x:1"], "one");
        var first = Assert.IsType<PrepareResult.Accepted>(await driver.Execute(command)).Change;
        for (var i = 0; i < 3; i++)
        {
            var again = Assert.IsType<PrepareResult.Duplicate>(await driver.Execute(command));
            Assert.Equal((first.Revision, first.At, first.Sequence, true), (again.Revision, again.At, again.Sequence, again.IsDurable));
            var other = Assert.IsType<PrepareResult.Refused>(await driver.Execute(command with { Tags = [new Tag("y:2")] }));
            Assert.Equal(RefusalCode.CommandIdReused, other.Refusal.Code);
            Assert.True(driver.Checkpoint(force: true));
            driver.Reopen();
        }
    }

    [Fact]
    public async Task Header_counts_equal_what_the_segments_hold()
    {
        using var directory = new TempDirectory();
        var random = new Random(7);
        using var driver = new ShardDriver(Options(directory.Path, random));
        var reference = new ReferenceStore();
        for (var i = 0; i < 400; i++)
        {
            await Step(driver, reference, random);
            if (i % 40 == 39) Assert.True(driver.Checkpoint(force: true));
        }

        while (driver.Checkpoint(force: false)) { }
        var header = driver.Store.Header!;
        var states = reference.Keys.Select(key => reference.State(key, Everything)!).ToArray();
        Assert.Null(header.Problem());
        Assert.Equal(states.Length, header.EntityCount);
        Assert.Equal(states.Sum(state => state.Tags.Count), header.TagCount);
        Assert.Equal(states.Sum(state => state.Revision), header.ChangeCount);
    }

    [Fact]
    public async Task A_read_waits_for_changes_stamped_before_its_time()
    {
        using var directory = new TempDirectory();
        using var driver = new ShardDriver(Options(directory.Path, new Random(1)));
        await driver.Execute(Put("a", ["x:1"], null));
        var prepared = Assert.IsType<PrepareResult.Accepted>(await driver.Prepare(Put("b", ["x:1"], null))).Change;
        Assert.Equal(ReadReadiness.Ready, driver.Store.TryBeginRead(null, null, out var before));
        Assert.True(before.RecordedAt < prepared.RecordedAt);
        Assert.Equal(ReadReadiness.WaitForApply, driver.Store.TryBeginRead(null, prepared.RecordedAt, out _));
        await driver.Flush();
        Assert.Equal(ReadReadiness.Ready, driver.Store.TryBeginRead(null, prepared.RecordedAt, out var after));
        using var view = driver.Store.View();
        Assert.NotNull(view.Get(prepared.Key, after));
        Assert.Null(view.Get(prepared.Key, before));
    }

    [Fact]
    public async Task A_shard_that_starts_again_stamps_after_every_time_it_answered_for()
    {
        using var directory = new TempDirectory();
        using var driver = StandingStill(directory.Path);
        var first = Assert.IsType<PrepareResult.Accepted>(await driver.Execute(Put("a", ["x:1"], null))).Change;
        // Another node's clock is ahead: its query fixes a time that is still to come here.
        var ahead = first.RecordedAt.Plus(TimeSpan.FromMilliseconds(300));
        Assert.Equal(ReadReadiness.Ready, driver.Store.TryBeginRead(null, ahead, out _));
        driver.Restart();
        var second = Assert.IsType<PrepareResult.Accepted>(await driver.Execute(Put("a", ["x:2"], null))).Change;
        Assert.True(second.RecordedAt > ahead, $"{second.RecordedAt} was stamped after the answer for {ahead}");
    }

    [Fact]
    public async Task A_shard_that_goes_back_a_header_stamps_after_the_clock_of_the_newest()
    {
        using var directory = new TempDirectory();
        using var driver = StandingStill(directory.Path);
        await driver.Execute(Put("a", ["x:1"], null));
        Assert.True(driver.Checkpoint(force: true));
        await driver.Execute(Put("a", ["x:2"], null));
        Assert.Equal(ReadReadiness.Ready, driver.Store.TryBeginRead(null, driver.Store.Header!.Clock.Plus(TimeSpan.FromMilliseconds(300)), out _));
        // A refused command takes a stamp too; the header's clock is past all of them.
        for (var i = 0; i < 3; i++) Assert.IsType<PrepareResult.Refused>(await driver.Prepare(new DeleteEntity(Key("none"), CommandId.New(), "", null, default)));
        Assert.True(driver.Checkpoint(force: true));
        driver.Restart();
        Assert.Equal(ReadReadiness.Ready, driver.Store.TryBeginRead(null, null, out var answered));
        driver.Restart(generationsBack: 1);
        var change = Assert.IsType<PrepareResult.Accepted>(await driver.Execute(Put("a", ["x:3"], null))).Change;
        Assert.True(change.RecordedAt > answered.RecordedAt, $"{change.RecordedAt} was stamped after the answer for {answered.RecordedAt}");
    }

    [Fact]
    public async Task Going_back_a_header_and_forth_again_does_not_shorten_the_duplicate_window()
    {
        using var directory = new TempDirectory();
        var time = new SteppedTime();
        using var driver = StandingStill(directory.Path, time);
        await driver.Execute(Put("a", ["x:1"], null));
        Assert.True(driver.Checkpoint(force: true));
        await driver.Execute(Put("a", ["x:2"], null));
        time.Advance(TimeSpan.FromHours(1));
        Assert.True(driver.Checkpoint(force: true));

        // The newest header cannot be used for a while; what is stamped meanwhile must not look an hour old afterwards.
        driver.Restart(generationsBack: 1);
        var command = Put("b", ["x:3"], null);
        Assert.IsType<PrepareResult.Accepted>(await driver.Execute(command));
        driver.Restart();
        Assert.IsType<PrepareResult.Duplicate>(await driver.Prepare(command));
    }

    [Fact]
    public async Task Segments_stay_few_while_there_is_always_something_to_flush()
    {
        using var directory = new TempDirectory();
        var options = Options(directory.Path, new Random(1)) with { CheckpointBytes = 1, Merge = new MergePolicy { SegmentCountMax = 6 } };
        using var driver = new ShardDriver(options);
        var most = 0;
        for (var i = 0; i < 100; i++)
        {
            await driver.Execute(Put($"e{i % 7}", [$"x:{i}"], "content"));
            Assert.True(driver.Checkpoint(force: false));
            most = Math.Max(most, driver.Store.Statistics.SegmentCount);
        }

        Assert.InRange(most, 5, 6);
        Assert.True(driver.Store.Header!.Epoch == driver.Store.Epoch);
    }

    [Fact]
    public async Task A_page_of_history_ends_early_when_its_contents_are_large()
    {
        using var directory = new TempDirectory();
        using var driver = new ShardDriver(Options(directory.Path, new Random(1)) with { CheckpointBytes = long.MaxValue });
        for (var i = 0; i < 20; i++)
        {
            await driver.Execute(Put("a", ["x:1"], new string('c', 1000)));
            if (i is 5 or 12) Assert.True(driver.Checkpoint(force: true));
        }

        _ = driver.Store.TryBeginRead(null, null, out var asOf);
        using var view = driver.Store.View();
        var (revisions, pages) = (new List<long>(), 0);
        for (var more = true; more; pages++)
        {
            var page = view.History(Key("a"), null, null, revisions.LastOrDefault(), 100, 2500, asOf, out _, out more);
            Assert.InRange(page.Count, 1, 3);
            revisions.AddRange(page.Select(change => change.Revision));
        }

        Assert.Equal(7, pages);
        Assert.Equal(Enumerable.Range(1, 20).Select(revision => (long)revision), revisions);
    }

    /// <summary>Time moves only where the test says, under a reservation that lasts.</summary>
    private static ShardDriver StandingStill(string path, SteppedTime? time = null)
    {
        var options = Options(path, new Random(1));
        var log = options.Log with { ClockReservation = TimeSpan.FromHours(9), ClockRenewal = TimeSpan.FromHours(8) };
        return new ShardDriver(options with { Log = log }, files: null, time ?? new SteppedTime());
    }

    private static NodeStoreOptions Options(string path, Random random) => new()
    {
        DataDirectory = path,
        ShardCount = 1,
        CheckpointBytes = random.Next(4_000, 60_000),
        BlockCacheBytes = random.Next(2) == 0 ? 0 : 1 << 20,
        Log = new() { FileBytes = 1 << 20, RecordBytesMax = 1 << 19 },
    };

    private static async Task Step(ShardDriver driver, ReferenceStore reference, Random random)
    {
        var id = random.Next(4) == 0 ? "hot" : $"e{random.Next(60)}";
        EntityCommand command = random.Next(10) switch
        {
            < 4 => Put(id, [.. Enumerable.Range(0, random.Next(5)).Select(_ => $"t:{random.Next(6)}")],
                random.Next(3) == 0 ? null : new string((char)('a' + random.Next(26)), random.Next(300))),
            < 7 => new ChangeTags(Key(id), CommandId.New(), "bob", null, default, [new Tag($"t:{random.Next(6)}")], [new Tag($"t:{random.Next(6)}")]),
            7 => new DeleteEntity(Key(id), CommandId.New(), "bob", null, default),
            8 => new RestoreEntity(Key(id), CommandId.New(), "bob", null, default),
            _ => new PutContent(Key(id), CommandId.New(), "bob", null, default, new Content("text/plain", new byte[random.Next(50)])),
        };
        if (random.Next(8) == 0 && reference.State(Key(id), Everything) is { } state)
            command = command with { At = new Timestamp(state.UpdatedAt.Nanoseconds + 1 + random.Next(1000)) };
        if (await driver.Execute(command) is PrepareResult.Accepted accepted)
            reference.Apply(accepted.Change with { Sequence = driver.Store.Statistics.Sequence });
    }

    private static void Compare(ShardDriver driver, ReferenceStore reference, List<Timestamp> moments, Random random, string where)
    {
        Assert.Equal(ReadReadiness.Ready, driver.Store.TryBeginRead(null, null, out var now));
        using var view = driver.Store.View();
        var questions = new List<AsOf> { now };
        for (var i = 0; i < 4 && moments.Count > 0; i++)
        {
            var moment = moments[random.Next(moments.Count)];
            questions.Add(new AsOf(moment, now.RecordedAt));
            questions.Add(new AsOf(moment, moment));
        }

        foreach (var asOf in questions)
        {
            foreach (var key in reference.Keys)
            {
                var expected = reference.State(key, asOf);
                var actual = view.Get(key, asOf);
                Assert.True(expected?.Revision == actual?.Revision, $"{where}: {key} has revision {actual?.Revision}, not {expected?.Revision}");
                if (expected is null) continue;
                Assert.Equal(expected.Tags, actual!.Tags.Select(tag => tag.Text));
                Assert.Equal((expected.Lifecycle, expected.CreatedAt, expected.UpdatedAt), (actual.Lifecycle, actual.CreatedAt, actual.UpdatedAt));
                var content = view.ContentOf(actual);
                Assert.Equal(expected.Content?.ContentType, content?.ContentType);
                Assert.Equal(expected.Content?.Bytes.ToArray() ?? [], content?.Bytes.ToArray() ?? []);
                Assert.Equal(actual.Revision, view.GetByOrdinal(actual.Ordinal, asOf)!.Revision);
            }

            string[] tags = random.Next(3) switch { 0 => [], 1 => [$"t:{random.Next(6)}"], _ => [$"t:{random.Next(6)}", $"t:{random.Next(6)}"] };
            var lifecycle = random.Next(3) == 0 ? Lifecycle.Deleted : Lifecycle.Active;
            var query = new TagQuery("demo", [.. tags.Select(tag => new TagPattern(tag, false))], false, [], lifecycle);
            var found = new List<string>();
            foreach (var ordinal in view.Find(query, asOf).From(0)) found.Add(view.GetByOrdinal(ordinal, asOf)!.Key.Id);
            found.Sort(StringComparer.Ordinal);
            Assert.True(reference.Find("demo", tags, lifecycle, asOf).SequenceEqual(found), $"{where}: {string.Join('+', tags)} {lifecycle} {asOf}");
        }

        var hot = reference.History(Key("hot"), now);
        var history = view.History(Key("hot"), null, null, 0, 100_000, long.MaxValue, now, out var exists, out var hasMore);
        Assert.Equal((hot.Count > 0, false), (exists, hasMore));
        Assert.Equal(hot.Select(Describe), history.Select(Describe));
    }

    private static string Describe(Change change) =>
        $"{change.Revision}@{change.At}/{change.RecordedAt}#{change.Sequence} +{string.Join(',', change.Added)} -{string.Join(',', change.Removed)}"
        + $" {change.Lifecycle} {change.ContentRevision} {change.Content?.ContentType} {change.Content?.Bytes.Length} {change.CommandId}";

    private static Timestamp Now(ShardDriver driver)
    {
        _ = driver.Store.TryBeginRead(null, null, out var asOf);
        return asOf.RecordedAt;
    }

    private static EntityKey Key(string id) => new("demo", id);

    private static PutEntity Put(string id, ImmutableArray<string> tags, string? content) => new(Key(id), CommandId.New(), "ann", null, default,
        [.. tags.Select(tag => new Tag(tag))], content is null ? null : new Content("text/plain", System.Text.Encoding.UTF8.GetBytes(content)));
}
