using EntityActors.Storage.Format;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using EntityActors.Storage.Shards;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Reference;
using Xunit;

namespace EntityActors.Storage.Tests.Shards;

/// <summary>One shard under random options does random things; a dictionary of histories says what every answer must be.</summary>
/// <remarks>
/// Commands are prepared, taken and applied at different times, a checkpoint's three steps lie apart, and restarts lose what was in
/// flight, so that every order of these meets every other.
/// </remarks>
internal sealed class RandomShard : IDisposable
{
    private static readonly TimeSpan Reservation = TimeSpan.FromHours(20);

    private readonly Random _random;
    private readonly NodeStoreOptions _options;
    private readonly SteppedTime _time = new();
    private readonly int _restartOneIn;
    private readonly ShardDriver _driver;
    private readonly RandomCommands _commands;
    private readonly RandomAnswers _answers;
    private readonly RandomTransactions _transactions;
    private readonly ReferenceStore _applied = new();
    private readonly Dictionary<EntityKey, EntityHead> _appliedHeads = [];
    private readonly Queue<ChangeBatch> _taken = new();
    private readonly List<Sent> _sent = [];
    private Dictionary<EntityKey, EntityHead> _heads = [];
    private CheckpointPlan? _plan;
    private CheckpointResult? _result;

    public RandomShard(long seed, string directory)
    {
        _random = SeedSource.For(seed, 0);
        _options = RandomOptions(directory, _random);
        _restartOneIn = Pick(_random, 1, 10, 100);
        _driver = new ShardDriver(_options, files: null, _time) { ClockStalled = RenewClock };
        _commands = new RandomCommands(_random, _options.Limits.ContentBytesMax);
        _transactions = new RandomTransactions(_random, _commands, _options.Limits);
        _answers = new RandomAnswers(_random, _commands, _applied);
    }

    // An accepted command, as its sender remembers it.
    private sealed record Sent(EntityCommand Command, Change Change, long Ticks);

    /// <summary>Most segments the shard ever had.</summary>
    public int SegmentCountMax { get; private set; }

    public long Accepted { get; private set; }

    public long Duplicates { get; private set; }

    public long Merges { get; private set; }

    public int Trims => _applied.TrimCount;

    public int Purges => _applied.Purged.Count;

    public async Task Run(int stepsMax)
    {
        var steps = _random.Next(stepsMax / 10, stepsMax);
        for (var step = 0; step < steps; step++)
        {
            await Step();
            Ask();
            if (_random.Next(100) == 0) CompareAll();
        }

        await ApplyAll();
        EndCheckpoint(commit: true);
        while (_driver.Checkpoint(force: false)) { }
        _driver.Reopen();
        CompareAll();
        // Past the duplicate window, which trims wait for.
        _time.Advance(_options.DuplicateWindow + TimeSpan.FromSeconds(2));
        while (_driver.Checkpoint(force: true) && _driver.Store.Header!.Erasure.IsUnderWay) CompareAll();
        Assert.True(_driver.Store.IsErased, "purged entities or trimmed history stay");
        CompareAll();
    }

    public void Dispose() => _driver.Dispose();

    private static NodeStoreOptions RandomOptions(string directory, Random random)
    {
        var checkpointBytes = random.Next(2_000, 120_000);
        return new NodeStoreOptions
        {
            DataDirectory = directory,
            ShardCount = 1,
            CheckpointBytes = checkpointBytes,
            MemtableBytesMax = checkpointBytes * random.Next(2, 9),
            BlockCacheBytes = Pick(random, 0, 20_000, 1 << 20),
            FeedWindowChangesMax = Pick(random, 1, 7, 50, 65_536),
            Segments = new SegmentOptions { BlockBytes = Pick(random, 64, 400, 3000, 16_384), BloomBitsPerKey = Pick(random, 1, 10) },
            ErasureDelay = TimeSpan.FromSeconds(Pick(random, 0, 30)),
            Merge = new MergePolicy { RunCountMin = random.Next(2, 5), RunCountMax = random.Next(5, 17), SmallBytes = Pick(random, 1, 256 * 1024) },
            BatchChangesMax = Pick(random, 1, 3, 1024),
            BatchBytesMax = Pick(random, 1, 1000, 1024 * 1024),
            RecentCommandCountMax = Pick(random, 30, 1_000_000),
            DuplicateWindow = TimeSpan.FromSeconds(Pick(random, 5, 60, 600)),
            Limits = new EntityLimits { TagCountMax = Pick(random, 3, 8, 1000), ContentBytesMax = Pick(random, 50, 40_000) },
            Log = new()
            {
                FileBytes = 1 << 23, RecordBytesMax = 1 << 19,
                // Renewed when a log is opened and never again, so that no timer plays a part and a seed replays.
                ClockReservation = Reservation, ClockRenewal = Reservation / 2,
            },
        };
    }

    private static T Pick<T>(Random random, params T[] choices) => choices[random.Next(choices.Length)];

    private async Task Step()
    {
        _time.Advance(TimeSpan.FromMicroseconds(_random.Next(2) * _random.Next(300)));
        switch (_random.Next(100))
        {
            case < 51:
                await SendNew();
                break;
            case 51:
                if (_random.Next(3) == 0) await SendTrim();
                break;
            case < 58:
                await SendTransaction(_transactions.New(_heads));
                break;
            case < 60:
                await SendTransactionAgain();
                break;
            case < 70:
                await SendAgain();
                break;
            case < 76:
                Take();
                break;
            case < 86:
                await ApplyOldest();
                break;
            case < 96:
                CheckpointStep();
                break;
            case 96:
                _time.Advance(TimeSpan.FromSeconds(_random.Next(90)));
                break;
            case 97:
                if (_random.Next(3) == 0) _time.StepWall(TimeSpan.FromSeconds(_random.Next(-100, 10)));
                break;
            default:
                if (_random.Next(_restartOneIn) == 0) Restart();
                break;
        }
    }

    private async Task SendNew()
    {
        var key = _commands.Key();
        await Send(_commands.Command(key, _heads.GetValueOrDefault(key)));
    }

    private async Task SendTrim()
    {
        Assert.Equal(ReadReadiness.Ready, _driver.Store.TryBeginRead(null, null, out var now));
        if (now.RecordedAt.Nanoseconds == 0) return;
        var before = _answers.RandomMoment() is { } moment && moment < now.RecordedAt ? moment : now.RecordedAt;
        var command = _commands.Trim(before);
        var result = await Prepare(command);
        if (result is PrepareResult.Refused { Refusal: { Code: RefusalCode.PreconditionFailed or RefusalCode.AtNotLater } refusal })
            Assert.Equal(refusal.ActualRevision, _heads[command.Key].Revision);
        else Check(command, result);
    }

    private async Task SendAgain()
    {
        if (_sent.Count == 0) return;
        var index = _random.Next(3) == 0 ? _sent.Count - 1 - _random.Next(Math.Min(5, _sent.Count)) : _random.Next(_sent.Count);
        var first = _sent[index];
        var isOther = _random.Next(5) == 0;
        var command = isOther ? first.Command with { Condition = RevisionCondition.MustBe(4711) } : first.Command;
        var isWithin = _time.GetTimestamp() - first.Ticks <= _options.DuplicateWindow.Ticks;
        var result = await Prepare(command);
        switch (result)
        {
            case PrepareResult.Duplicate duplicate:
                Assert.False(isOther, "another body was taken for a retry");
                var isApplied = _driver.Store.Statistics.Sequence >= first.Change.Sequence;
                Assert.Equal((first.Change.Revision, first.Change.At, first.Change.Sequence, isApplied),
                    (duplicate.Revision, duplicate.At, duplicate.Sequence, duplicate.IsDurable));
                Duplicates++;
                break;
            case PrepareResult.Refused { Refusal.Code: RefusalCode.CommandIdReused }:
                Assert.True(isOther, "a retry was taken for another body");
                break;
            case PrepareResult.Refused { Refusal.Code: RefusalCode.Purged } when first.Command is not PurgeEntity:
                // Its id went with the change.
                Assert.Equal(Lifecycle.Purged, _heads[command.Key].Lifecycle);
                break;
            case PrepareResult.Refused when command.Key.Dataset == HistoryTrim.StoredIn && !isWithin:
                // A trim as old as its horizon is.
                break;
            case var other:
                Assert.False(isWithin, $"a retry of {first.Command} within the window became {other}");
                if (other is PrepareResult.Accepted) _sent.RemoveAt(index);
                Check(command, other);
                break;
        }
    }

    private async Task SendTransaction(EntityTransaction transaction)
    {
        var result = await Prepare(() => _driver.Prepare(transaction, flushWhenFull: false));
        foreach (var (change, after) in _transactions.Check(transaction, result, _heads, _time.GetTimestamp()))
        {
            Assert.True(change.RecordedAt > _answers.AnsweredMax, "a change slipped under a time that was answered already");
            _heads[change.Key] = after;
            Accepted++;
        }
    }

    private async Task SendTransactionAgain()
    {
        if (_transactions.Again(_time.GetTimestamp(), _options.DuplicateWindow.Ticks, out var isOther, out var isWithin) is not { } transaction) return;
        // Outside the window it is a new transaction; the test sends that one no further.
        if (!isWithin) return;
        switch (await Prepare(() => _driver.Prepare(transaction, flushWhenFull: false)))
        {
            case PrepareResult.TransactionDuplicate duplicate:
                Assert.False(isOther, "another transaction was taken for a retry");
                _transactions.CheckDuplicate(transaction, duplicate);
                Duplicates++;
                break;
            case PrepareResult.TransactionRefused { Refusal.Code: RefusalCode.CommandIdReused }:
                Assert.True(isOther, "a retry was taken for another transaction");
                break;
            case PrepareResult.TransactionRefused { Refusal.Code: RefusalCode.Purged } refused:
                Assert.Equal(Lifecycle.Purged, _heads[transaction.Operations[refused.Operation].Key].Lifecycle);
                break;
            case var other:
                Assert.Fail($"a retry of {transaction} became {other}");
                break;
        }
    }

    private async Task Send(EntityCommand command) => Check(command, await Prepare(command));

    private Task<PrepareResult> Prepare(EntityCommand command) => Prepare(() => _driver.Prepare(command, flushWhenFull: false));

    private async Task<PrepareResult> Prepare(Func<Task<PrepareResult>> prepare)
    {
        while (true)
        {
            var result = await prepare();
            if (result is PrepareResult.NotNow { Reason: NotNowReason.BatchFull }) Take();
            // A real timer prepares the next log file; the files are so large that it is in time, or the seed would not replay.
            else if (result is PrepareResult.NotNow { Reason: NotNowReason.LogBusy }) await ApplyAll();
            else return result;
        }
    }

    private void Check(EntityCommand command, PrepareResult result)
    {
        var head = _heads.GetValueOrDefault(command.Key);
        switch (result)
        {
            case PrepareResult.Accepted { Change: var change }:
                var expected = Assert.IsType<Decision.Accepted>(EntityRules.Decide(head, command, change.Sequence, change.RecordedAt,
                    change.ElapsedSeconds, (uint)_heads.Count, _options.Limits));
                Assert.Equal(Bytes(expected.Change), Bytes(change));
                Assert.True(change.RecordedAt > _answers.AnsweredMax, "a change slipped under a time that was answered already");
                _heads[command.Key] = expected.After;
                _sent.Add(new Sent(command, change, _time.GetTimestamp()));
                Accepted++;
                break;
            case PrepareResult.Refused { Refusal.Code: RefusalCode.AtInFuture }:
                Assert.NotNull(command.At);
                break;
            case PrepareResult.Refused { Refusal: var refusal }:
                var other = EntityRules.Decide(head, command, default, Timestamp.MaxValue, 0, 0, _options.Limits);
                Assert.Equal((refusal.Code, head?.Revision ?? 0), (Assert.IsType<Decision.Refused>(other).Refusal.Code, refusal.ActualRevision));
                break;
            case PrepareResult.NotNow { Reason: NotNowReason.MemtableFull }:
                Assert.True(_driver.Store.Statistics.MemtableBytes >= _options.MemtableBytesMax);
                EndCheckpoint(commit: true);
                Assert.True(_driver.Checkpoint(force: true));
                break;
            case PrepareResult.NotNow { Reason: NotNowReason.TooManyRecentCommands }:
                Assert.True(head!.Revision >= _options.RecentCommandCountMax);
                break;
            default:
                Assert.Fail($"{command} became {result}");
                break;
        }
    }

    private void Take()
    {
        if (_driver.Store.TakeBatch() is { } batch) _taken.Enqueue(batch);
    }

    private async Task ApplyOldest()
    {
        if (!_taken.TryDequeue(out var batch)) return;
        await _driver.Apply(batch);
        Assert.All(batch.Changes, change => Assert.Equal(batch.Sequence, change.Sequence));
        foreach (var change in batch.Changes)
        {
            _applied.Apply(change);
            _appliedHeads[change.Key] = EntityHead.Apply(_appliedHeads.GetValueOrDefault(change.Key), change);
        }
    }

    private async Task ApplyAll()
    {
        Take();
        while (_taken.Count > 0) await ApplyOldest();
    }

    private void CheckpointStep()
    {
        if (_plan is null)
        {
            _plan = _driver.Store.Plan(force: _random.Next(3) == 0);
        }
        else if (_result is null)
        {
            if (_random.Next(8) == 0) EndCheckpoint(commit: false);
            else WriteCheckpoint();
        }
        else
        {
            EndCheckpoint(commit: _random.Next(6) != 0);
        }
    }

    private void WriteCheckpoint()
    {
        _result = CheckpointWriter.Write(_driver.Node, _plan!);
        CheckpointValidator.Validate(_driver.Node, _plan!, _result);
    }

    private void EndCheckpoint(bool commit)
    {
        if (_plan is null) return;
        if (!commit)
        {
            _driver.Store.Restore(_plan);
        }
        else
        {
            if (_result is null) WriteCheckpoint();
            _driver.Node.Headers.Commit(_result!.Header);
            if (_plan.Kind == CheckpointKind.Merge) Merges++;
            if (_random.Next(10 * _restartOneIn) == 0)
            {
                // The process ends between the header's commit and its adoption.
                Restart();
                return;
            }

            _driver.Store.Commit(_driver.Node, _result);
            if (_random.Next(5) != 0) _driver.Node.Trim(_result);
            SegmentCountMax = Math.Max(SegmentCountMax, _driver.Store.Statistics.SegmentCount);
        }

        (_plan, _result) = (null, null);
    }

    private void Restart()
    {
        (_plan, _result) = (null, null);
        _taken.Clear();
        _heads = new Dictionary<EntityKey, EntityHead>(_appliedHeads);
        var last = _driver.Store.Statistics.Sequence;
        _sent.RemoveAll(sent => sent.Change.Sequence > last);
        _transactions.ForgetAfter(last);
        if (_random.Next(4) == 0)
        {
            _driver.Reopen();
            // A successor starts where its predecessor's reservation ends; half of them see the clock get there.
            if (_random.Next(2) == 0) _time.StepWall(Reservation);
        }
        else
        {
            _driver.Restart(_driver.Store.Header is null ? 0 : _random.Next(2));
        }

        Assert.Equal(last, _driver.Store.Statistics.Sequence);
    }

    /// <summary>A successor whose clock is behind its predecessor's reservation has little room above it, and no timer renews it here.</summary>
    private void RenewClock()
    {
        _time.StepWall(Reservation);
        _driver.Node.Log.Clock.Renew();
    }

    private void Ask()
    {
        var readiness = _driver.Store.TryBeginRead(_answers.RandomMoment(), _answers.RandomMoment(), out var asOf);
        if (readiness != ReadReadiness.Ready) return;
        _transactions.CheckWhole(asOf);
        using var view = _driver.Store.View();
        _answers.CompareOne(view, asOf);
        if (_random.Next(4) != 0) return;
        Assert.Equal(ReadReadiness.Ready, _driver.Store.TryBeginFeed(default, out var applied));
        _answers.Follow(view, applied.RecordedAt, new ChangePageLimits(_random.Next(1, 30), long.MaxValue, _random.Next(1, 30)));
    }

    private void CompareAll()
    {
        Assert.Equal(ReadReadiness.Ready, _driver.Store.TryBeginRead(null, null, out var now));
        var statistics = _driver.Store.Statistics;
        var living = _appliedHeads.Values.Where(static head => head.Lifecycle != Lifecycle.Purged && head.Key.Dataset != HistoryTrim.StoredIn).ToList();
        if (_driver.Store.IsErased) Assert.Equal((living.Count, living.Sum(head => head.Tags.Length)), (statistics.EntityCount, statistics.TagCount));
        else Assert.InRange(statistics.EntityCount, living.Count, 2 * _appliedHeads.Count);
        using var view = _driver.Store.View();
        _answers.CompareAll(view, now);
        _answers.CompareFeed(view, now.RecordedAt);
        _answers.CompareFollowed(view, now.RecordedAt);
        for (var i = 0; i < 3; i++) _answers.CompareAll(view, _answers.RandomAsOf(now));
    }

    public static byte[] Bytes(Change change)
    {
        var writer = new ByteWriter();
        writer.VarUInt(change.Ordinal);
        ChangeCodec.WriteChange(writer, change);
        return writer.ToArray();
    }
}
