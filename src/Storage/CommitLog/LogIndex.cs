using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>Where one event stands in a log.</summary>
internal readonly record struct LogEntry(ShardId Shard, Epoch Epoch, SequenceNumber Sequence, long Position, int BodyBytes, uint Checksum, bool IsAgain)
{
    public long End => Position + LogLayout.RecordBytes(BodyBytes);
}

/// <summary>Bytes between two positions of a log that were synced and cannot be read.</summary>
internal readonly record struct DamagedRange(long From, long To);

/// <summary>Events of one log by shard. A log of another process is read incrementally, each byte once; one's own is told. Thread-safe.</summary>
internal sealed class LogIndex(IFileSystem files, string directory, LogId log, bool isOwn) : IDisposable
{
    private readonly Lock _lock = new();
    // Per shard in the order of the log, so that a position is found by bisection.
    private readonly Dictionary<ShardId, List<LogEntry>> _entries = [];
    private readonly List<DamagedRange> _damage = [];
    private readonly Dictionary<long, IStoreFile> _open = [];
    private readonly LogReader _reader = new(files, directory, log);
    private uint? _previousChecksum;
    private long _end;

    public LogId Log { get; } = log;

    public string Directory { get; } = directory;

    /// <summary>Written by this process: it is told what is durable and never reads to find out.</summary>
    public bool IsOwn { get; } = isOwn;

    /// <summary>Whether the log was read to its end. Before that an index without events says nothing about the log.</summary>
    public bool IsComplete { get; private set; } = isOwn;

    /// <summary>Highest position up to which the log is known to be synced.</summary>
    public long Watermark { get; private set; }

    /// <summary>Synced bytes that cannot be read, in files that are still there.</summary>
    public IReadOnlyList<DamagedRange> Damage
    {
        get
        {
            lock (_lock) return [.. _damage];
        }
    }

    public IReadOnlyList<ShardId> Shards
    {
        get
        {
            lock (_lock) return [.. _entries.Keys];
        }
    }

    /// <summary>One's own log: what was just made durable.</summary>
    public void Add(ReadOnlySpan<LogEntry> entries, long synced)
    {
        lock (_lock)
        {
            Watermark = synced;
            foreach (var entry in entries) AddEntry(entry);
        }
    }

    /// <summary>Events of a shard under one epoch with from ≤ position &lt; to, in the order of the log.</summary>
    public List<LogEntry> Find(ShardId shard, Epoch epoch, long from, long to)
    {
        lock (_lock)
        {
            var found = new List<LogEntry>();
            if (!_entries.TryGetValue(shard, out var entries)) return found;
            for (var i = FirstFrom(entries, from); i < entries.Count && entries[i].Position < to; i++)
            {
                if (entries[i].Epoch == epoch) found.Add(entries[i]);
            }

            return found;
        }
    }

    /// <summary>The last of the events that <see cref="Find"/> would give.</summary>
    public LogEntry? FindLast(ShardId shard, Epoch epoch, long from, long to)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(shard, out var entries)) return null;
            for (var i = FirstFrom(entries, to) - 1; i >= 0 && entries[i].Position >= from; i--)
            {
                if (entries[i].Epoch == epoch) return entries[i];
            }

            return null;
        }
    }

    /// <summary>Damage that may have taken an event which no later event would show to be missing.</summary>
    public DamagedRange? DamageAfter(long position)
    {
        lock (_lock)
        {
            foreach (var range in _damage)
            {
                if (range.To > position) return range;
            }

            return null;
        }
    }

    /// <summary>Forgets the events that stand before a position, whose file is gone.</summary>
    public void Forget(long before)
    {
        lock (_lock)
        {
            foreach (var entries in _entries.Values) entries.RemoveRange(0, FirstFrom(entries, before));
            foreach (var start in _open.Keys.Where(start => start < before).ToArray())
            {
                _open[start].Dispose();
                _open.Remove(start);
            }
        }
    }

    /// <summary>The shard and last event of each shard with events from <paramref name="from"/> to before <paramref name="to"/>.</summary>
    public IReadOnlyDictionary<ShardId, SequenceNumber> LastSequences(long from, long to)
    {
        lock (_lock)
        {
            var last = new Dictionary<ShardId, SequenceNumber>();
            foreach (var (shard, entries) in _entries)
            {
                var index = FirstFrom(entries, to) - 1;
                if (index >= 0 && entries[index].Position >= from) last[shard] = entries[index].Sequence;
            }

            return last;
        }
    }

    /// <summary>The first event of each shard with events from a position on.</summary>
    public IReadOnlyDictionary<ShardId, SequenceNumber> FirstSequences(long from)
    {
        lock (_lock)
        {
            var first = new Dictionary<ShardId, SequenceNumber>();
            foreach (var (shard, entries) in _entries)
            {
                var index = FirstFrom(entries, from);
                if (index < entries.Count) first[shard] = entries[index].Sequence;
            }

            return first;
        }
    }

    /// <exception cref="CorruptDataException">The bytes are no longer what they were.</exception>
    public ReadOnlyMemory<byte> ReadBody(LogEntry entry)
    {
        var record = new byte[RecordHeader.SizeBytes + entry.BodyBytes];
        int count;
        long start;
        // Under the lock: a file that is forgotten is closed, and its descriptor may be another file's by then.
        lock (_lock) count = FileOf(entry.Position, out start).Read(entry.Position - start, record);
        if (count == record.Length && RecordHeader.TryRead(record, Log, entry.Position, out var header)
            && header.Checksum == entry.Checksum && RecordHeader.ComputeChecksum(record) == entry.Checksum)
            return record.AsMemory(RecordHeader.SizeBytes);
        throw new CorruptDataException(PathOf(start), entry.Position - start, $"event {entry.Sequence} of shard {entry.Shard}", "other bytes");
    }

    /// <summary>A damaged range as an error that names its place.</summary>
    public CorruptDataException Describe(DamagedRange range)
    {
        var (path, offset) = PlaceOf(range.From);
        return new CorruptDataException(path, offset, $"{range.To - range.From} synced bytes", "other bytes");
    }

    /// <summary>Reads the events of a shard again, past every cache.</summary>
    /// <param name="isNeeded">Whether an event still counts here; others are not read.</param>
    /// <returns>Bytes read at each step, so that the caller may take its time.</returns>
    public IEnumerable<long> Check(ShardId shard, Func<LogEntry, bool> isNeeded, Action<CorruptDataException> found)
    {
        List<LogEntry> entries;
        lock (_lock) entries = _entries.TryGetValue(shard, out var held) ? [.. held] : [];
        foreach (var entry in entries)
        {
            if (!isNeeded(entry)) continue;
            // Its file may have been recycled while we came here.
            if (FindDamage(entry) is { } damage && isNeeded(entry) && Find(shard, entry.Epoch, entry.Position, entry.End).Count > 0) found(damage);
            yield return entry.End - entry.Position;
        }
    }

    /// <summary>The file and the offset in it of a position, for messages.</summary>
    public (string Path, long Offset) PlaceOf(long position)
    {
        var starts = FileStarts();
        var index = starts.FindLastIndex(start => start <= position);
        return index < 0 ? (Directory, position) : (PathOf(starts[index]), position - starts[index]);
    }

    /// <summary>Reads on from where the last scan ended, to the end of the log.</summary>
    /// <remarks>
    /// Where records end, later ones are looked for. One that says that the log was synced past this place proves damage; bytes
    /// that only look written do not, since the sectors of a torn group may have reached the disk in any order.
    /// </remarks>
    public void Scan()
    {
        if (IsOwn) return;
        lock (_lock)
        {
            // Read before the records: what the clock's file says to be synced must be among them.
            var synced = NodeClock.ReadSynced(files, Directory);
            _reader.Refresh();
            SkipFreed();
            while (_reader.Starts.Count > 0)
            {
                ScanRun();
                if (FindBeyond(synced) is not { } damage) break;
                // One re-read: what a disk returned wrong once it may return right, and a file may have been freed meanwhile.
                _reader.Refresh();
                if (SkipFreed() || TryNext(out _)) continue;
                _damage.Add(damage);
                (_end, _previousChecksum) = (damage.To, null);
            }

            Watermark = Math.Max(Watermark, synced);
            _reader.Close();
            IsComplete = true;
        }
    }

    /// <summary>Positions of the first bytes of the log's files, ascending.</summary>
    public List<long> FileStarts() => LogReader.FileStarts(files, Directory);

    public void Dispose()
    {
        lock (_lock)
        {
            _reader.Dispose();
            foreach (var file in _open.Values) file.Dispose();
            _open.Clear();
        }
    }

    /// <returns>True when the files that the next record would stand in are gone: freed, since nobody needs their events, or lost.</returns>
    private bool SkipFreed()
    {
        if (_reader.Starts.Count == 0) return false;
        var first = _reader.Starts[0];
        if (_end >= first && _damage.Count == 0) return false;
        // After the files were listed: a process says that a file may go before it deletes it.
        var freed = Math.Min(first, NodeClock.ReadFreed(files, Directory) ?? first);
        _damage.RemoveAll(range => range.To <= freed);
        if (_end >= first) return false;
        if (freed < first) _damage.Add(new DamagedRange(Math.Max(_end, freed), first));
        (_end, _previousChecksum) = (first, null);
        return true;
    }

    private void ScanRun()
    {
        while (TryNext(out var header))
        {
            Watermark = Math.Max(Watermark, header.Watermark);
            (_end, _previousChecksum) = (header.End, header.Checksum);
            if (header.Kind != RecordKind.Watermark)
            {
                AddEntry(new LogEntry(new ShardId(header.Shard), new Epoch(header.Epoch), new SequenceNumber(header.Sequence),
                    header.Position, header.BodyBytes, header.Checksum, header.Kind == RecordKind.EventAgain));
            }
        }
    }

    /// <summary>The record that follows the last one: behind it, at the next group, or, where that did not fit, in the next file.</summary>
    private bool TryNext(out RecordHeader header)
    {
        var group = LogLayout.AlignUp(_end, LogLayout.SectorBytes);
        if (TryReadChained(_end, out header) || (group > _end && TryReadChained(group, out header))) return true;
        return _reader.FileFrom(group) is { } file && file > group && TryReadChained(file, out header);
    }

    private bool TryReadChained(long position, out RecordHeader header) => _reader.TryRead(position, out header)
        && (_previousChecksum is not { } previous || header.PreviousChecksum == previous);

    /// <summary>What lies between the end and where reading can go on, if anything says that the log was synced past the end.</summary>
    private DamagedRange? FindBeyond(long synced)
    {
        // Zeros up to the next group are padding: the group is whole, and that it was synced proves nothing about what follows it.
        var group = LogLayout.AlignUp(_end, LogLayout.SectorBytes);
        var end = _reader.IsZero(_end, group) ? group : _end;
        long? first = null;
        var from = _end;
        while (_reader.TryFind(from, out var header))
        {
            first ??= header.Position;
            // The first record of a group names its own position; one that stands here, but does not follow the last one, misses another.
            if (header.Watermark > end || (header.Position == end && header.Watermark == end)) return new DamagedRange(end, first.Value);
            from = header.End;
        }

        return synced > end ? new DamagedRange(end, Math.Min(first ?? synced, synced)) : null;
    }

    private CorruptDataException? FindDamage(LogEntry entry)
    {
        try
        {
            lock (_lock) FileOf(entry.Position, out var start).DropCached(entry.Position - start, entry.End - entry.Position);
            _ = ReadBody(entry);
            return null;
        }
        catch (CorruptDataException damage)
        {
            return damage;
        }
        catch (StoreIoException failure)
        {
            var (path, offset) = PlaceOf(entry.Position);
            return new CorruptDataException(path, offset, $"event {entry.Sequence} of shard {entry.Shard}", failure.Message);
        }
    }

    private void AddEntry(LogEntry entry)
    {
        if (!_entries.TryGetValue(entry.Shard, out var entries)) _entries[entry.Shard] = entries = [];
        entries.Add(entry);
    }

    /// <summary>Index of the first entry at or after a position.</summary>
    private static int FirstFrom(List<LogEntry> entries, long position)
    {
        var (low, high) = (0, entries.Count);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (entries[middle].Position < position) low = middle + 1;
            else high = middle;
        }

        return low;
    }

    private IStoreFile FileOf(long position, out long start)
    {
        start = _open.Keys.Where(candidate => candidate <= position).DefaultIfEmpty(-1).Max();
        if (start >= 0 && position < start + _open[start].Length) return _open[start];
        var starts = FileStarts();
        var index = starts.FindLastIndex(candidate => candidate <= position);
        if (index < 0) throw new CorruptDataException(Directory, position, "a log file that holds this position", "none");
        start = starts[index];
        return _open.TryGetValue(start, out var open) ? open : _open[start] = files.OpenRead(PathOf(start));
    }

    private string PathOf(long start) => Path.Combine(Directory, LogLayout.FileName(start));
}
