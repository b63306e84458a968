using System.Collections.Immutable;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Shards;

/// <summary>State of an entity as the writer must see it: everything prepared so far, durable or not.</summary>
internal readonly record struct ResolvedEntity(EntityHead? Head, RecentCommands Recent);

/// <summary>A change on its way to disk, with the states around it.</summary>
internal readonly record struct PreparedChange(Change Change, EntityHead? Before, EntityHead After, RecentCommands Recent);

/// <summary>Stamps commands, gathers them in batches, and knows what is prepared but not yet applied. For the writer's thread.</summary>
internal sealed class ShardWriter(NodeStoreOptions options, NodeLog log, SequenceNumber covered, Timestamp clockFloor,
    uint elapsedSeconds, uint nextOrdinal, ShardBlobs blobs) : IDisposable
{
    private const int LoadedCountMax = 1024;

    // Serializer, manifest and counts around a batch's changes in its record.
    private const int BatchOverheadBytes = 256;

    private sealed class Pending
    {
        public required EntityHead Head;
        public required RecentCommands Recent;
        public int Count;
    }

    private readonly Dictionary<EntityKey, Pending> _pending = [];
    private readonly Dictionary<EntityKey, LoadedEntity> _loaded = [];
    private readonly Queue<(List<PreparedChange> Changes, long Promised)> _taken = new();
    private readonly long _openedAtSeconds = log.Clock.ElapsedSeconds;
    private readonly uint _windowSeconds = (uint)options.DuplicateWindow.TotalSeconds;
    private List<PreparedChange> _forming = [];
    private uint _elapsedBase = elapsedSeconds;
    private uint _nextOrdinal = nextOrdinal;
    private long _formingBytes;
    private long _formingPromised;
    private SequenceNumber _takenSequence = covered;

    public SequenceNumber AppliedSequence { get; private set; } = covered;

    /// <summary>Every change recorded up to here is applied; later ones are stamped later.</summary>
    public Timestamp AppliedRecordedAt { get; private set; } = clockFloor;

    /// <summary>Highest time stamped or answered; the next change is stamped later.</summary>
    public Timestamp LastStamp { get; private set; } = clockFloor;

    public uint NextOrdinalApplied { get; private set; } = nextOrdinal;

    public int FormingCount => _forming.Count;

    /// <summary>Serving time of the shard in seconds, over all its owners.</summary>
    public uint ElapsedSeconds => _elapsedBase + (uint)(log.Clock.ElapsedSeconds - _openedAtSeconds);

    /// <summary>Commands stamped before this serving time are outside the duplicate window.</summary>
    public uint ElapsedSecondsMin => ElapsedSeconds > _windowSeconds ? ElapsedSeconds - _windowSeconds : 0;

    public bool TryResolve(EntityKey key, out ResolvedEntity state)
    {
        state = default;
        if (!_pending.TryGetValue(key, out var pending)) return false;
        state = new ResolvedEntity(pending.Head, pending.Recent);
        return true;
    }

    public bool TryResolveLoaded(EntityKey key, out ResolvedEntity state)
    {
        state = default;
        if (!_loaded.TryGetValue(key, out var loaded)) return false;
        state = new ResolvedEntity(loaded.Head, loaded.Recent);
        return true;
    }

    public void Loaded(LoadedEntity entity)
    {
        if (_loaded.Count >= LoadedCountMax) _loaded.Clear();
        _loaded[entity.Key] = entity;
    }

    /// <summary>Recovery: raises clock, serving time and ordinals to what a replayed change shows.</summary>
    public void Observe(Change change)
    {
        if (change.RecordedAt > LastStamp) LastStamp = change.RecordedAt;
        if (change.RecordedAt > AppliedRecordedAt) AppliedRecordedAt = change.RecordedAt;
        if (change.ElapsedSeconds > _elapsedBase) _elapsedBase = change.ElapsedSeconds;
        if (change.Ordinal >= _nextOrdinal) _nextOrdinal = change.Ordinal + 1;
        NextOrdinalApplied = _nextOrdinal;
    }

    public void AppliedThrough(SequenceNumber sequence) => (AppliedSequence, _takenSequence) = (sequence, sequence);

    public PrepareResult Prepare(EntityCommand command, ResolvedEntity state, bool isMemtableFull)
    {
        // The duplicate check comes first, before any condition: the retry of a conditional write would fail its own condition.
        state.Recent.Prune(ElapsedSecondsMin);
        if (state.Recent.TryFind(command.Id, out var first)) return DuplicateOf(command, first, state.Head);
        if (isMemtableFull) return new PrepareResult.NotNow(NotNowReason.MemtableFull);
        if (_forming.Count >= options.BatchChangesMax || _formingBytes >= options.BatchBytesMax)
            return new PrepareResult.NotNow(NotNowReason.BatchFull);
        if (state.Recent.Count >= options.RecentCommandCountMax) return new PrepareResult.NotNow(NotNowReason.TooManyRecentCommands);
        if (blobs.Admit(command, state.Head) is { } problem) return new PrepareResult.Refused(problem);
        if (!TryStamp(out var stamp)) return new PrepareResult.NotNow(NotNowReason.ClockStalled);

        switch (EntityRules.Decide(state.Head, command, _takenSequence.Next, stamp, ElapsedSeconds, _nextOrdinal, options.Limits))
        {
            case Decision.Refused refused:
                return new PrepareResult.Refused(refused.Refusal);
            case Decision.Accepted accepted:
                var bytes = BytesOf(accepted.Change);
                var isFirst = _forming.Count == 0;
                if (BatchOverheadBytes + _formingBytes + bytes > options.Log.RecordBytesMax)
                {
                    if (!isFirst) return new PrepareResult.NotNow(NotNowReason.BatchFull);
                    return new PrepareResult.Refused(new Refusal(RefusalCode.ContentTooLarge,
                        $"the change takes {bytes} bytes with its tags, and a record of the log holds {options.Log.RecordBytesMax}",
                        state.Head?.Revision ?? 0));
                }

                if (log.TryPromise(isFirst ? BatchOverheadBytes + bytes : bytes, isFirst) is not { } promised)
                    return new PrepareResult.NotNow(log.IsDiskFull ? NotNowReason.StorageFull : NotNowReason.LogBusy);
                (_formingBytes, _formingPromised) = (_formingBytes + bytes, _formingPromised + promised);
                Add(accepted.Change, state, accepted.After);
                return new PrepareResult.Accepted(accepted.Change);
            case var other:
                throw new InvariantViolationException($"unknown decision {other.GetType()}");
        }
    }

    public PrepareResult Prepare(EntityTransaction transaction, ResolvedEntity[] states, bool isMemtableFull)
    {
        foreach (var state in states) state.Recent.Prune(ElapsedSecondsMin);
        // What it was asked before is gone with its past, so that the rest would look like another transaction.
        if (Array.FindIndex(states, static state => state.Head?.Lifecycle == Lifecycle.Purged) is >= 0 and var purged)
            return new PrepareResult.TransactionRefused(purged, new Refusal(RefusalCode.Purged, "the entity was purged", states[purged].Head!.Revision));
        if (DuplicateOf(transaction, states) is { } again) return again;
        if (isMemtableFull) return new PrepareResult.NotNow(NotNowReason.MemtableFull);
        var isFirst = _forming.Count == 0;
        // A batch takes a transaction as a whole; one of its own may be larger than a batch gets otherwise.
        if (!isFirst && (_forming.Count + states.Length > options.BatchChangesMax || _formingBytes >= options.BatchBytesMax))
            return new PrepareResult.NotNow(NotNowReason.BatchFull);
        if (states.Any(state => state.Recent.Count >= options.RecentCommandCountMax)) return new PrepareResult.NotNow(NotNowReason.TooManyRecentCommands);
        if (!TryStampTogether(states.Length, out var stamp)) return new PrepareResult.NotNow(NotNowReason.ClockStalled);

        if (TryDecide(transaction, states, stamp, out var decided) is { } refused) return refused;
        var bytes = decided.Sum(static item => BytesOf(item.Change));
        if (BatchOverheadBytes + _formingBytes + bytes > options.Log.RecordBytesMax)
        {
            if (!isFirst) return new PrepareResult.NotNow(NotNowReason.BatchFull);
            return new PrepareResult.TransactionRefused(0, new Refusal(RefusalCode.ContentTooLarge,
                $"the changes take {bytes} bytes with their tags, and a record of the log holds {options.Log.RecordBytesMax}", 0));
        }

        if (log.TryPromise(isFirst ? BatchOverheadBytes + bytes : bytes, isFirst) is not { } promised)
            return new PrepareResult.NotNow(log.IsDiskFull ? NotNowReason.StorageFull : NotNowReason.LogBusy);
        (_formingBytes, _formingPromised) = (_formingBytes + bytes, _formingPromised + promised);
        for (var i = 0; i < decided.Length; i++) Add(decided[i].Change, states[i], decided[i].After);
        return new PrepareResult.TransactionAccepted([.. decided.Select(item => item.Change)]);
    }

    public ChangeBatch? TakeBatch(Epoch epoch)
    {
        if (_forming.Count == 0) return null;
        var taken = _forming;
        _taken.Enqueue((taken, _formingPromised));
        (_forming, _formingBytes, _formingPromised) = ([], 0, 0);
        _takenSequence = _takenSequence.Next;
        var changes = ImmutableArray.CreateBuilder<Change>(taken.Count);
        foreach (var item in taken) changes.Add(item.Change);
        return new ChangeBatch(epoch, _takenSequence, changes.MoveToImmutable());
    }

    /// <summary>Moves the oldest batch taken from "prepared" to "applied".</summary>
    public List<PreparedChange> Applied(ChangeBatch batch)
    {
        Invariant.Check(batch.Sequence == AppliedSequence.Next, "batches are applied in order");
        var (items, promised) = _taken.Dequeue();
        log.GiveBack(promised);
        Invariant.Check(items.Count == batch.Changes.Length, "the batch applied is the one taken");
        foreach (var item in items)
        {
            var pending = _pending[item.Change.Key];
            if (--pending.Count == 0) _pending.Remove(item.Change.Key);
            if (item.Change.Ordinal >= NextOrdinalApplied) NextOrdinalApplied = item.Change.Ordinal + 1;
        }

        AppliedRecordedAt = items[^1].Change.RecordedAt;
        AppliedSequence = batch.Sequence;
        return items;
    }

    /// <summary>Gives back the room of what will not be applied here.</summary>
    public void Dispose()
    {
        log.GiveBack(_formingPromised);
        foreach (var (_, promised) in _taken) log.GiveBack(promised);
    }

    public ReadReadiness TryBeginRead(Timestamp? at, Timestamp? recordedAt, out AsOf asOf)
    {
        // Without times of its own a read sees what is applied, and everything later is stamped later. A time from elsewhere may lie
        // within a transaction, but not the end of its block.
        var seen = recordedAt is { } given ? StampBlock.EndOf(given) : at is { } moment && moment > AppliedRecordedAt ? moment : AppliedRecordedAt;
        asOf = new AsOf(at is { } asked && asked < seen ? asked : seen, seen);
        if (seen <= AppliedRecordedAt) return ReadReadiness.Ready;
        if (!(recordedAt <= AppliedRecordedAt))
        {
            if (!log.Clock.TryNow(out var now) || seen >= log.Clock.Reserved)
                return seen > now.Plus(options.ClockDifferenceMax) && now.Nanoseconds > 0 ? ReadReadiness.AheadOfClock : ReadReadiness.ClockStalled;
            if (seen > now.Plus(options.ClockDifferenceMax)) return ReadReadiness.AheadOfClock;
        }

        if (seen > LastStamp) LastStamp = seen;
        log.Clock.Answer(seen);
        return FirstUnappliedStamp() is { } unapplied && unapplied <= seen ? ReadReadiness.WaitForApply : ReadReadiness.Ready;
    }

    private PrepareResult DuplicateOf(EntityCommand command, AppliedCommand first, EntityHead? head)
    {
        if (first.Fingerprint != CommandFingerprint.Of(command))
        {
            return new PrepareResult.Refused(new Refusal(RefusalCode.CommandIdReused,
                "this command id was used for another request", head?.Revision ?? 0));
        }

        return new PrepareResult.Duplicate(first.Revision, first.At, first.Sequence, first.Sequence <= AppliedSequence);
    }

    /// <returns>Null when every operation is accepted.</returns>
    private PrepareResult.TransactionRefused? TryDecide(
        EntityTransaction transaction, ResolvedEntity[] states, Timestamp stamp, out Decision.Accepted[] decided)
    {
        decided = new Decision.Accepted[states.Length];
        var (fingerprint, elapsed, ordinal) = (CommandFingerprint.Of(transaction), ElapsedSeconds, _nextOrdinal);
        for (var i = 0; i < states.Length; i++)
        {
            // One time for all of them, so that no moment asked about lies between two.
            var command = transaction.Operations[i] with { At = transaction.At ?? stamp };
            var recordedAt = new Timestamp(stamp.Nanoseconds + i);
            switch (EntityRules.Decide(states[i].Head, command, _takenSequence.Next, recordedAt, elapsed, ordinal, options.Limits))
            {
                case Decision.Refused refused:
                    return new PrepareResult.TransactionRefused(i, refused.Refusal);
                case Decision.Accepted accepted:
                    decided[i] = accepted with { Change = accepted.Change with { Fingerprint = fingerprint } };
                    if (accepted.Change.Revision == 1) ordinal++;
                    break;
            }
        }

        return null;
    }

    /// <summary>Recognised as a whole: what one of its entities knows under the id, all of them know.</summary>
    private static PrepareResult? DuplicateOf(EntityTransaction transaction, ResolvedEntity[] states)
    {
        var fingerprint = CommandFingerprint.Of(transaction);
        var applied = ImmutableArray.CreateBuilder<(long Revision, Timestamp At)>(states.Length);
        SequenceNumber sequence = default;
        for (var i = 0; i < states.Length; i++)
        {
            if (!states[i].Recent.TryFind(transaction.Id, out var first))
            {
                if (applied.Count == 0) continue;
                first = default;
            }

            if (first.Fingerprint != fingerprint || applied.Count < i)
            {
                return new PrepareResult.TransactionRefused(i, new Refusal(RefusalCode.CommandIdReused,
                    "this command id was used for another request", states[i].Head?.Revision ?? 0));
            }

            applied.Add((first.Revision, first.At));
            sequence = first.Sequence;
        }

        return applied.Count == 0 ? null : new PrepareResult.TransactionDuplicate(applied.MoveToImmutable(), sequence);
    }

    private void Add(Change change, ResolvedEntity state, EntityHead after)
    {
        if (change.Revision == 1) _nextOrdinal = change.Ordinal + 1;
        state.Recent.Add(AppliedCommand.Of(change));
        _forming.Add(new PreparedChange(change, state.Head, after, state.Recent));
        _loaded.Remove(change.Key);
        if (_pending.TryGetValue(change.Key, out var pending)) pending.Head = after;
        else _pending[change.Key] = pending = new Pending { Head = after, Recent = state.Recent };
        pending.Count++;
    }

    /// <summary>Upper bound of the encoded change.</summary>
    private static long BytesOf(Change change)
    {
        const int fixedBytes = 128;
        var bytes = fixedBytes + TextBytes(change.Key.Dataset) + TextBytes(change.Key.Id) + TextBytes(change.Author)
            + TextBytes(change.Content?.ContentType) + (change.Content?.InlineBytes ?? 0);
        foreach (var tag in change.Added) bytes += TextBytes(tag.Text);
        foreach (var tag in change.Removed) bytes += TextBytes(tag.Text);
        return bytes;
    }

    // With the length before it.
    private static long TextBytes(string? text) => text is null ? 0 : System.Text.Encoding.UTF8.GetByteCount(text) + 3;

    private bool TryStamp(out Timestamp stamp)
    {
        stamp = default;
        if (!log.Clock.TryNow(out var now)) return false;
        stamp = now > LastStamp ? now : new Timestamp(LastStamp.Nanoseconds + 1);
        if (stamp >= log.Clock.Reserved) return false;
        LastStamp = stamp;
        return true;
    }

    /// <summary>Consecutive times within one block.</summary>
    private bool TryStampTogether(int count, out Timestamp first)
    {
        Invariant.Check(count <= StampBlock.Nanoseconds, "the times of a transaction fit in a block");
        if (!TryStamp(out first)) return false;
        first = StampBlock.BeginAtOrAfter(first);
        var last = new Timestamp(first.Nanoseconds + count - 1);
        if (last >= log.Clock.Reserved) return false;
        LastStamp = last;
        return true;
    }

    private Timestamp? FirstUnappliedStamp()
    {
        if (_taken.TryPeek(out var taken)) return taken.Changes[0].Change.RecordedAt;
        return _forming.Count > 0 ? _forming[0].Change.RecordedAt : null;
    }
}
