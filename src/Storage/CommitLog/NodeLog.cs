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
    private readonly Lock _gate = new();
    private readonly Lock _freeing = new();
    private readonly Dictionary<(string Node, LogId Log), LogIndex> _indexes = [];
    private readonly Dictionary<ShardId, ShardLineage> _lineages = [];
    private readonly Dictionary<ShardId, SequenceNumber> _released = [];
    private readonly ITimer _clockTimer;
    private readonly ITimer _spareTimer;
    private CommitLogWriter _writer = null!;
    private GroupCommitter _committer = null!;
    private bool _disposed;

    private NodeLog(IFileSystem files, string data, string node, CommitLogOptions options, TimeProvider time, StoreProcess process)
    {
        (_files, _data, Node, _options, _time, _process) = (files, data, node, options, time, process);
        _claims = new EpochClaims(files, data, process.Id);
        StartLog();
        Clock = new NodeClock(files, _writer.Directory, options, time, ReadClockFloor());
        _clockTimer = time.CreateTimer(_ => TryRenewClock(), null, options.ClockRenewal, options.ClockRenewal);
        _spareTimer = time.CreateTimer(_ => TryPrepareSpare(), null, TimeSpan.Zero, options.SpareRetry);
        _writer.SpareTaken = PrepareSpareSoon;
    }

    public string Node { get; }

    public LogId Current => _writer.Log;

    public NodeClock Clock { get; }

    /// <summary>False when the disk has no room for the next log file; true again by itself when there is.</summary>
    public bool AcceptsWrites => _writer.HasRoom || _writer.HasFailed;

    public LogStatistics Statistics
    {
        get
        {
            lock (_gate)
            {
                var files = IndexOf(Node, _writer.Log, isOwn: true).FileStarts().Count + (_writer.NeedsSpare ? 0 : 1);
                return new LogStatistics(files, (long)files * _options.FileBytes, _indexes.Count - 1, PinningShard(), _committer.Groups,
                    _committer.Records, _committer.RecordBytes, _committer.SyncTotal, _committer.SyncMax);
            }
        }
    }

    /// <summary>Starts a new log; those of earlier starts are left for their shards to take over.</summary>
    /// <exception cref="StoreIoException">The disk refused.</exception>
    public static NodeLog Open(IFileSystem files, string dataDirectory, string node, CommitLogOptions options, TimeProvider time) =>
        Open(files, dataDirectory, node, options, time, StoreProcess.Current);

    internal static NodeLog Open(IFileSystem files, string dataDirectory, string node, CommitLogOptions options, TimeProvider time,
        StoreProcess process)
    {
        options.Check();
        return new NodeLog(files, dataDirectory, node, options, time, process);
    }

    /// <summary>Claims the shard's next epoch and gathers every event that counts. Blocks on disk.</summary>
    /// <param name="readHeaders">Called after the claim; lists the shard's headers afresh.</param>
    /// <exception cref="CorruptDataException">An event that may have been acknowledged is damaged or missing.</exception>
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
        committer.Barrier(shard, claim.Epoch);
        var coverage = readHeaders();
        var own = IndexOf(Node, writer.Log, isOwn: true);
        var (pieces, seals, floor) = ReadPredecessors(shard, claim, coverage);
        AppendAgain(shard, claim.Epoch, pieces, committer);

        pieces = [.. pieces.Select(piece => Sealed(piece, seals)), new LineagePiece(own, claim.Epoch, 0, long.MaxValue)];
        var lineage = new ShardLineage(shard, claim.Epoch, writer.Log, floor, pieces);
        // Everything retained must be there before it is said that the epoch serves.
        lineage.CheckGapless(coverage.OlderSequence);
        _claims.WriteOpened(shard, writer.Log, new OpenedEpoch(claim.Epoch, lineage.LastSequence, seals));
        lock (_gate) _lineages[shard] = lineage;
        return new ShardTakeover(claim.Epoch, lineage.LastSequence, Clock.Floor);
    }

    public bool IsStillOwner(ShardId shard, Epoch epoch) => _claims.IsStillOwner(shard, epoch);

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
    public IEnumerable<LogEvent> Read(ShardId shard, SequenceNumber from, SequenceNumber to) => LineageOf(shard).Read(from, to);

    public SequenceNumber LastSequence(ShardId shard) => LineageOf(shard).LastSequence;

    /// <summary>Frees what no shard's two committed headers need: log files, dead logs, old claims. A fenced owner frees nothing.</summary>
    public void Release(ShardId shard, Epoch owner, HeaderCoverage covered)
    {
        if (covered.OlderEpoch.Value == 0 || !IsStillOwner(shard, owner)) return;
        _claims.DeleteBelow(shard, covered.OlderEpoch);
        CommitLogWriter writer;
        lock (_gate)
        {
            _released[shard] = covered.OlderSequence;
            writer = _writer;
        }

        // Not under the gate: freeing waits for the disk, appends must not.
        lock (_freeing)
        {
            FreeOwnFiles(writer);
            FreeDeadLogs(writer.Log);
        }
    }

    /// <summary>Reads every log and claim of a closed store and says what is wrong with them. Changes nothing.</summary>
    public static IEnumerable<LogFinding> Inspect(IFileSystem files, string dataDirectory, Func<ShardId, HeaderCoverage> readHeaders) =>
        new LogInspector(files, dataDirectory, readHeaders).Inspect();

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
        Clock.Dispose();
        foreach (var index in _indexes.Values) index.Dispose();
    }

    private void StartLog()
    {
        var log = new LogId(BitConverter.ToUInt64(_process.NewGuid().ToByteArray()) | 1);
        var directory = LogLayout.LogDirectory(_data, Node, log);
        var index = IndexOf(Node, log, isOwn: true);
        _writer = CommitLogWriter.Create(_files, directory, log, _options, index);
        _committer = new GroupCommitter(_writer, _options, _claims.IsStillOwner, _time, _process.HasCommitThread);
    }

    private void RestartLog()
    {
        // The failed log stays on disk as a predecessor's; what of it was synced counts.
        _committer.Dispose();
        StartLog();
        _writer.SpareTaken = PrepareSpareSoon;
    }

    /// <summary>At once: by the next turn of the timer a busy log may have filled its file, and would say that the disk is full.</summary>
    private void PrepareSpareSoon() => _spareTimer.Change(TimeSpan.Zero, _options.SpareRetry);

    private LogIndex IndexOf(string node, LogId log, bool isOwn)
    {
        lock (_gate)
        {
            if (!_indexes.TryGetValue((node, log), out var index))
                _indexes[(node, log)] = index = new LogIndex(_files, LogLayout.LogDirectory(_data, node, log), log, isOwn);
            return index;
        }
    }

    private (List<LineagePiece> Pieces, List<Seal> Seals, SequenceNumber Floor) ReadPredecessors(
        ShardId shard, EpochClaim own, HeaderCoverage coverage)
    {
        var claims = new List<EpochClaim>();
        foreach (var epoch in _claims.List(shard))
        {
            if (epoch >= coverage.OlderEpoch && epoch < own.Epoch) claims.Add(_claims.Read(shard, epoch));
        }

        var first = claims.Count > 0 ? claims[0].Epoch : own.Epoch;
        if (own.Epoch <= coverage.OlderEpoch || first.Value != Math.Max(coverage.OlderEpoch.Value, 1))
            throw new CorruptDataException(LogLayout.EpochDirectory(_data, shard), 0, "every claim since the older header's", "a gap");

        // The newest epoch that served knows where all before it ended; epochs claimed after it but never opened hold nothing.
        OpenedEpoch? opened = null;
        for (var i = claims.Count - 1; i >= 0 && opened is null; i--) opened = _claims.ReadOpened(shard, claims[i].Epoch);
        var pieces = new List<LineagePiece>();
        var seals = new List<Seal>();
        if (opened is null) return (pieces, seals, coverage.OlderSequence);
        foreach (var claim in claims)
        {
            if (claim.Epoch > opened.Epoch) break;
            var index = IndexOf(claim.Node, claim.Log, isOwn: false);
            index.Scan();
            var position = claim.Epoch == opened.Epoch ? SealOf(shard, claim, index) : SealIn(opened, claim.Epoch);
            seals.Add(new Seal(claim.Epoch, claim.Node, claim.Log, position));
            // What stands past the seal of the last one is appended again by the caller.
            pieces.Add(new LineagePiece(index, claim.Epoch, claim.StartPosition, claim.Epoch == opened.Epoch ? long.MaxValue : position));
        }

        var floor = opened.LastSequence > coverage.OlderSequence ? opened.LastSequence : coverage.OlderSequence;
        return (pieces, seals, floor);
    }

    /// <summary>The watermark of a predecessor's log: up to it everything was durable, past it that is not known.</summary>
    private static long SealOf(ShardId shard, EpochClaim claim, LogIndex index)
    {
        var last = index.Find(shard, claim.Epoch, claim.StartPosition, long.MaxValue);
        var known = last.Count > 0 ? last[^1].Position : claim.StartPosition;
        if (index.DamageAfter(known) is { } damage)
        {
            throw new CorruptDataException(index.Directory, damage.From,
                $"synced records up to byte {damage.To} that may hold events of shard {shard}", "other bytes");
        }

        return Math.Max(index.Watermark, claim.StartPosition);
    }

    private static long SealIn(OpenedEpoch opened, Epoch epoch)
    {
        foreach (var seal in opened.Seals)
        {
            if (seal.Epoch == epoch) return seal.Position;
        }

        // Claimed before it but never opened.
        return 0;
    }

    /// <summary>Events that a killed predecessor wrote but may not have synced: visible now, gone after a power cut. They are made durable here.</summary>
    private static void AppendAgain(ShardId shard, Epoch epoch, List<LineagePiece> pieces, GroupCommitter committer)
    {
        if (pieces.Count == 0) return;
        var last = pieces[^1];
        var appended = new List<Task>();
        foreach (var entry in last.Index.Find(shard, last.Epoch, Math.Max(last.Index.Watermark, last.From), long.MaxValue))
            appended.Add(committer.AppendAsync(new LogAppend(shard, epoch, entry.Sequence, last.Index.ReadBody(entry))));
        committer.WaitFor(appended);
    }

    private static LineagePiece Sealed(LineagePiece piece, List<Seal> seals) =>
        piece with { To = seals.Find(seal => seal.Epoch == piece.Epoch).Position };

    private ShardLineage LineageOf(ShardId shard)
    {
        lock (_gate)
        {
            return _lineages.TryGetValue(shard, out var lineage)
                ? lineage
                : throw new InvariantViolationException($"shard {shard} is taken over before it is read");
        }
    }

    private bool IsFree(IReadOnlyDictionary<ShardId, SequenceNumber> lastSequences)
    {
        lock (_gate)
        {
            foreach (var (shard, last) in lastSequences)
            {
                if (!_released.TryGetValue(shard, out var released) || released < last) return false;
            }
        }

        return true;
    }

    /// <remarks>
    /// Oldest first, and each durably gone before the next: a power cut may undo some deletions of a directory and not others, and a log
    /// with a hole in it reads as damaged.
    /// </remarks>
    private void FreeOwnFiles(CommitLogWriter writer)
    {
        var index = IndexOf(Node, writer.Log, isOwn: true);
        foreach (var start in index.FileStarts())
        {
            var end = start + _options.FileBytes;
            if (start >= writer.FileStart || !IsFree(index.LastSequences(start, end))) return;
            index.Forget(end);
            writer.Recycle(start);
            _files.SyncDirectory(writer.Directory);
        }
    }

    private void FreeDeadLogs(LogId current)
    {
        KeyValuePair<(string Node, LogId Log), LogIndex>[] indexes;
        lock (_gate) indexes = [.. _indexes];
        foreach (var (key, index) in indexes)
        {
            // Another shard may just have begun to read this log: its index is empty, the log is not.
            if (key.Log == current || !index.IsComplete || !IsFree(index.LastSequences(0, long.MaxValue))) continue;
            if (_files.DirectoryExists(index.Directory))
            {
                var held = _files.TryLock(Path.Combine(index.Directory, LogLayout.LockFile));
                // A process that still runs may serve shards we do not know of.
                if (held is null) continue;
                using (held) DeleteLog(index);
            }

            index.Dispose();
            lock (_gate) _indexes.Remove(key);
        }
    }

    private void DeleteLog(LogIndex index)
    {
        foreach (var start in index.FileStarts())
        {
            _files.Delete(Path.Combine(index.Directory, LogLayout.FileName(start)));
            _files.SyncDirectory(index.Directory);
        }

        foreach (var name in _files.List(index.Directory)) _files.Delete(Path.Combine(index.Directory, name));
        _files.DeleteDirectory(index.Directory);
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
                var isOurs = _lineages.ContainsKey(shard);
                if (isOurs && (!_released.TryGetValue(shard, out var released) || released < last)) return shard;
            }
        }

        return null;
    }

    private Timestamp ReadClockFloor()
    {
        var floor = default(Timestamp);
        var nodes = LogLayout.NodesDirectory(_data);
        foreach (var node in _files.List(nodes))
        {
            foreach (var log in _files.List(Path.Combine(nodes, node)))
            {
                var reserved = NodeClock.ReadReserved(_files, Path.Combine(nodes, node, log));
                if (reserved > floor) floor = reserved;
            }
        }

        return floor;
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
            // AcceptsWrites turns false while the current file still has room; the timer tries again.
            return;
        }
    }
}
