using EntityActors.Storage.Io;

namespace EntityActors.Host.Security.Audit;

/// <summary>Appends to the files of one node. Not thread-safe; a failure ends it, and the next one starts from what is on disk.</summary>
internal sealed class AuditWriter : IDisposable
{
    private readonly IFileSystem _files;
    private readonly AuditFiles _log;
    private readonly SecuritySettings _settings;
    private readonly TimeProvider _time;
    private IStoreFile? _file;
    private long _length;
    private long _sequence;
    private string _previous = AuditLine.NoHash;
    private string? _damage;

    /// <exception cref="Storage.Model.StoreIoException">The files cannot be read or mended.</exception>
    public AuditWriter(IFileSystem files, AuditFiles log, SecuritySettings settings, TimeProvider time)
    {
        (_files, _log, _settings, _time) = (files, log, settings, time);
        files.CreateDirectory(log.Directory);
        var starts = log.Starts();
        // The process may have been killed when it had just begun the last one.
        if (starts is [.., var before, _]) _previous = LastHash(before);
        if (starts is [.., var last]) Continue(last);
    }

    /// <summary>Appends the entries and returns once they are on disk.</summary>
    /// <exception cref="Storage.Model.StoreIoException">They may or may not be there.</exception>
    public void Append(IEnumerable<(AuditEvent What, long Unlisted)> entries)
    {
        using var bytes = new MemoryStream();
        if (_damage is { } damage)
        {
            Add(bytes, new AuditEvent("log_damaged", "", _log.Node, "", damage), unlisted: 0);
            _damage = null;
        }

        foreach (var (what, unlisted) in entries) Add(bytes, what, unlisted);
        var file = _file!;
        file.Write(_length, bytes.ToArray());
        file.SyncData();
        _length += bytes.Length;
        if (_length >= _settings.AuditFileBytes) Close();
    }

    public void Dispose() => Close();

    private void Add(MemoryStream bytes, AuditEvent what, long unlisted)
    {
        var (line, hash) = AuditLine.Write(new AuditEntry(++_sequence, _time.GetUtcNow(), Cut(what.Kind), Cut(what.User), Cut(what.Target),
            Cut(what.Client), Cut(what.Detail), unlisted, _previous));
        if (_file is null) Begin(_sequence);
        bytes.Write(line);
        _previous = hash;
    }

    private void Begin(long first)
    {
        _file = _files.Create(_log.PathOf(first));
        _length = 0;
        _files.SyncDirectory(_log.Directory);
        var starts = _log.Starts();
        foreach (var start in starts.SkipLast(_settings.AuditFiles)) _files.Delete(_log.PathOf(start));
    }

    /// <summary>Goes on behind the last complete entry; bytes behind it are what a killed process had not finished, so nobody was told of them.</summary>
    private void Continue(long start)
    {
        var bytes = _log.Read(start);
        _sequence = start - 1;
        foreach (var line in AuditFiles.Lines(bytes))
        {
            _length += line.Length + 1;
            if (AuditLine.TryRead(line.Span, out var entry, out _previous) && entry.Sequence == ++_sequence) continue;
            // What is wrong stays as it is. A file of its own begins a new chain, behind every number that may have been given.
            _damage = $"the chain is broken in {Path.GetFileName(_log.PathOf(start))} at entry {_sequence}";
            _sequence = start + bytes.AsSpan().Count((byte)'\n');
            _previous = AuditLine.NoHash;
            return;
        }

        _file = _files.OpenWrite(_log.PathOf(start));
        if (_length == bytes.Length) return;
        _file.SetLength(_length);
        _file.SyncData();
    }

    private string LastHash(long start) =>
        AuditFiles.Lines(_log.Read(start)).LastOrDefault() is { IsEmpty: false } line && AuditLine.TryRead(line.Span, out _, out var hash)
            ? hash
            : AuditLine.NoHash;

    private void Close()
    {
        _file?.Dispose();
        _file = null;
    }

    private static string Cut(string text) => text.Length <= AuditEvent.TextCharsMax ? text : text[..AuditEvent.TextCharsMax];
}
