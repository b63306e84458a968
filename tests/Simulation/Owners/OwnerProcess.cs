using System.Globalization;
using EntityActors.Simulation.Tests.Model;
using EntityActors.Simulation.Tests.Stores;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Format;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using EntityActors.Storage.Shards;

namespace EntityActors.Simulation.Tests.Owners;

/// <summary>One process with its store over the shared disk, which may own the contested shard and does step after step with it.</summary>
/// <remarks>
/// The steps are those of the shard's actor, without actors: what a step awaits there is done here before the next line. A step of an
/// owner that finds itself replaced ends it; nothing else may go wrong.
/// </remarks>
internal sealed class OwnerProcess
{
    public static readonly ShardId Contested = new(0);
    public static readonly ShardId Other = new(1);
    public static readonly EntityKey Key = KeyOf(Contested);

    private const int AttemptsMax = 20;
    private static readonly EntityKey OtherKey = KeyOf(Other);

    private static readonly NodeStoreOptions Options = new()
    {
        DataDirectory = SimulationOptions.DataDirectory,
        ShardCount = 2,
        IsShared = true,
        BlockCacheBytes = 1 << 16,
        // Five groups fill a file, so that files come and go: what the first owner writes first goes to another one than what it wrote before.
        Log = new CommitLogOptions { FileBytes = 20 * 1024, RecordBytesMax = 12 * 1024, GroupBytesMax = 12 * 1024 },
        Segments = new SegmentOptions { BlockBytes = 1024 },
        Merge = new MergePolicy { RunCountMin = 2, RunCountMax = 5 },
    };

    private OwnerHistory _history;
    private readonly SimulatedTime _time;
    private readonly Random _random;
    private readonly Dictionary<ShardId, ShardStore> _shards = [];
    private CheckpointResult? _committed;
    private int _otherWrites;

    /// <param name="wall">What its clock shows: those of machines, and of processes after a step, differ.</param>
    public OwnerProcess(string name, OwnerFileSystem files, OwnerHistory history, DateTimeOffset wall, int seed)
    {
        (Name, Files, _history, _random) = (name, files, history, new Random(seed));
        _time = new SimulatedTime(wall, TimeSpan.Zero, _random);
        Node = NodeStore.Open(Options with { Node = name }, files, _time, new StoreProcess(NewGuid, seed, HasCommitThread: false));
        _time.Advance(TimeSpan.Zero);
    }

    public string Name { get; }

    public OwnerFileSystem Files { get; }

    public NodeStore Node { get; }

    /// <summary>Why the last steps were not done; null while the process owns the shard or has not opened it.</summary>
    public StaleEpochException? Fenced { get; private set; }

    public ShardStore Shard => _shards[Contested];

    /// <summary>Acknowledged writes of the other shard that steps made.</summary>
    public int OtherAcknowledged { get; private set; }

    /// <summary>Whether it was told that the other shard has a newer owner.</summary>
    public bool IsOtherFenced { get; private set; }

    public long SequenceOf(ShardId shard) => _shards[shard].Statistics.Sequence.Value;

    public void Wait(TimeSpan time) => _time.Advance(time);

    /// <summary>From now on clients' calls and replies go to this history.</summary>
    public void Observe(OwnerHistory history) => _history = history;

    /// <summary>Label of a command; its id and its body follow from it.</summary>
    public static string LabelOf(int number) => $"w{number}";

    public static PutEntity CommandOf(EntityKey key, string label) =>
        new(key, new CommandId(System.IO.Hashing.XxHash128.HashToUInt128(System.Text.Encoding.UTF8.GetBytes(label + key))), label, null, default,
            [new Tag($"by:{label}")], new Content("text/plain", System.Text.Encoding.UTF8.GetBytes(label)));

    /// <summary>Does a step, unless an earlier one found that the shard has a newer owner.</summary>
    public void Do(OwnerStep step)
    {
        if (IsIdle(step.Kind)) return;
        try
        {
            Take(step);
        }
        catch (StaleEpochException stale) when (stale.Shard == Contested)
        {
            Fenced = stale;
            if (_shards.Remove(Contested, out var shard)) shard.Dispose();
        }
        catch (StaleEpochException)
        {
            IsOtherFenced = true;
            if (_shards.Remove(Other, out var shard)) shard.Dispose();
        }
    }

    public void Open(ShardId shard, int generationsBack = 0)
    {
        if (_shards.Remove(shard, out var before)) before.Dispose();
        var store = Node.OpenShard(shard, generationsBack);
        try
        {
            var last = Node.Log.LastSequence(shard);
            foreach (var item in Node.Log.Read(shard, store.CoveredSequence.Next, last)) store.Replay(ChangeCodec.ReadBatch(item.Body.Span));
        }
        catch
        {
            store.Dispose();
            throw;
        }

        _shards[shard] = store;
    }

    /// <summary>The whole history of the contested entity as this owner has it, oldest first.</summary>
    public IReadOnlyList<Change> ReadAll()
    {
        _ = Shard.TryBeginRead(null, null, out var asOf);
        using var view = Shard.View();
        return view.History(Key, null, null, 0, int.MaxValue, long.MaxValue, asOf, out _, out _);
    }

    public void Write(ShardId shard, string label, bool isHasty = false)
    {
        var asked = shard == Contested ? _history.Begin(Name, label) : null;
        if (Prepare(shard, CommandOf(shard == Contested ? Key : OtherKey, label)) is not PrepareResult.Accepted accepted)
        {
            AnswerDuplicate(shard, label, asked);
            return;
        }

        var (batch, done) = Append(shard);
        if (isHasty) _history.Acknowledge(asked!, accepted.Change.Revision);
        Node.Log.CommitWaiting();
        Finish(shard, batch, done);
        if (asked is { Returned: null }) _history.Acknowledge(asked, accepted.Change.Revision);
    }

    public void Checkpoint(bool force) => _committed = Checkpoint(Shard, force) ?? _committed;

    public void Trim()
    {
        if (_committed is not null) Node.Trim(_committed);
    }

    private bool IsIdle(OwnerStepKind kind) => kind switch
    {
        OwnerStepKind.Open or OwnerStepKind.OpenBack or OwnerStepKind.OpenOther or OwnerStepKind.Clock or OwnerStepKind.Idle or OwnerStepKind.Stop => false,
        OwnerStepKind.OtherShard or OwnerStepKind.CheckpointOther => IsOtherFenced,
        _ => Fenced is not null,
    };

    private CheckpointResult? Checkpoint(ShardStore shard, bool force)
    {
        if (shard.Plan(force) is not { } plan) return null;
        var result = CheckpointWriter.Write(Node, plan);
        CheckpointValidator.Validate(Node, plan, result);
        Node.Headers.Commit(result.Header);
        shard.Commit(Node, result);
        return result;
    }

    private void Take(OwnerStep step)
    {
        switch (step.Kind)
        {
            case OwnerStepKind.Open or OwnerStepKind.OpenBack:
                Open(Contested, step.Kind == OwnerStepKind.Open ? 0 : 1);
                Fenced = null;
                break;
            case OwnerStepKind.Write:
                Write(Contested, LabelOf(step.Number));
                break;
            case OwnerStepKind.Read:
                Read(null);
                break;
            case OwnerStepKind.UncheckedRead:
                Read(null, isChecked: false);
                break;
            case OwnerStepKind.HastyWrite:
                Write(Contested, LabelOf(step.Number), isHasty: true);
                break;
            case OwnerStepKind.FixedRead:
                _ = Node.Log.Clock.TryNow(out var now);
                Read(now);
                break;
            case OwnerStepKind.Checkpoint or OwnerStepKind.Merge:
                Checkpoint(force: step.Kind == OwnerStepKind.Checkpoint);
                break;
            case OwnerStepKind.Refused:
                if (Shard.Plan(force: true) is not { } plan) break;
                _ = CheckpointWriter.Write(Node, plan);
                Shard.Restore(plan);
                break;
            case OwnerStepKind.Trim:
                Trim();
                break;
            case OwnerStepKind.OtherShard:
                Write(Other, $"{Name}{++_otherWrites}");
                OtherAcknowledged++;
                break;
            case OwnerStepKind.Group:
                WriteGroup(LabelOf(step.Number));
                break;
            case OwnerStepKind.Clock:
                _time.Advance(Options.Log.ClockRenewal);
                break;
            case OwnerStepKind.Idle:
                Node.Log.BeIdle();
                break;
            case OwnerStepKind.Stop:
                foreach (var shard in _shards.Values) shard.Dispose();
                Node.Dispose();
                break;
            case OwnerStepKind.OpenOther:
                Open(Other);
                break;
            case OwnerStepKind.CheckpointOther:
                if (Checkpoint(_shards[Other], force: true) is { } covered) Node.Trim(covered);
                break;
            default:
                throw new InvalidOperationException($"unknown step {step}");
        }
    }

    private void Read(Timestamp? at, bool isChecked = true)
    {
        var asked = _history.Begin(Name, null, isOfThePast: at is not null);
        var asOf = default(AsOf);
        for (var attempt = 0; Shard.TryBeginRead(at, at, out asOf) is var readiness and not ReadReadiness.Ready; attempt++)
        {
            if (attempt == AttemptsMax) throw new SimulationViolation($"a read is answered {readiness} again and again");
            _time.Advance(Options.Log.ClockRenewal);
        }

        IReadOnlyList<Change> changes;
        using (var view = Shard.View())
            changes = view.History(Key, null, null, 0, int.MaxValue, long.MaxValue, asOf, out _, out _);
        if (isChecked && !Node.Log.IsStillOwner(Contested, Shard.Epoch)) throw new StaleEpochException(Contested, Shard.Epoch);
        _history.Reply(asked, OwnerHistory.Join(changes.Select(change => change.Author)), asOf.RecordedAt);
    }

    /// <summary>A fenced shard in a group costs the other nothing.</summary>
    private void WriteGroup(string label)
    {
        var asked = _history.Begin(Name, label);
        if (Prepare(Contested, CommandOf(Key, label)) is not PrepareResult.Accepted accepted)
            throw new SimulationViolation($"{label} is written in a group once");
        _ = Prepare(Other, CommandOf(OtherKey, $"{Name}{++_otherWrites}"));
        var (contested, other) = (Append(Contested), Append(Other));
        Node.Log.CommitWaiting();
        Finish(Other, other.Batch, other.Done);
        OtherAcknowledged++;
        Finish(Contested, contested.Batch, contested.Done);
        _history.Acknowledge(asked, accepted.Change.Revision);
    }

    private PrepareResult Prepare(ShardId shard, EntityCommand command)
    {
        for (var attempt = 0; attempt < AttemptsMax; attempt++)
        {
            switch (_shards[shard].Prepare(command))
            {
                case PrepareResult.NeedsLoad:
                    _shards[shard].Loaded(_shards[shard].Load(command.Key));
                    break;
                case PrepareResult.NotNow:
                    // Its reservation runs out, or the next log file is not there yet: a moment later both are.
                    _time.Advance(Options.Log.ClockRenewal);
                    break;
                case PrepareResult.Refused refused:
                    throw new SimulationViolation($"{command.Author} is refused: {refused.Refusal}");
                case var result:
                    return result;
            }
        }

        throw new SimulationViolation($"{command.Author} is put off again and again: {_shards[shard].Prepare(command)}");
    }

    private void AnswerDuplicate(ShardId shard, string label, OwnerHistory.Asked? asked)
    {
        if (_shards[shard].Prepare(CommandOf(shard == Contested ? Key : OtherKey, label)) is not PrepareResult.Duplicate { IsDurable: true } duplicate)
            throw new SimulationViolation($"{label} is neither accepted nor a durable duplicate");
        // Decided by durable state alone, so it is a read: a replaced owner must not answer it.
        if (!Node.Log.IsStillOwner(shard, _shards[shard].Epoch)) throw new StaleEpochException(shard, _shards[shard].Epoch);
        if (asked is not null) _history.Acknowledge(asked, duplicate.Revision);
    }

    private (ChangeBatch Batch, Task Done) Append(ShardId shard)
    {
        var batch = _shards[shard].TakeBatch() ?? throw new InvalidOperationException("a change was accepted and no batch holds it");
        return (batch, Node.Log.AppendAsync(new LogAppend(shard, _shards[shard].Epoch, batch.Sequence, ChangeCodec.WriteBatch(batch))));
    }

    private void Finish(ShardId shard, ChangeBatch batch, Task done)
    {
        SimulationViolation.Unless(done.IsCompleted, $"event {batch.Sequence} of shard {shard} is neither acknowledged nor failed");
        if (done.Exception?.InnerException is { } failure) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        _shards[shard].Apply(batch);
    }

    private Guid NewGuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        _random.NextBytes(bytes);
        return new Guid(bytes);
    }

    private static EntityKey KeyOf(ShardId shard) => Enumerable.Range(0, 64)
        .Select(number => new EntityKey("owners", string.Create(CultureInfo.InvariantCulture, $"e{number}"))).First(key => key.ShardOf(2) == shard);
}
