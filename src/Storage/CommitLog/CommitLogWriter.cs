using EntityActors.Storage.Format;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>Writes one log: groups of records, each group one write and one sync. No threads, no clock; one caller at a time.</summary>
/// <remarks>
/// A group starts at a sector boundary, so that no synced sector is written again. Files are preallocated with zeros before they are
/// used; the next one is prepared ahead, so that a full disk is noticed before a write needs room. A write or sync that failed ends
/// the log for ever.
/// </remarks>
internal sealed class CommitLogWriter : IDisposable
{
    private const int ZeroChunkBytes = 1024 * 1024;
    private const int BufferBytes = 64 * 1024;

    private readonly IFileSystem _files;
    private readonly CommitLogOptions _options;
    private readonly LogIndex _index;
    private readonly IDisposable _lock;
    private readonly ByteWriter _buffer;
    private readonly Lock _spareLock = new();
    private IStoreFile _file;
    private long _fileStart;
    private long _position;
    private uint _previousChecksum;
    private bool _hasSpare;
    private bool _isClosed;
    private bool _isDiskFull;
    private bool _endsFile;
    private long _left;

    private CommitLogWriter(IFileSystem files, string directory, LogId log, CommitLogOptions options, LogIndex index, IDisposable held, IStoreFile file)
    {
        (_files, Directory, Log, _options, _index, _lock, _file) = (files, directory, log, options, index, held, file);
        _left = options.FileBytes;
        _buffer = new ByteWriter(Math.Min(BufferBytes, options.FileBytes));
    }

    public LogId Log { get; }

    public string Directory { get; }

    /// <summary>Everything before this position is synced.</summary>
    public long Synced
    {
        get => Volatile.Read(ref field);
        private set => Volatile.Write(ref field, value);
    }

    /// <summary>The watermark that the newest record on disk tells.</summary>
    public long ToldWatermark { get; private set; }

    public bool HasFailed { get; private set; }

    public long FileStart => _fileStart;

    /// <summary>Bytes of groups that surely fit without another file from the disk, besides a watermark that is still to be told. Any thread.</summary>
    public long Room => (Volatile.Read(ref _hasSpare) ? _options.FileBytes : Volatile.Read(ref _left)) - LogLayout.SectorBytes;

    /// <summary>Whether the disk refused the next file for want of room, the last time it was asked.</summary>
    public bool IsDiskFull => Volatile.Read(ref _isDiskFull);

    /// <summary>Whether the current file takes nothing more once the next one is prepared. Any thread.</summary>
    public bool EndsFile
    {
        get => Volatile.Read(ref _endsFile);
        set => Volatile.Write(ref _endsFile, value);
    }

    /// <summary>Whether it can be ended now. Never without the next one: room was promised in the current one.</summary>
    public bool CanEndFile => EndsFile && Volatile.Read(ref _hasSpare) && Volatile.Read(ref _left) < _options.FileBytes;

    /// <summary>Called on the writing thread when the spare file was taken: another one is to be prepared before this one is full.</summary>
    public Action? SpareTaken { get; set; }

    public bool NeedsSpare => !HasFailed && !Volatile.Read(ref _hasSpare);

    /// <summary>Creates the log's directory and first file.</summary>
    /// <exception cref="StoreIoException">The disk refused.</exception>
    public static CommitLogWriter Create(IFileSystem files, string directory, LogId log, CommitLogOptions options, LogIndex index)
    {
        // Every name on the way, not only the last one: an earlier process may have left one that is not durable.
        var node = Path.GetDirectoryName(directory)!;
        files.CreateDirectory(Path.GetDirectoryName(node)!);
        files.CreateDirectory(node);
        files.CreateDirectory(directory);
        var held = files.TryLock(Path.Combine(directory, LogLayout.LockFile));
        Invariant.Check(held is not null, "a new log's identity is drawn once");
        var path = Path.Combine(directory, LogLayout.FileName(0));
        try
        {
            Preallocate(files, path, options.FileBytes);
            files.SyncDirectory(directory);
            return new CommitLogWriter(files, directory, log, options, index, held, files.OpenWrite(path));
        }
        catch
        {
            using (held) files.Delete(path);
            throw;
        }
    }

    /// <summary>Makes the records durable, in order. They take at most a file together.</summary>
    /// <exception cref="StorageFullException">There is no next file. Nothing was written and the log goes on.</exception>
    /// <exception cref="CommitLogFailedException">The write or sync failed; whether the records are durable is unknown.</exception>
    public void WriteGroup(ReadOnlySpan<LogAppend> group)
    {
        Invariant.Check(!HasFailed, "a failed log is not written to");
        var bytes = 0L;
        foreach (var append in group) bytes += LogLayout.RecordBytes(append.Body.Length);
        bytes = LogLayout.GroupBytes(bytes);
        if (_position + bytes > _fileStart + _options.FileBytes || CanEndFile) Rotate();
        var start = _position;
        _buffer.Clear();
        var target = _buffer.Reserve((int)bytes);
        target.Clear();
        var checksum = _previousChecksum;
        var offset = 0;
        var entries = new LogEntry[group.Length];
        for (var i = 0; i < group.Length; i++)
        {
            var append = group[i];
            var header = new RecordHeader(append.Body.Length, 0, Log, start + offset, Synced, append.Sequence.Value, checksum,
                append.Shard.Value, append.Epoch.Value, append.IsAgain ? RecordKind.EventAgain : RecordKind.Event);
            checksum = header.Write(target[offset..], append.Body.Span);
            entries[i] = new LogEntry(append.Shard, append.Epoch, append.Sequence, start + offset, append.Body.Length, checksum, append.IsAgain);
            offset += (int)LogLayout.RecordBytes(append.Body.Length);
        }

        Store(start, target);
        _previousChecksum = checksum;
        _index.Add(entries, Synced);
    }

    /// <summary>Says on disk that everything before is synced, so that later damage to it is told from a torn tail.</summary>
    public void WriteWatermark()
    {
        if (HasFailed || (ToldWatermark == Synced && !CanEndFile)) return;
        if (_position + LogLayout.SectorBytes > _fileStart + _options.FileBytes || CanEndFile) Rotate();
        var start = _position;
        _buffer.Clear();
        var target = _buffer.Reserve(LogLayout.SectorBytes);
        target.Clear();
        var header = new RecordHeader(0, 0, Log, start, Synced, 0, _previousChecksum, 0, 0, RecordKind.Watermark);
        var checksum = header.Write(target, default);
        Store(start, target);
        _previousChecksum = checksum;
        // This record stands behind what it speaks of: nothing is left to be told.
        ToldWatermark = Synced;
    }

    /// <summary>Prepares the next file. May run beside the writer's thread.</summary>
    /// <exception cref="StoreIoException">The disk refused; the log goes on in its current file.</exception>
    public void PrepareSpare()
    {
        lock (_spareLock)
        {
            if (_hasSpare || HasFailed || _isClosed) return;
            var spare = Path.Combine(Directory, LogLayout.SpareFile);
            if (!_files.FileExists(spare))
            {
                var temporary = spare + ".tmp";
                try
                {
                    _files.Delete(temporary);
                    Preallocate(_files, temporary, _options.FileBytes);
                    _files.Rename(temporary, spare);
                }
                catch (StoreIoException failure)
                {
                    Volatile.Write(ref _isDiskFull, failure.IsOutOfSpace);
                    _files.Delete(temporary);
                    throw;
                }
            }

            Volatile.Write(ref _isDiskFull, false);
            Volatile.Write(ref _hasSpare, true);
        }
    }

    /// <summary>Takes a file that no shard needs any more: it becomes the spare, or goes.</summary>
    /// <remarks>Not a byte of it stays: a purge is over only when none of its bytes is left, and not everybody who frees a file knows of it.</remarks>
    public void Recycle(long fileStart)
    {
        lock (_spareLock)
        {
            var path = Path.Combine(Directory, LogLayout.FileName(fileStart));
            var spare = Path.Combine(Directory, LogLayout.SpareFile);
            if (_hasSpare || HasFailed || _files.FileExists(spare)) _files.Delete(path);
            else
            {
                var temporary = spare + ".tmp";
                _files.Rename(path, temporary);
                // Before it is written to: a power cut must not bring the name back over other bytes.
                _files.SyncDirectory(Directory);
                using (var file = _files.OpenWrite(temporary)) WriteZeros(file, _options.FileBytes);
                _files.Rename(temporary, spare);
                Volatile.Write(ref _isDiskFull, false);
                Volatile.Write(ref _hasSpare, true);
            }
        }
    }

    public void Dispose()
    {
        // A log whose lock is free may be deleted by others: nothing is created in it from here on.
        lock (_spareLock)
        {
            _isClosed = true;
            _file.Dispose();
            _lock.Dispose();
        }
    }

    private void Store(long start, ReadOnlySpan<byte> group)
    {
        try
        {
            var told = Synced;
            _file.Write(start - _fileStart, group);
            _file.SyncData();
            _position = start + group.Length;
            Volatile.Write(ref _left, _fileStart + _options.FileBytes - _position);
            (Synced, ToldWatermark) = (_position, told);
        }
        catch (StoreIoException failure)
        {
            throw Failed(failure);
        }
    }

    private void Rotate()
    {
        lock (_spareLock)
        {
            try
            {
                PrepareSpare();
            }
            catch (StoreIoException failure) when (failure.IsOutOfSpace)
            {
                throw new StorageFullException($"no room for another log file of {_options.FileBytes} bytes: {failure.Message}");
            }
            catch (StoreIoException failure)
            {
                throw Failed(failure);
            }

            try
            {
                var start = _fileStart + _options.FileBytes;
                var path = Path.Combine(Directory, LogLayout.FileName(start));
                _files.Rename(Path.Combine(Directory, LogLayout.SpareFile), path);
                // The name must be durable before anything in the file is acknowledged.
                _files.SyncDirectory(Directory);
                var next = _files.OpenWrite(path);
                _file.Dispose();
                (_file, _fileStart, _position, EndsFile) = (next, start, start, false);
                // In this order: who looks in between sees room that is there.
                Volatile.Write(ref _left, _options.FileBytes);
                Volatile.Write(ref _hasSpare, false);
                SpareTaken?.Invoke();
            }
            catch (StoreIoException failure)
            {
                throw Failed(failure);
            }
        }
    }

    private CommitLogFailedException Failed(StoreIoException failure)
    {
        HasFailed = true;
        return new CommitLogFailedException($"log {Log} failed and is closed: {failure.Message}", failure);
    }

    private static void Preallocate(IFileSystem files, string path, long bytes)
    {
        // Written, not only reserved: overwriting allocated blocks syncs several times faster than extending a file.
        using var file = files.Create(path);
        WriteZeros(file, bytes);
    }

    private static void WriteZeros(IStoreFile file, long bytes)
    {
        var zeros = new byte[Math.Min(ZeroChunkBytes, bytes)];
        for (var offset = 0L; offset < bytes; offset += zeros.Length)
            file.Write(offset, zeros.AsSpan(0, (int)Math.Min(zeros.Length, bytes - offset)));
        file.SyncData();
    }
}
