using EntityActors.Storage.Io;
using EntityActors.Tests.Shared.Faults;

namespace EntityActors.TestCluster.Disk;

/// <summary>The disk of one life of a node: slow, failing, standing still or cut off where a test asks for it. Thread-safe.</summary>
internal sealed class NodeDisk
{
    private readonly object _gate = new();
    private readonly HookedFileSystem _files;
    private int _running;
    private bool _isPaused;
    private bool _isDead;
    private TimeSpan _syncDelay;
    private int _errorNumber;

    public NodeDisk(IFileSystem inner) => _files = new HookedFileSystem(inner) { Before = Enter, After = Leave };

    public IFileSystem Files => _files;

    /// <summary>How much longer each sync of a file or directory takes that begins from now on.</summary>
    public void SetSyncDelay(TimeSpan delay)
    {
        lock (_gate) _syncDelay = delay;
    }

    /// <summary>Calls that change something fail with this error; 0: they succeed again.</summary>
    public void SetError(int errorNumber)
    {
        lock (_gate) _errorNumber = errorNumber;
    }

    /// <summary>No call begins, and none that is under way returns.</summary>
    public void Pause()
    {
        lock (_gate) _isPaused = true;
    }

    public void Resume()
    {
        lock (_gate)
        {
            _isPaused = false;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>
    /// Nothing reaches the disk from now on, and every file and lock is closed. A call that the system has begun is waited for, as the kernel waits for
    /// those of a process that is killed; one that waits here fails.
    /// </summary>
    public void Kill()
    {
        lock (_gate)
        {
            _isDead = true;
            Monitor.PulseAll(_gate);
            while (_running > 0) Monitor.Wait(_gate);
        }

        _files.CloseAll();
    }

    private void Enter(FileCall call, string path)
    {
        lock (_gate)
        {
            if (call is FileCall.SyncData or FileCall.SyncDirectory) WaitOut(_syncDelay);
            WaitAwake();
            if (_isDead) throw HookedFileSystem.Failure($"{path}, whose process was killed");
            if (_errorNumber != 0 && IsChange(call)) throw HookedFileSystem.Failure(path, _errorNumber);
            _running++;
        }
    }

    private void Leave(FileCall call, string path)
    {
        lock (_gate)
        {
            _running--;
            Monitor.PulseAll(_gate);
            WaitAwake();
        }
    }

    private void WaitAwake()
    {
        while (_isPaused && !_isDead) Monitor.Wait(_gate);
    }

    private void WaitOut(TimeSpan delay)
    {
        var end = Environment.TickCount64 + (long)delay.TotalMilliseconds;
        for (var left = end - Environment.TickCount64; left > 0 && !_isDead; left = end - Environment.TickCount64)
            Monitor.Wait(_gate, TimeSpan.FromMilliseconds(left));
    }

    private static bool IsChange(FileCall call) =>
        call is not (FileCall.OpenRead or FileCall.OpenWrite or FileCall.Exists or FileCall.List or FileCall.Lock or FileCall.Read);
}
