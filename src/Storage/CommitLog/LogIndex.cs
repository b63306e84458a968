using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>Where one event stands in a log.</summary>
internal readonly record struct LogEntry(ShardId Shard, Epoch Epoch, SequenceNumber Sequence, long Position, int BodyBytes, uint Checksum)
{
    public long End => Position + LogLayout.RecordBytes(BodyBytes);
}

/// <summary>Bytes between two positions of a log that were synced and cannot be read.</summary>
internal readonly record struct DamagedRange(long From, long To);

/// <summary>Events of one log by shard. A log of another process is read incrementally, each byte once; one's own is told. Thread-safe.</summary>
internal sealed class LogIndex(IFileSystem files, string directory, LogId log, bool isOwn) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ShardId, List<LogEntry>> _entries = [];
    private readonly List<DamagedRange> _damage = [];
    private uint? _previousChecksum;
    private readonly Dictionary<long, IStoreFile> _open = [];
    private (long Start, byte[] Bytes)? _loaded;
    private long _searchedFrom = -1;
    private long _end;

    public LogId Log { get; } = log;

    public string Directory { get; } = directory;

    /// <summary>Written by this process: it is told what is durable and never reads to find out.</summary>
    public bool IsOwn { get; } = isOwn;

    /// <summary>Whether the log was read to its end. Before that an index without events says nothing about the log.</summary>
    public bool IsComplete { get; private set; } = isOwn;

    /// <summary>Highest position up to which a record says the log is synced.</summary>
    public long Watermark { get; private set; }

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
            foreach (var entry in _entries.GetValueOrDefault(shard) ?? [])
            {
                if (entry.Epoch == epoch && entry.Position >= from && entry.Position < to) found.Add(entry);
            }

            return found;
        }
    }

    public SequenceNumber LastSequence(ShardId shard)
    {
        lock (_lock) return _entries.TryGetValue(shard, out var entries) && entries.Count > 0 ? entries[^1].Sequence : default;
    }

    /// <summary>Whether damage may have taken an event of this shard that no later event would show to be missing.</summary>
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
            foreach (var entries in _entries.Values) entries.RemoveAll(entry => entry.Position < before);
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
                foreach (var entry in entries)
                {
                    if (entry.Position >= from && entry.Position < to) last[shard] = entry.Sequence;
                }
            }

            return last;
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

    /// <summary>Reads on from where the last scan ended, to the end of the log.</summary>
    public void Scan()
    {
        if (IsOwn) return;
        lock (_lock)
        {
            var starts = FileStarts();
            if (starts.Count == 0)
            {
                IsComplete = true;
                return;
            }

            if (_end < starts[0]) (_end, _previousChecksum) = (starts[0], null);
            while (true)
            {
                ScanRun(starts);
                if (_searchedFrom == _end || FindBeyond(starts, _end) is not { } next) break;
                // One re-read: what a disk returned wrong once it may return right.
                _loaded = null;
                if (TryReadRecord(starts, _end, out _)) continue;
                _damage.Add(new DamagedRange(_end, next));
                (_end, _previousChecksum) = (next, null);
            }

            (_searchedFrom, _loaded, IsComplete) = (_end, null, true);
        }
    }

    private void ScanRun(List<long> starts)
    {
        while (TryReadRecord(starts, _end, out var header))
        {
            Watermark = Math.Max(Watermark, header.Watermark);
            _previousChecksum = header.Checksum;
            if (header.Kind == RecordKind.Event)
            {
                AddEntry(new LogEntry(new ShardId(header.Shard), new Epoch(header.Epoch), new SequenceNumber(header.Sequence),
                    header.Position, header.BodyBytes, header.Checksum));
            }

            _end = header.End;
            if (TryReadRecord(starts, _end, out _)) continue;
            _end = LogLayout.AlignUp(_end, LogLayout.SectorBytes);
            if (TryReadRecord(starts, _end, out _)) continue;
            // The rest of a file stays empty when the next group did not fit.
            var nextFile = starts.Find(start => start >= _end);
            if (nextFile > 0 && TryReadRecord(starts, nextFile, out _)) _end = nextFile;
        }
    }

    /// <summary>First valid record at a sector boundary after a position: proof that what lies between was synced.</summary>
    private long? FindBeyond(List<long> starts, long from)
    {
        var first = LogLayout.AlignUp(from + 1, LogLayout.SectorBytes);
        foreach (var start in starts)
        {
            var bytes = Load(start);
            for (var offset = 0; offset < bytes.Length; offset += LogLayout.SectorBytes)
            {
                if (start + offset >= first && TryReadRecord(starts, start + offset, out _, isChained: false)) return start + offset;
            }
        }

        return null;
    }

    private bool TryReadRecord(List<long> starts, long position, out RecordHeader header, bool isChained = true)
    {
        header = default;
        var index = starts.FindLastIndex(start => start <= position);
        if (index < 0) return false;
        var bytes = Load(starts[index]);
        var offset = position - starts[index];
        if (offset >= bytes.Length || !RecordHeader.TryRead(bytes.AsSpan((int)offset), Log, position, out header)) return false;
        if (header.End - starts[index] > bytes.Length) return false;
        if (isChained && _previousChecksum is { } previous && header.PreviousChecksum != previous) return false;
        return RecordHeader.ComputeChecksum(bytes.AsSpan((int)offset, RecordHeader.SizeBytes + header.BodyBytes)) == header.Checksum;
    }

    private byte[] Load(long start)
    {
        if (_loaded is { } loaded && loaded.Start == start) return loaded.Bytes;
        using var file = files.OpenRead(PathOf(start));
        var bytes = new byte[file.Length];
        var count = file.Read(0, bytes);
        if (count < bytes.Length) Array.Resize(ref bytes, count);
        _loaded = (start, bytes);
        return bytes;
    }

    private void AddEntry(LogEntry entry)
    {
        if (!_entries.TryGetValue(entry.Shard, out var entries)) _entries[entry.Shard] = entries = [];
        entries.Add(entry);
    }

    private IStoreFile FileOf(long position, out long start)
    {
        start = _open.Keys.Where(candidate => candidate <= position).DefaultIfEmpty(-1).Max();
        if (start >= 0 && position < start + _open[start].Length) return _open[start];
        var starts = FileStarts();
        start = starts.Where(candidate => candidate <= position).DefaultIfEmpty(-1).Max();
        if (start < 0) throw new CorruptDataException(Directory, position, "a log file that holds this position", "none");
        return _open[start] = files.OpenRead(PathOf(start));
    }

    /// <summary>Positions of the first bytes of the log's files, ascending.</summary>
    public List<long> FileStarts()
    {
        var starts = new List<long>();
        foreach (var name in files.List(Directory))
        {
            if (LogLayout.TryParseFileName(name, out var start)) starts.Add(start);
        }

        starts.Sort();
        return starts;
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var file in _open.Values) file.Dispose();
            _open.Clear();
        }
    }

    private string PathOf(long start) => Path.Combine(Directory, LogLayout.FileName(start));
}
