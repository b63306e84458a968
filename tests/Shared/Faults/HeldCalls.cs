namespace EntityActors.Tests.Shared.Faults;

/// <summary>Calls to the disk that wait until they are released, which disposing does too.</summary>
public sealed class HeldCalls : IDisposable
{
    private static readonly TimeSpan HoldMax = TimeSpan.FromMinutes(2);
    private readonly HookedFileSystem _files;
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ManualResetEventSlim _released = new(false);

    /// <summary>Takes the place of whatever hook the file system had.</summary>
    public HeldCalls(HookedFileSystem files, Func<FileCall, string, bool> which)
    {
        _files = files;
        files.Before = (call, path) =>
        {
            if (!which(call, path)) return;
            _reached.TrySetResult();
            // As a disk would fail: anything else would end the process from a thread of the store.
            if (!_released.Wait(HoldMax)) throw HookedFileSystem.Failure($"{path}, held at {call} and not released");
        };
    }

    /// <summary>Completes when the first call waits here.</summary>
    public Task Reached => _reached.Task.WaitAsync(TimeSpan.FromSeconds(30));

    public void Release()
    {
        _files.Before = null;
        _released.Set();
    }

    // The event stays usable: a call that was about to wait may still come.
    public void Dispose() => Release();
}
