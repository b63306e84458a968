using System.Threading.Channels;
using EntityActors.Host.Http;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Security.Audit;

/// <summary>The audit log of this node: entries that come together are written with one sync. Thread-safe.</summary>
/// <remarks>
/// While it cannot be written, logins and administrative acts are refused. Denials and failed logins beyond a rate are counted instead of listed,
/// so that they can neither fill the disk nor push older entries out.
/// </remarks>
internal sealed class AuditLog : IAsyncDisposable
{
    private const int QueueEntriesMax = 1_024;
    private const int BatchEntriesMax = 256;

    private readonly Func<AuditWriter> _open;
    private readonly ILogger<AuditLog> _log;
    private readonly TimeProvider _time;
    private readonly SecuritySettings _settings;
    private readonly Channel<Waiting> _queue = Channel.CreateBounded<Waiting>(new BoundedChannelOptions(QueueEntriesMax) { SingleReader = true });
    private readonly Lock _gate = new();
    private readonly Task _writing;
    private long _denialsSince;
    private int _denialsListed;
    private long _unlisted;
    private AuditWriter? _writer;

    /// <param name="files">Asked when the first entry is written: the node's name is known then.</param>
    public AuditLog(IFileSystem disk, Func<AuditFiles> files, SecuritySettings settings, TimeProvider time, ILogger<AuditLog> log)
    {
        _open = () => new AuditWriter(disk, files(), settings, time);
        (_log, _time, _settings) = (log, time, settings);
        _denialsSince = time.GetTimestamp();
        _writing = WriteAllAsync();
    }

    private sealed record Waiting(AuditEvent What, long Unlisted, TaskCompletionSource Done);

    /// <summary>Returns once the entry is on disk.</summary>
    /// <exception cref="ApiProblem">503: it could not be written.</exception>
    public async Task WriteAsync(AuditEvent what)
    {
        var waiting = new Waiting(what, 0, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        // Not called off with the request: what was done is told.
        await _queue.Writer.WriteAsync(waiting);
        await waiting.Done.Task;
    }

    /// <summary>For a denial or a failed login: listed when there is room, counted otherwise. Waits for nothing.</summary>
    public void Note(AuditEvent what)
    {
        lock (_gate)
        {
            if (_time.GetElapsedTime(_denialsSince) >= TimeSpan.FromSeconds(1))
            {
                _denialsSince = _time.GetTimestamp();
                _denialsListed = 0;
            }

            var waiting = new Waiting(what, _unlisted, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            if (_denialsListed < _settings.AuditDenialsPerSecond && _queue.Writer.TryWrite(waiting))
            {
                _denialsListed++;
                _unlisted = 0;
                _ = waiting.Done.Task.ContinueWith(static failed => failed.Exception, CancellationToken.None,
                    TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            }
            else
            {
                _unlisted++;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _writing;
        _writer?.Dispose();
    }

    private async Task WriteAllAsync()
    {
        var batch = new List<Waiting>();
        while (await _queue.Reader.WaitToReadAsync())
        {
            batch.Clear();
            while (batch.Count < BatchEntriesMax && _queue.Reader.TryRead(out var waiting)) batch.Add(waiting);
            Write(batch);
        }
    }

    private void Write(List<Waiting> batch)
    {
        try
        {
            (_writer ??= _open()).Append(batch.Select(waiting => (waiting.What, waiting.Unlisted)));
            foreach (var waiting in batch) waiting.Done.SetResult();
        }
        catch (StoreIoException failure)
        {
            _log.LogError("the audit log cannot be written: {Reason}", failure.Message);
            _writer?.Dispose();
            _writer = null;
            foreach (var waiting in batch)
            {
                waiting.Done.SetException(new ApiProblem(503, "unavailable", "the audit log cannot be written", isRetryable: true)
                {
                    RetryAfter = TimeSpan.FromSeconds(1),
                });
            }
        }
    }
}
