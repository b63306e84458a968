using System.Collections.Immutable;
using EntityActors.Storage.Blobs;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;

namespace EntityActors.Storage.Shards;

/// <summary>State of one shard under one epoch: memtables over segments. One writer (the shard's actor), many readers through views.</summary>
/// <remarks>
/// A command is prepared (checked and stamped), taken in a batch, made durable by the caller, then applied. Readers see only
/// what was applied. Members are for the writer's thread, except <see cref="Load"/> and what a <see cref="ShardView"/> offers.
/// </remarks>
public sealed class ShardStore : IDisposable
{
    private readonly NodeStoreOptions _options;
    private readonly NodeLog _log;
    private readonly ShardWriter _writer;
    private readonly LostEntities _lost = new();
    private readonly bool _toleratesLoss;
    private Memtable _active = new();
    private Memtable? _frozen;
    private ShardHeader? _frozenFrame;
    private SegmentSet _segments;
    private CheckpointPlan? _plan;
    private long _generation;
    private long _segmentNumber;
    private uint? _erasingSince;
    private ImmutableDictionary<string, HistoryTrim> _trims;
    private Timestamp? _earliestExpiry;
    private bool _disposed;

    internal ShardStore(NodeStoreOptions options, NodeLog log, ShardTakeover takeover, ShardId shard, ShardHeader? header,
        (Timestamp Clock, uint ElapsedSeconds) times, long generationSeen, SegmentSet segments, bool toleratesLoss, BlobFiles blobs)
    {
        _toleratesLoss = toleratesLoss;
        (_options, _log, _segments, _generation) = (options, log, segments, generationSeen);
        (Shard, Epoch, Header) = (shard, takeover.Epoch, header);
        // An earlier incarnation in this process may have answered for a time that is still to come; it answers no more since the claim.
        var floor = takeover.ClockFloor > log.Clock.Answered ? takeover.ClockFloor : log.Clock.Answered;
        if (times.Clock > floor) floor = times.Clock;
        // The first reads here see up to the floor, and the next incarnation may find the header it came from damaged.
        log.Clock.Answer(floor);
        _trims = (header?.Erasure.Trims ?? []).ToImmutableDictionary(static trim => trim.Trim.Dataset, static trim => trim.Trim);
        if (header?.Erasure.IsUnderWay == true) _erasingSince = times.ElapsedSeconds;
        Blobs = new ShardBlobs(blobs, shard, Epoch);
        _writer = new ShardWriter(options, log, header?.Sequence ?? default, floor, times.ElapsedSeconds, header?.NextOrdinal ?? 0, Blobs);
    }

    public ShardId Shard { get; }

    public Epoch Epoch { get; }

    /// <summary>Which blobs this owner takes in and gives up.</summary>
    internal ShardBlobs Blobs { get; }

    /// <summary>Newest committed header; null before the first checkpoint.</summary>
    public ShardHeader? Header { get; private set; }

    /// <summary>Replay starts after this event.</summary>
    public SequenceNumber CoveredSequence => Header?.Sequence ?? default;

    /// <summary>Number of prepared changes that no batch has taken yet.</summary>
    public int FormingCount => _writer.FormingCount;

    /// <summary>Whether enough has changed for a checkpoint, or segments are due for a merge.</summary>
    public bool NeedsCheckpoint => _lost.IsEmpty && (_frozen is not null || IsFlushDue || IsErasureDue || !PickMerge(IsErasureDue).IsEmpty);

    /// <summary>Whether neither memory nor segments hold anything of what was before a purge, or of what was trimmed.</summary>
    public bool IsErased => HoldsNoErasure(_active) && HoldsNoErasure(_frozen) && Header?.Erasure is null or { Pending.IsEmpty: true, IsTrimming: false };

    /// <summary>The last trim of each dataset that every read obeys.</summary>
    public IReadOnlyDictionary<string, HistoryTrim> Trims => _trims;

    /// <summary>Which entities of the log could not be recovered, in a sentence; null when all were. Then no checkpoint is planned.</summary>
    public string? LossDetail => _lost.Detail;

    public ShardStatistics Statistics
    {
        get
        {
            long segmentBytes = 0, indexBytes = 0;
            foreach (var segment in _segments.Segments)
            {
                segmentBytes += segment.Info.LengthBytes;
                indexBytes += segment.MemoryBytes;
            }

            // What records trims is nobody's: an entity with one tag for each dataset.
            return new ShardStatistics(Epoch, _writer.AppliedSequence, Header?.Generation ?? 0, CoveredSequence,
                (Header?.EntityCount ?? 0) + (_frozen?.NewEntityCount ?? 0) + _active.NewEntityCount - _trims.Count,
                (Header?.TagCount ?? 0) + TagBalance(_frozen) + TagBalance(_active) - _trims.Count,
                _segments.Segments.Length, segmentBytes, MemtableBytes, indexBytes);
        }
    }

    private long MemtableBytes => _active.EstimatedBytes + (_frozen?.EstimatedBytes ?? 0);

    // At the latest when writes are refused: the two limits are set apart from each other, and only a checkpoint makes room.
    private bool IsFlushDue => _active.EstimatedBytes >= Math.Min(_options.CheckpointBytes, _options.MemtableBytesMax);

    /// <summary>Whether purged bytes have waited long enough to be worth a checkpoint of their own.</summary>
    private bool IsErasureDue
    {
        get
        {
            var erasure = Header?.Erasure ?? ErasureState.None;
            var since = erasure.IsDue || RipeTrims().Count > 0 ? _erasingSince : _active.FirstErasureSeconds;
            return since is { } seconds && _writer.ElapsedSeconds >= seconds + (uint)_options.ErasureDelay.TotalSeconds;
        }
    }

    /// <summary>Recovery: one event after <see cref="CoveredSequence"/>, in order. Blocks on disk.</summary>
    /// <exception cref="CorruptDataException">
    /// The event does not follow what was there, or the state that it changes is damaged and the loss of entities is not tolerated.
    /// </exception>
    public void Replay(ChangeBatch batch)
    {
        if (batch.Sequence != _writer.AppliedSequence.Next) throw Corrupt($"event {_writer.AppliedSequence.Next}", $"event {batch.Sequence}");
        foreach (var change in batch.Changes)
        {
            if (_lost.Contains(change.Key))
            {
                _lost.AddLater(change);
                Observe(change);
                _writer.Observe(change);
                continue;
            }

            var entity = _active.Find(change.Key);
            EntityHead? before = entity?.Current;
            var recent = entity?.Recent;
            if (entity is null)
            {
                if (TryLoadForReplay(change) is not { } loaded) continue;
                (before, recent) = (loaded.Head, loaded.Recent);
            }

            if (change.Revision != (before?.Revision ?? 0) + 1)
                throw Corrupt($"revision {(before?.Revision ?? 0) + 1} of {change.Key}", $"revision {change.Revision}");
            if (before is not null && (change.Ordinal != before.Ordinal || !EntityHead.IsFollowedBy(before, change)))
                throw Corrupt($"a change of {change.Key}, ordinal {before.Ordinal}, later than {before.UpdatedAt}", $"ordinal {change.Ordinal} at {change.At}");
            recent!.Add(AppliedCommand.Of(change));
            entity ??= _active.Add(change.Key, change.Ordinal, before, recent);
            _active.Apply(entity, change, EntityHead.Apply(before, change));
            Observe(change);
            _writer.Observe(change);
        }

        _writer.AppliedThrough(batch.Sequence);
    }

    /// <returns>Null when the entity is lost.</returns>
    private LoadedEntity? TryLoadForReplay(Change change)
    {
        if (change.Revision == 1) return new LoadedEntity(change.Key, null, new RecentCommands());
        try
        {
            return Load(change.Key);
        }
        catch (CorruptDataException damage) when (_toleratesLoss)
        {
            _lost.Add(change, damage);
            Observe(change);
            _writer.Observe(change);
            return null;
        }
    }

    /// <summary>Checks a command against everything before it, in flight included, and stamps it.</summary>
    public PrepareResult Prepare(EntityCommand command)
    {
        if (!TryResolve(command.Key, out var state)) return new PrepareResult.NeedsLoad(command.Key);
        if (command.Key.Dataset == HistoryTrim.StoredIn && TrimProblem(command, state) is { } refusal) return new PrepareResult.Refused(refusal);
        var result = _writer.Prepare(command, state, MemtableBytes >= _options.MemtableBytesMax);
        Blobs.Decided(command, result);
        return result;
    }

    /// <summary>Checks all commands of a transaction against everything before it and stamps them together, or none.</summary>
    public PrepareResult Prepare(EntityTransaction transaction)
    {
        if (transaction.Problem(_options.Limits) is { } problem)
            return new PrepareResult.TransactionRefused(problem.Operation, new Refusal(problem.Code, problem.Detail, 0));
        var states = new ResolvedEntity[transaction.Operations.Length];
        for (var i = 0; i < states.Length; i++)
        {
            var key = transaction.Operations[i].Key;
            if (key.Dataset == HistoryTrim.StoredIn)
                return new PrepareResult.TransactionRefused(i, new Refusal(RefusalCode.Invalid, "a trim stands alone, in no transaction", 0));
            if (!TryResolve(key, out states[i])) return new PrepareResult.NeedsLoad(key);
        }

        return _writer.Prepare(transaction, states, MemtableBytes >= _options.MemtableBytesMax);
    }

    /// <summary>Reads the state of a cold entity. Any thread; blocks on disk.</summary>
    /// <exception cref="CorruptDataException">Its bytes are damaged beyond repair.</exception>
    public LoadedEntity Load(EntityKey key)
    {
        _lost.ThrowIfLost(key);
        var segments = AcquireSegments();
        try
        {
            var recent = new List<AppliedCommand>();
            var head = segments.FindHead(key);
            if (head is not null)
            {
                var oldest = _writer.ElapsedSecondsMin;
                foreach (var change in segments.ReadChangesBackward(key, head.Revision))
                {
                    if (change.ElapsedSeconds < oldest || recent.Count == _options.RecentCommandCountMax) break;
                    recent.Add(AppliedCommand.Of(change));
                }
            }

            var commands = new RecentCommands();
            for (var i = recent.Count - 1; i >= 0; i--) commands.Add(recent[i]);
            return new LoadedEntity(key, head, commands);
        }
        finally
        {
            segments.Release();
        }
    }

    /// <summary>Takes what <see cref="Load"/> read. No command of this entity may have been prepared in between.</summary>
    public void Loaded(LoadedEntity entity) => _writer.Loaded(entity);

    /// <summary>The changes prepared since the last call as the next event, or null when there are none.</summary>
    public ChangeBatch? TakeBatch() => _writer.TakeBatch(Epoch);

    /// <summary>Makes the oldest batch taken visible. It must be durable.</summary>
    public void Apply(ChangeBatch batch)
    {
        foreach (var item in _writer.Applied(batch))
        {
            var entity = _active.Find(item.Change.Key)
                ?? _active.Add(item.Change.Key, item.Change.Ordinal, item.Before, item.Recent);
            _active.Apply(entity, item.Change, item.After);
            Blobs.Applied(item.Change);
            Observe(item.Change);
            if (item.Change.ExpiresAt is { } expiry && !(_earliestExpiry <= expiry)) _earliestExpiry = expiry;
        }
    }

    /// <summary>The earliest expiry that was applied since the last call; null when there was none.</summary>
    public Timestamp? TakeEarliestExpiry()
    {
        var earliest = _earliestExpiry;
        _earliestExpiry = null;
        return earliest;
    }

    /// <summary>Whether a read may be answered now, and what it may see.</summary>
    /// <param name="at">Moment asked about; null is now.</param>
    /// <param name="recordedAt">Recorded time fixed by a query over several shards; null lets this shard choose.</param>
    public ReadReadiness TryBeginRead(Timestamp? at, Timestamp? recordedAt, out AsOf asOf) => _writer.TryBeginRead(at, recordedAt, out asOf);

    /// <summary>Whether all changes recorded after this time are in memory.</summary>
    public bool IsInMemory(Timestamp after) => _segments.Segments.IsEmpty || _segments.Segments[^1].Info.MaxRecordedAt <= after;

    /// <summary>Recorded time up to which every change is visible.</summary>
    public Timestamp AppliedRecordedAt => _writer.AppliedRecordedAt;

    /// <summary>Whether the changes recorded after a time may be read now, and up to which time all of them are visible.</summary>
    /// <remarks>
    /// A position ahead of this shard's clock (its reservations were damaged) raises the clock: no change may be stamped below what a feed has passed.
    /// </remarks>
    public ReadReadiness TryBeginFeed(Timestamp after, out AsOf asOf) =>
        _writer.TryBeginRead(null, after > _writer.AppliedRecordedAt ? after : null, out asOf);

    /// <summary>What the shard holds now, for reading on any thread. To be disposed.</summary>
    public ShardView View() => new(_active, _frozen, AcquireSegments(), _lost, _trims);

    /// <summary>As <see cref="View"/>, on any thread: it holds at least what was applied before the call. Null when the shard has stopped.</summary>
    internal ShardView? TryView()
    {
        var (active, frozen) = (_active, _frozen);
        // The trims last: segments that lost something are never seen without the trim that took it.
        return TryAcquireSegments() is { } segments ? new ShardView(active, frozen, segments, _lost, Volatile.Read(ref _trims)) : null;
    }

    /// <summary>First step of a checkpoint: freezes the memtable, or picks segments to merge.</summary>
    /// <param name="force">Do something even when nothing is due: flush what there is, or write the same header again.</param>
    /// <returns>Null when nothing is to be done, a plan is under way, or entities of the log are lost.</returns>
    public CheckpointPlan? Plan(bool force)
    {
        // A header would say that the changes of lost entities are in the segments, and the log could drop them.
        if (_plan is not null || !_lost.IsEmpty) return null;
        // A header's epoch says that no event after its sequence stands in an earlier epoch's log; claims and logs before it go by that.
        // So the first header of an epoch covers what was replayed: what is in memory goes to disk before anything else is committed.
        var erases = force || IsErasureDue;
        var run = PickMerge(erases);
        var mustMerge = !force && _segments.Segments.Length >= _options.Merge.SegmentCountMax && Header?.Epoch == Epoch && !run.IsEmpty;
        var followsUp = erases && Header?.Erasure.FollowUp == true;
        var mustFlush = force || IsFlushDue || (erases && _active.FirstErasureSeconds is not null) || (Header?.Epoch != Epoch && (followsUp || !run.IsEmpty));
        if (_frozen is null && !_active.IsEmpty && mustFlush && !mustMerge) Freeze();
        if (_frozen is not null) return _plan = PlanFor(CheckpointKind.Flush, _frozenFrame!, []);
        if (!run.IsEmpty)
            return _plan = PlanFor(CheckpointKind.Merge, Header!, [.. _segments.Segments.Where(segment => run.Contains(segment.Info.Id))]);
        return (force || followsUp) && Header is not null ? _plan = PlanFor(CheckpointKind.HeaderOnly, Header, []) : null;
    }

    /// <summary>Last step, after the header was committed: the new segment takes the place of what it was made from.</summary>
    /// <exception cref="CorruptDataException">The segment can no longer be opened; the shard must be opened again.</exception>
    /// <exception cref="StaleEpochException">A newer owner has merged it away already.</exception>
    public void Commit(NodeStore store, CheckpointResult result)
    {
        Invariant.Check(ReferenceEquals(_plan, result.Plan), "the plan under way is committed");
        if (result.Segment is { } info)
        {
            var added = store.Log.AsOwner(Shard, Epoch, () => store.OpenSegment(Shard, info));
            var before = _segments;
            _segments = before.Replace([.. result.Merged], added);
            before.Release();
        }

        if (result.Plan.Kind == CheckpointKind.Flush)
        {
            if (_frozen is { Purged.Count: > 0 } flushed) Blobs.Purge(flushed.Purged.Select(ordinal => flushed.KeyOf(ordinal)!.Value));
            (_frozen, _frozenFrame) = (null, null);
        }

        Header = result.Header;
        _erasingSince = Header.Erasure.IsUnderWay ? _erasingSince ?? _writer.ElapsedSeconds : null;
        _plan = null;
        Invariant.Check(Header.Segments.SequenceEqual(_segments.Segments.Select(segment => segment.Info)),
            "the header lists the segments that are open");
    }

    /// <summary>Back to the header snapshot. The frozen memtable stays readable and is checkpointed again later.</summary>
    public void Restore(CheckpointPlan plan)
    {
        Invariant.Check(ReferenceEquals(_plan, plan), "the plan under way is given up");
        Header = plan.HeaderSnapshot;
        _plan = null;
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _writer.Dispose();
        _segments.Release();
    }

    private void Freeze()
    {
        (_frozen, _active) = (_active, new Memtable());
        // Counts and segments of this frame are not used; they come from what is written.
        _frozenFrame = ShardHeader.Over(Shard, Epoch, 1, _frozen.LastSequence, _writer.LastStamp, _writer.ElapsedSeconds,
            _writer.NextOrdinalApplied, []);
    }

    private CheckpointPlan PlanFor(CheckpointKind kind, ShardHeader frame, ImmutableArray<Segment> inputs)
    {
        Invariant.Check(kind == CheckpointKind.Flush || frame.Epoch == Epoch || _active.IsEmpty, "the first header of an epoch covers what was replayed");
        return new CheckpointPlan(kind, Header, kind == CheckpointKind.Flush ? _frozen : null, _segments, inputs, new SegmentId(Epoch, ++_segmentNumber),
            frame with { Epoch = Epoch, Generation = ++_generation }) { RipeTrims = RipeTrims() };
    }

    /// <summary>Trims that merges may carry out now: whatever they take away has no command id that must still be recognised.</summary>
    private Dictionary<string, HistoryTrim> RipeTrims()
    {
        var ripe = new Dictionary<string, HistoryTrim>();
        foreach (var (trim, pending) in Header?.Erasure.Trims ?? [])
        {
            if (!pending.IsEmpty && trim.ElapsedSeconds < _writer.ElapsedSecondsMin) ripe.Add(trim.Dataset, trim);
        }

        return ripe;
    }

    private void Observe(Change change)
    {
        if (HistoryTrim.Of(change) is { } trim) _trims = _trims.SetItem(trim.Dataset, trim);
    }

    /// <summary>Why a command for an entity that records trims is refused; null when it is not.</summary>
    /// <remarks>One trim of a dataset is carried out before the next is taken, so they neither pile up nor contradict each other.</remarks>
    private Refusal? TrimProblem(EntityCommand command, ResolvedEntity state)
    {
        // A retry is answered like the first one.
        state.Recent.Prune(_writer.ElapsedSecondsMin);
        if (state.Recent.TryFind(command.Id, out _)) return null;
        var (head, actual) = (state.Head, state.Head?.Revision ?? 0);
        if (HistoryTrim.Of(command) is not { } trim) return new Refusal(RefusalCode.Invalid, "it is no trim", actual);
        if (EntityKey.IsReserved(trim.Dataset)) return new Refusal(RefusalCode.Invalid, "the store's own histories are not trimmed", actual);
        // Whatever is recorded later is recorded behind it.
        if (trim.Before > _writer.AppliedRecordedAt && (!_log.Clock.TryNow(out var now) || trim.Before > now))
            return new Refusal(RefusalCode.AtInFuture, $"the horizon {trim.Before} is later than what is recorded", actual);
        _ = _trims.TryGetValue(trim.Dataset, out var known);
        if (head is null) return known is null ? null : new Refusal(RefusalCode.Invalid, "another entity records the trims of the dataset", actual);
        if (head.RecordedAt > _writer.AppliedRecordedAt || !IsCarriedOut(trim.Dataset))
            return new Refusal(RefusalCode.PreconditionFailed, "the trim before it is not carried out yet", actual);
        // The entity says what was trimmed, too, where no header does.
        var horizon = (known ?? HistoryTrim.Of(head))?.Before ?? default;
        return trim.Before > horizon ? null : new Refusal(RefusalCode.AtNotLater, $"the horizon is {horizon} already", actual);
    }

    /// <summary>Whether neither memory nor segments hold anything that trims of the dataset took.</summary>
    private bool IsCarriedOut(string dataset) =>
        !_active.Trims.ContainsKey(dataset) && _frozen?.Trims.ContainsKey(dataset) != true && Header?.Erasure.IsTrimmingOf(dataset) != true;

    private static bool HoldsNoErasure(Memtable? table) => table is null or { Purged.Count: 0, Trims.Count: 0 };

    /// <param name="erases">Whether history of purged entities, or what was trimmed, is a reason.</param>
    private ImmutableArray<SegmentId> PickMerge(bool erases)
    {
        if (Header is null) return [];
        var (segments, pending) = (_segments.Segments, Header.Erasure.Pending);
        var run = _options.Merge.Pick(Header.Segments);
        if (!run.IsEmpty && !Erasure.LeavesNothing(segments, pending, run)) return run;
        if (run.IsEmpty && !erases) return [];
        if (Erasure.Pick(segments, pending) is { Length: > 0 } purged) return [.. purged.Select(static segment => segment.Info.Id)];
        // The newest first: it gets what the older ones lose.
        var ripe = RipeTrims();
        var waiting = Header.Erasure.Trims.Where(trim => ripe.ContainsKey(trim.Trim.Dataset)).SelectMany(static trim => trim.Pending).ToHashSet();
        return Header.Segments.LastOrDefault(segment => waiting.Contains(segment.Id)) is { } next ? [next.Id] : [];
    }

    private bool TryResolve(EntityKey key, out ResolvedEntity state)
    {
        if (_writer.TryResolve(key, out state)) return true;
        var entity = _active.Find(key) ?? _frozen?.Find(key);
        if (entity is not null)
        {
            state = new ResolvedEntity(entity.Current, entity.Recent);
            return true;
        }

        if (_writer.TryResolveLoaded(key, out state)) return true;
        if (_segments.MightContain(key)) return false;
        state = new ResolvedEntity(null, new RecentCommands());
        return true;
    }

    /// <summary>The segments as they are now, to be released; null when the shard has stopped. Any thread.</summary>
    internal SegmentSet? TryAcquireSegments()
    {
        while (!Volatile.Read(ref _disposed))
        {
            var segments = Volatile.Read(ref _segments);
            if (segments.TryAcquire()) return segments;
        }

        return null;
    }

    private SegmentSet AcquireSegments()
    {
        while (true)
        {
            var segments = Volatile.Read(ref _segments);
            if (segments.TryAcquire()) return segments;
            // Replaced between the two lines; the shard itself holds the new one, unless it was disposed.
            ObjectDisposedException.ThrowIf(_disposed, this);
        }
    }

    private CorruptDataException Corrupt(string expected, string found) => new($"commit log of shard {Shard}", 0, expected, found);

    private static long TagBalance(Memtable? table) => table is null ? 0 : table.TagsAddedCount - table.TagsRemovedCount;
}
