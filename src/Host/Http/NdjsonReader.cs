namespace EntityActors.Host.Http;

/// <summary>One line of a body, without its end.</summary>
/// <param name="Bytes">Valid until the next line is read; empty when <paramref name="IsTooLong"/>.</param>
internal readonly record struct NdjsonLine(ReadOnlyMemory<byte> Bytes, bool IsTooLong);

/// <summary>Cuts a body into lines, whatever their bytes are. Holds one line at most; a longer one is passed over and reported.</summary>
internal sealed class NdjsonReader(Stream body, int lineBytesMax)
{
    /// <summary>A byte order mark and a carriage return are not part of the line.</summary>
    private const int MarksBytes = 4;

    private byte[] _buffer = new byte[64 * 1024];
    private int _start, _scanned, _end;
    private bool _isFirst = true;
    private bool _isEnded;

    /// <returns>Null at the end.</returns>
    public async ValueTask<NdjsonLine?> ReadAsync(CancellationToken cancellation)
    {
        var isTooLong = false;
        while (true)
        {
            var newline = _buffer.AsSpan(_scanned, _end - _scanned).IndexOf((byte)'\n');
            if (newline >= 0) return Take(_scanned + newline, 1, isTooLong);
            if (_isEnded) return _start == _end && !isTooLong ? null : Take(_end, 0, isTooLong);
            _scanned = _end;
            if (isTooLong || _end - _start > lineBytesMax + MarksBytes)
            {
                isTooLong = true;
                _start = _scanned = _end = 0;
            }

            MakeRoom();
            var count = await body.ReadAsync(_buffer.AsMemory(_end), cancellation);
            _end += count;
            _isEnded = count == 0;
        }
    }

    private NdjsonLine Take(int end, int newlineBytes, bool isTooLong)
    {
        var line = _buffer.AsMemory(_start, end - _start);
        _start = _scanned = end + newlineBytes;
        if (_isFirst && line.Span.StartsWith("\uFEFF"u8)) line = line["\uFEFF"u8.Length..];
        _isFirst = false;
        if (line.Span.EndsWith("\r"u8)) line = line[..^1];
        return isTooLong || line.Length > lineBytesMax ? new NdjsonLine(default, IsTooLong: true) : new NdjsonLine(line, IsTooLong: false);
    }

    private void MakeRoom()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_scanned, _end, _start) = (_scanned - _start, _end - _start, 0);
        }

        if (_end == _buffer.Length) Array.Resize(ref _buffer, _buffer.Length * 2);
    }
}
