using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>Reads records of one log out of its files, through a window of bounded size. For one caller at a time.</summary>
internal sealed class LogReader(IFileSystem files, string directory, LogId log) : IDisposable
{
    private const int WindowBytesMin = 1024 * 1024;
    private const int LogIdOffset = 8;

    private readonly byte[] _logId = BitConverter.GetBytes(log.Value);
    private List<long> _starts = [];
    private IStoreFile? _file;
    private long _fileStart;
    private long _fileEnd;
    private byte[] _window = [];
    private long _windowStart;
    private int _windowCount;

    /// <summary>Positions of the first bytes of the log's files, ascending, as of the last <see cref="Refresh"/>.</summary>
    public IReadOnlyList<long> Starts => _starts;

    public static List<long> FileStarts(IFileSystem files, string directory)
    {
        var starts = new List<long>();
        foreach (var name in files.List(directory))
        {
            if (LogLayout.TryParseFileName(name, out var start)) starts.Add(start);
        }

        starts.Sort();
        return starts;
    }

    /// <summary>Lists the files anew and forgets what was read.</summary>
    public void Refresh()
    {
        _starts = FileStarts(files, directory);
        Close();
    }

    /// <summary>Closes the file; the window goes too, so that an idle index holds none.</summary>
    public void Close()
    {
        _file?.Dispose();
        (_file, _window, _windowCount) = (null, [], 0);
    }

    public void Dispose() => Close();

    /// <summary>Start of the first file at or after a position.</summary>
    public long? FileFrom(long position)
    {
        foreach (var start in _starts)
        {
            if (start >= position) return start;
        }

        return null;
    }

    /// <summary>Reads the record that stands at a position, when it is whole and its checksum right.</summary>
    public bool TryRead(long position, out RecordHeader header)
    {
        header = default;
        if (!RecordHeader.TryRead(Peek(position, RecordHeader.SizeBytes), log, position, out var found)) return false;
        var record = Peek(position, RecordHeader.SizeBytes + (long)found.BodyBytes);
        if (record.IsEmpty || RecordHeader.ComputeChecksum(record) != found.Checksum) return false;
        header = found;
        return true;
    }

    /// <summary>Whether the bytes between two positions of one file are zero; true where there are none.</summary>
    public bool IsZero(long from, long to) => !Peek(from, to - from).ContainsAnyExcept((byte)0);

    /// <summary>The first whole record at or after a position, wherever it stands.</summary>
    public bool TryFind(long from, out RecordHeader header)
    {
        header = default;
        for (var i = 0; i < _starts.Count; i++)
        {
            var start = _starts[i];
            if (i + 1 < _starts.Count && _starts[i + 1] <= from) continue;
            if (!TryOpen(start)) continue;
            var position = Math.Max(start, LogLayout.AlignUp(from, LogLayout.RecordAlignment));
            while (position + RecordHeader.SizeBytes <= _fileEnd)
            {
                var bytes = Peek(position, Math.Min(WindowBytesMin, _fileEnd - position));
                if (bytes.IsEmpty) break;
                // The log's id, which no other bytes of a file hold by chance, tells where a record may be.
                var at = bytes[LogIdOffset..].IndexOf(_logId);
                if (at < 0)
                {
                    position = LogLayout.AlignUp(position + bytes.Length - (2 * LogIdOffset) + 1, LogLayout.RecordAlignment);
                    continue;
                }

                position += at;
                if (position % LogLayout.RecordAlignment == 0 && TryRead(position, out header)) return true;
                position = LogLayout.AlignUp(position + 1, LogLayout.RecordAlignment);
            }
        }

        return false;
    }

    /// <summary>These bytes, or none when the file does not hold all of them.</summary>
    private ReadOnlySpan<byte> Peek(long position, long count)
    {
        var index = _starts.FindLastIndex(start => start <= position);
        if (index < 0 || !TryOpen(_starts[index]) || position + count > _fileEnd) return default;
        if (position < _windowStart || position + count > _windowStart + _windowCount)
        {
            var bytes = (int)Math.Min(Math.Max(count, WindowBytesMin), _fileEnd - position);
            if (_window.Length < bytes) _window = new byte[bytes];
            _windowStart = position;
            _windowCount = _file!.Read(position - _fileStart, _window.AsSpan(0, bytes));
            if (_windowCount < count) return default;
        }

        return _window.AsSpan((int)(position - _windowStart), (int)count);
    }

    /// <returns>False when the file is gone: its process has freed it since it was listed.</returns>
    private bool TryOpen(long start)
    {
        if (_file is not null && _fileStart == start) return true;
        _file?.Dispose();
        (_file, _windowCount) = (null, 0);
        try
        {
            _file = files.OpenRead(Path.Combine(directory, LogLayout.FileName(start)));
        }
        catch (StoreIoException failure) when (failure.IsMissing)
        {
            return false;
        }

        (_fileStart, _fileEnd) = (start, start + _file.Length);
        return true;
    }
}
