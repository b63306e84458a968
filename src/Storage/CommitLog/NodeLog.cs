using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>The commit log of one process for all its shards, with their claims and the clock. Thread-safe.</summary>
/// <remarks>
/// Rules 1 to 10 and 18 of the protocol (docs/ARCHITECTURE.md, "Ownership"). Take-over: claim; barrier through one's own writer; list the
/// headers; read the predecessors' logs; append what was not surely durable again; sync; write the opened file. Only then serve.
/// </remarks>
public sealed class NodeLog : IDisposable
{
    private readonly IFileSystem _files;
    private readonly string _data;
    private readonly CommitLogOptions _options;
    private readonly TimeProvider _time;
    private readonly StoreProcess _process;
    private readonly EpochClaims _claims;
    private readonly LineageReader _predecessors;
    private readonly DeadLogs _deadLogs;
    private readonly LogCoverage _coverage;
    private readonly Lock _gate = new();
    private readonly Lock _freeing = new();
    private readonly Dictionary<(string Node, LogId Log), LogIndex> _indexes = [];
    private readonly Dictionary<ShardId, ShardLineage> _lineages = [];
    private readonly IDisposable _clockTimer;
    private readonly ITimer _spareTimer;
    private CommitLogWriter _writer;
    private GroupCommitter _committer;
    private long _promised;
    private bool _disposed;

    private NodeLog(IFileSystem files, string data, string node, CommitLogOptions options, TimeProvider time, StoreProcess process,
        Func<ShardId, HeaderCoverage>? readHeaders)
    {
        (_files, _data, Node, _options, _time, _process) = (files, data, node, options, time, process);
        _coverage = new LogCoverage(readHeaders, Owns);
        _claims = new EpochClaims(files, data, process.Id);
        _predecessors = new LineageReader(_claims, data, IndexOf);
        _deadLogs = new DeadLogs(files, data, _claims, IndexOf, (shard, log) => LineageIfOwner(shard) is { } lineage && lineage.Log != log,
            IsDamageUnneeded);
        var (writer, committer) = StartLog();
        (_writer, _committer) = (writer, committer);
        try
        {
            Clock = new NodeClock(files, writer.Directory, () => writer.Synced, options, time, NodeClock.ReadFloor(files, data, node, writer.Log));
        }
        catch
        {
            committer.Dispose();
            throw;
        }

        _clockTimer = ThreadTimer.Start(time, $"clock-{writer.Log}", TryRenewClock, options.ClockRenewal);
        _spareTimer = time.CreateTimer(_ => TryPrepareSpare(), null, TimeSpan.Zero, options.SpareRetry);
        _writer.SpareTaken = PrepareSpareSoon;
    }

    public string Node { get; }

    /// <summary>Whether damaged logs of ended processes are deleted too, once this process owns every shard and two headers cover all it took over.</summary>
    public bool FreesDamagedLogs { get; set; }

    public LogId Current => _writer.Log;

    public NodeClock Clock { get; }

    /// <summary>Whether the disk refused the next log file for want of room. It is asked again by itself.</summary>
    public bool IsDiskFull => _writer.IsDiskFull;

    public LogStatistics Statistics
    {
        get
        {
            lock (_gate)
            {
                var files = _indexes[(Node, _writer.Log)].FileStarts().Count + (_writer.NeedsSpare ? 0 : 1);
                return new LogStatistics(files, (long)files * _options.FileBytes, _indexes.Count - 1, PinningShard(), _committer.Groups,
                    _committer.Records, _committer.RecordBytes, _committer.SyncTotal, _committer.SyncMax);
            }
        }
    }

    /// <summary>Starts a new log; those of earlier starts are left for their shards to take over.</summary>
    /// <param name="readHeaders">
    /// What a shard's headers on disk cover, for shards that another process owns now; without it only <see cref="Release"/> tells.
    /// </param>
    /// <exception cref="StoreIoException">The disk refused.</exception>
    public static NodeLog Open(IFileSystem files, string dataDirectory, string node, CommitLogOptions options, TimeProvider time,
        Func<ShardId, HeaderCoverage>? readHeaders = null) =>
        Open(files, dataDirectory, node, options, time, StoreProcess.Current, readHeaders);

    internal static NodeLog Open(IFileSystem files, string dataDirectory, string node, CommitLogOptions options, TimeProvider time,
        StoreProcess process, Func<ShardId, HeaderCoverage>? readHeaders = null)
    {
        options.Check();
        return new NodeLog(files, dataDirectory, node, options, time, process, readHeaders);
    }

    /// <summary>Claims the shard's next epoch and gathers every event that counts. Blocks on disk.</summary>
    /// <param name="readHeaders">Called after the claim; lists the shard's headers afresh.</param>
    /// <exception cref="CorruptDataException">An event that may have been acknowledged is damaged or missing.</exception>
    /// <exception cref="StaleEpochException">Another owner has claimed the shard after this one.</exception>
    public ShardTakeover TakeOver(ShardId shard, Func<HeaderCoverage> readHeaders)
    {
        CommitLogWriter writer;
        GroupCommitter committer;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_writer.HasFailed) RestartLog();
            (writer, committer) = (_writer, _committer);
        }

        var claim = _claims.Claim(shard, Node, writer.Log, writer.Synced);
        return _claims.AsOwner(shard, claim.Epoch, () => Recover(shard, claim.Epoch, writer, committer, readHeaders));
    }

    public bool IsStillOwner(ShardId shard, Epoch epoch) => _claims.IsStillOwner(shard, epoch);

    /// <summary>For what an owner reads that a newer one may have removed: see <see cref="EpochClaims.AsOwner"/>.</summary>
    internal T AsOwner<T>(ShardId shard, Epoch epoch, Func<T> action) => _claims.AsOwner(shard, epoch, action);

    /// <summary>Completes after write → sync → still owner.</summary>
    /// <returns>
    /// Faults with <see cref="StaleEpochException"/>, <see cref="CommitLogFailedException"/> (outcome unknown),
    /// <see cref="StorageFullException"/> or <see cref="CommitLogBusyException"/> (nothing written).
    /// </returns>
    public Task AppendAsync(LogAppend append)
    {
        lock (_gate)
        {
            if (!_lineages.TryGetValue(append.Shard, out var lineage) || lineage.Epoch != append.Epoch)
                return Task.FromException(new StaleEpochException(append.Shard, append.Epoch));
            if (lineage.Log != _writer.Log)
                return Task.FromException(new CommitLogFailedException($"log {lineage.Log}, which epoch {append.Epoch} was claimed for, has failed"));
            return _committer.AppendAsync(append);
        }
    }

    /// <summary>Sets room aside for a record, so that it never meets a full disk once its changes were stamped. Any thread.</summary>
    /// <param name="bytes">Upper bound of the record's body, or of what is added to it.</param>
    /// <param name="isNew">Whether this is the record's first part.</param>
    /// <returns>Bytes for <see cref="GiveBack"/> when the append is over; null when there is no such room now.</returns>
    public long? TryPromise(long bytes, bool isNew)
    {
        // A record alone in its group is rounded up to a sector, and a sector may follow that tells the watermark.
        var promise = isNew ? LogLayout.GroupBytes(RecordHeader.SizeBytes + bytes) + LogLayout.SectorBytes : bytes;
        var before = Interlocked.Add(ref _promised, promise) - promise;
        // The largest record must fit alone in a new file, if not beside two watermarks. A failed log says so itself.
        if (before + promise <= _writer.Room || (before == 0 && !_writer.NeedsSpare) || _writer.HasFailed) return promise;
        GiveBack(promise);
        return null;
    }

    public void GiveBack(long promise) => Interlocked.Add(ref _promised, -promise);

    /// <summary>Commits what is queued, when the process gives the log no thread to do so.</summary>
    internal void CommitWaiting() => _committer.CommitWaiting();

    /// <summary>What happens when nothing was appended for a while, when the process gives the log no thread to notice.</summary>
    internal void BeIdle() => _committer.BeIdle();

    public Task WhenQuiet(ShardId shard)
    {
        lock (_gate) return _committer.WhenQuiet(shard);
    }

    /// <summary>Events in order without gaps.</summary>
    /// <exception cref="CorruptDataException">One is missing or damaged.</exception>
    /// <exception cref="StaleEpochException">One is gone since a newer owner's headers cover it.</exception>
    public IEnumerable<LogEvent> Read(ShardId shard, SequenceNumber from, SequenceNumber to)
    {
        var lineage = LineageOf(shard);
        using var events = lineage.Read(from, to).GetEnumerator();
        while (_claims.AsOwner(shard, lineage.Epoch, events.MoveNext)) yield return events.Current;
    }

    public SequenceNumber LastSequence(ShardId shard) => LineageOf(shard).LastSequence;

    /// <summary>Frees what no shard's two committed headers need: log files, dead logs, old claims. A fenced owner frees nothing.</summary>
    public void Release(ShardId shard, Epoch owner, HeaderCoverage covered)
    {
        if (covered.OlderEpoch.Value == 0 || !IsStillOwner(shard, owner)) return;
        _claims.DeleteBelow(shard, covered.OlderEpoch);
        CommitLogWriter writer;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            writer = _writer;
        }

        _coverage.Raise(shard, covered.OlderSequence);
        Free(writer);
    }

    /// <summary>Lets go of log files that hold events up to a shard's last purge: the current one is ended, those that nobody needs are freed.</summary>
    /// <param name="purgedThrough">Event of the shard's last purge that a header covers; 0 when there is none.</param>
    /// <returns>A shard of this process that has to be checkpointed before the oldest of them can go; null when there is none.</returns>
    public ShardId? Erase(Func<ShardId, SequenceNumber> purgedThrough)
    {
        CommitLogWriter writer;
        GroupCommitter committer;
        List<LogIndex> indexes;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            (writer, committer, indexes) = (_writer, _committer, [.. _indexes.Values]);
        }

        if (!indexes.Any(index => HoldsPurged(index, 0))) return null;
        if (indexes.Any(index => index.Log == writer.Log && HoldsPurged(index, writer.FileStart))) committer.EndFile();
        Free(writer);
        lock (_gate) return PinningShard();

        bool HoldsPurged(LogIndex index, long from) => index.FirstSequences(from).Any(pair => pair.Value <= purgedThrough(pair.Key));
    }

    /// <summary>Whether this process owns the shard now.</summary>
    public bool Owns(ShardId shard) => LineageIfOwner(shard) is not null;

    /// <summary>Reads the claim of a shard that this process owns, and the events that two headers do not cover yet, past every cache.</summary>
    /// <returns>Bytes read at each step, so that the caller may take its time.</returns>
    /// <param name="claimFound">Told of damage to the claim.</param>
    /// <param name="eventFound">Told of damage to an event, and whether it is in the log that this process writes.</param>
    public IEnumerable<long> Check(ShardId shard, Action<CorruptDataException> claimFound,
        Action<CorruptDataException, bool> eventFound)
    {
        if (LineageIfOwner(shard) is not { } lineage) yield break;
        if (_claims.FindDamage(shard, lineage.Epoch) is { } claim && LineageIfOwner(shard)?.Epoch == lineage.Epoch) claimFound(claim);
        yield return LogLayout.SectorBytes;
        List<LogIndex> indexes;
        lock (_gate) indexes = [.. _indexes.Values];
        foreach (var index in indexes)
        {
            // Told only when it may be mended by that: what was taken over from it did not need these bytes.
            if (FreesDamagedLogs && !index.IsOwn && index.Damage is [var first, ..]) eventFound(index.Describe(first), false);
            var steps = index.Check(shard, entry => _coverage.IsNeeded(entry.Shard, entry.Sequence), damage => eventFound(damage, index.IsOwn));
            foreach (var bytes in steps) yield return bytes;
        }
    }

    /// <summary>Reads every log and claim of a closed store and says what is wrong with them. Changes nothing.</summary>
    public static IReadOnlyList<LogFinding> Inspect(IFileSystem files, string dataDirectory, Func<ShardId, HeaderCoverage> readHeaders)
    {
        using var inspector = new LogInspector(files, dataDirectory, readHeaders);
        return inspector.Inspect();
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
        }

        _clockTimer.Dispose();
        _spareTimer.Dispose();
        _committer.Dispose();
        // What a clean stop has synced is known to the byte.
        TryRenewClock();
        Clock.Dispose();
        foreach (var index in _indexes.Values) index.Dispose();
    }

    private ShardTakeover Recover(ShardId shard, Epoch epoch, CommitLogWriter writer, GroupCommitter committer, Func<HeaderCoverage> readHeaders)
    {
        committer.Barrier(shard, epoch);
        var coverage = readHeaders();
        // After the claim: from here on no predecessor answers for a time that it had not reserved yet.
        var floor = NodeClock.ReadFloor(_files, _data, Node, _writer.Log);
        if (Clock.Floor > floor) floor = Clock.Floor;
        if (Clock.Answered > floor) floor = Clock.Answered;
        var before = _predecessors.Read(shard, epoch, coverage, coverage.UsableEpoch);
        AppendAgain(shard, epoch, before.Unsealed, committer);

        var own = new LineagePiece(IndexOf(Node, writer.Log), epoch, 0, long.MaxValue);
        var lineage = new ShardLineage(shard, epoch, writer.Log, before.Floor, [.. before.Pieces, own]);
        // Everything that is needed must be there, and no successor may start at an earlier time, before it is said that the epoch serves.
        // Damage to what the newest header covers stops no one: it is found when a longer replay asks for it, and by an inspection.
        lineage.CheckGapless(coverage.UsableSequence);
        Clock.ReserveBeyond(floor);
        _claims.WriteOpened(shard, writer.Log, new OpenedEpoch(epoch, lineage.LastSequence, before.Seals));
        lock (_gate)
        {
            // Two take-overs of one shard may race in one process.
            if (_lineages.TryGetValue(shard, out var newer) && newer.Epoch > epoch) throw new StaleEpochException(shard, epoch);
            _lineages[shard] = lineage;
            _coverage.TakenOver(shard, lineage.LastSequence);
            _coverage.Raise(shard, coverage.OlderSequence);
        }

        return new ShardTakeover(epoch, lineage.LastSequence, floor);
    }

    private (CommitLogWriter, GroupCommitter) StartLog()
    {
        var log = new LogId(BitConverter.ToUInt64(_process.NewGuid().ToByteArray()) | 1);
        var directory = LogLayout.LogDirectory(_data, Node, log);
        var index = new LogIndex(_files, directory, log, isOwn: true);
        var writer = CommitLogWriter.Create(_files, directory, log, _options, index);
        lock (_gate) _indexes[(Node, log)] = index;
        return (writer, new GroupCommitter(writer, _options, _claims.IsStillOwner, _time, _process.HasCommitThread));
    }

    private void RestartLog()
    {
        var (writer, committer) = StartLog();
        try
        {
            Clock.MoveTo(writer.Directory, () => writer.Synced);
        }
        catch
        {
            committer.Dispose();
            throw;
        }

        // The failed log stays on disk as a predecessor's; what of it was synced counts.
        _committer.Dispose();
        (_writer, _committer) = (writer, committer);
        _writer.SpareTaken = PrepareSpareSoon;
    }

    /// <summary>At once: by the next turn of the timer a busy log may have filled its file, and would say that the disk is full.</summary>
    private void PrepareSpareSoon() => _spareTimer.Change(TimeSpan.Zero, _options.SpareRetry);

    private LogIndex IndexOf(string node, LogId log)
    {
        lock (_gate)
        {
            if (!_indexes.TryGetValue((node, log), out var index))
                _indexes[(node, log)] = index = new LogIndex(_files, LogLayout.LogDirectory(_data, node, log), log, isOwn: false);
            return index;
        }
    }

    private void Forget(string node, LogId log)
    {
        lock (_gate)
        {
            if (_indexes.Remove((node, log), out var index)) index.Dispose();
        }
    }

    /// <summary>Logs that another process freed: an index keeps files open, whose room the disk gives back only then.</summary>
    private void ForgetDeleted(LogId current)
    {
        List<(string Node, LogId Log)> known;
        lock (_gate) known = [.. _indexes.Keys.Where(key => key.Log != current)];
        foreach (var (node, log) in known)
        {
            if (!_files.DirectoryExists(LogLayout.LogDirectory(_data, node, log))) Forget(node, log);
        }
    }

    /// <summary>Events that a killed predecessor wrote but may not have synced: visible now, gone after a power cut. They are made durable here.</summary>
    private static void AppendAgain(ShardId shard, Epoch epoch, LineagePiece? unsealed, GroupCommitter committer)
    {
        if (unsealed is null) return;
        var appended = new List<Task>();
        foreach (var entry in unsealed.Index.Find(shard, unsealed.Epoch, unsealed.From, unsealed.To))
            appended.Add(committer.AppendAsync(new LogAppend(shard, epoch, entry.Sequence, unsealed.Index.ReadBody(entry)) { IsAgain = true }));
        committer.WaitFor(appended);
    }

    private ShardLineage LineageOf(ShardId shard)
    {
        lock (_gate)
        {
            return _lineages.TryGetValue(shard, out var lineage)
                ? lineage
                : throw new InvariantViolationException($"shard {shard} is taken over before it is read");
        }
    }

    private ShardLineage? LineageIfOwner(ShardId shard)
    {
        ShardLineage? lineage;
        lock (_gate) lineage = _lineages.GetValueOrDefault(shard);
        return lineage is not null && IsStillOwner(shard, lineage.Epoch) ? lineage : null;
    }

    private bool IsDamageUnneeded()
    {
        if (!FreesDamagedLogs) return false;
        foreach (var name in _files.List(LogLayout.ShardsDirectory(_data)))
        {
            if (!int.TryParse(name, out var number)) continue;
            var shard = new ShardId(number);
            if (LineageIfOwner(shard) is null || !_coverage.IsTakenOverAndCovered(shard)) return false;
        }

        return true;
    }

    // Not under the gate: freeing waits for the disk, and may read a dead log to its end; appends must not wait for that.
    private void Free(CommitLogWriter writer)
    {
        lock (_freeing)
        {
            FreeOwnFiles(writer);
            _deadLogs.Free(writer.Log, _coverage.IsCovered, Forget);
            ForgetDeleted(writer.Log);
        }
    }

    /// <remarks>
    /// Oldest first, and each durably gone before the next: a power cut may undo some deletions of a directory and not others, and a log
    /// with a hole in it reads as damaged.
    /// </remarks>
    private void FreeOwnFiles(CommitLogWriter writer)
    {
        var index = IndexOf(Node, writer.Log);
        foreach (var start in index.FileStarts())
        {
            var end = start + _options.FileBytes;
            if (start >= writer.FileStart) return;
            foreach (var (shard, last) in index.LastSequences(start, end))
            {
                if (!_coverage.IsCovered(shard, last)) return;
            }

            // Said first: a file that is missing and of which this was not said is lost.
            if (!Clock.TryFree(writer.Log, end)) return;
            index.Forget(end);
            writer.Recycle(start);
            _files.SyncDirectory(writer.Directory);
        }
    }

    private ShardId? PinningShard()
    {
        foreach (var (key, index) in _indexes)
        {
            var isCurrent = key.Log == _writer.Log;
            var starts = index.FileStarts();
            if (starts.Count == 0 || (isCurrent && starts[0] >= _writer.FileStart)) continue;
            var end = isCurrent ? starts[0] + _options.FileBytes : long.MaxValue;
            foreach (var (shard, last) in index.LastSequences(0, end))
            {
                if (_coverage.IsNeeded(shard, last) && LineageIfOwner(shard) is not null) return shard;
            }
        }

        return null;
    }

    private void TryRenewClock()
    {
        try
        {
            Clock.Renew();
        }
        catch (Exception failure) when (failure is StoreIoException or ObjectDisposedException)
        {
            // The old reservation runs out and stamping stops until a later renewal succeeds.
            return;
        }
    }

    private void TryPrepareSpare()
    {
        try
        {
            if (_writer.NeedsSpare) _writer.PrepareSpare();
        }
        catch (StoreIoException)
        {
            // Nothing more is promised than the current file holds; the timer tries again.
            return;
        }
    }
}
