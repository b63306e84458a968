using System.Diagnostics;

namespace EntityActors.Tests.Shared.Processes;

/// <summary>One <c>ea serve</c> process. Killed on dispose.</summary>
public sealed class ServerProcess : IAsyncDisposable
{
    /// <summary>Longest a start may take before the test fails.</summary>
    public static readonly TimeSpan ReadyTimeout = TimeSpan.FromSeconds(60);

    /// <summary>Longest a SIGTERM may take before the test fails.</summary>
    public static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(30);

    private const string ReadyPrefix = "ready ";
    private readonly Process _process;
    private readonly Lock _disposing = new();
    private bool _isDisposed;
    private readonly OutputTail _output = new();
    private readonly TaskCompletionSource<Uri> _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Stopwatch _sinceStart = Stopwatch.StartNew();

    private ServerProcess(ProcessStartInfo info)
    {
        _process = Process.Start(info) ?? throw new InvalidOperationException("the server did not start");
        _process.StandardInput.Close();
        _process.OutputDataReceived += (_, line) => OnOutput(line.Data);
        _process.ErrorDataReceived += (_, line) => OnError(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        _ = WatchExitAsync();
    }

    public int ProcessId => _process.Id;

    /// <summary>Address from the <c>ready</c> line. Only after <see cref="WaitReadyAsync"/>.</summary>
    public Uri BaseAddress => _ready.Task.IsCompletedSuccessfully
        ? _ready.Task.Result
        : throw new InvalidOperationException("the server is not ready");

    public bool IsReady => _ready.Task.IsCompletedSuccessfully && !HasExited;

    /// <summary>From the start of the process to its <c>ready</c> line.</summary>
    public TimeSpan TimeToReady { get; private set; }

    /// <summary>Also after this was disposed: a load may ask while another thread puts the next process in its place.</summary>
    public bool HasExited
    {
        get
        {
            lock (_disposing) return _isDisposed || _process.HasExited;
        }
    }

    /// <summary>The last lines of its output, for failure messages.</summary>
    public string Output => _output.ToString();

    /// <summary>Starts without waiting: the process may be killed before it is ready.</summary>
    public static ServerProcess Launch(ServerOptions options) => new(EaCommand.StartInfo(options.Arguments()));

    /// <summary>Starts any program that speaks like <c>ea serve</c>. For tests of this class.</summary>
    public static ServerProcess Launch(ProcessStartInfo info) => new(info);

    /// <summary>Starts and waits for the <c>ready</c> line.</summary>
    public static async Task<ServerProcess> StartAsync(ServerOptions options)
    {
        var server = Launch(options);
        try
        {
            await server.WaitReadyAsync(ReadyTimeout);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <exception cref="TimeoutException">No <c>ready</c> line in time; the message holds the output.</exception>
    /// <exception cref="InvalidOperationException">The process ended before it was ready.</exception>
    public async Task<Uri> WaitReadyAsync(TimeSpan timeout)
    {
        try
        {
            return await _ready.Task.WaitAsync(timeout);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"no ready line within {timeout}; output:\n{Output}");
        }
    }

    /// <summary>SIGKILL to the whole tree, and waits until the process is gone.</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
    }

    /// <summary>Sends a signal and does not wait for what follows.</summary>
    public void Signal(int signal)
    {
        if (!_process.HasExited && PosixSignals.Kill(_process.Id, signal) != 0 && !_process.HasExited)
            throw new InvalidOperationException($"signal {signal} could not be sent to process {_process.Id}");
    }

    /// <summary>SIGTERM; returns the exit code.</summary>
    /// <param name="timeout"><see cref="StopTimeout"/> when null.</param>
    /// <exception cref="TimeoutException">It did not end in time; it was killed.</exception>
    public async Task<int> TerminateAsync(TimeSpan? timeout = null)
    {
        Signal(PosixSignals.Terminate);
        return await WaitExitAsync(timeout ?? StopTimeout);
    }

    /// <summary>Waits for the process to end by itself; returns the exit code.</summary>
    public async Task<int> WaitExitAsync(TimeSpan timeout)
    {
        using var limit = new CancellationTokenSource(timeout);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            await KillAsync();
            throw new TimeoutException($"the server did not end within {timeout}; output:\n{Output}");
        }

        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed) return;
        await KillAsync();
        lock (_disposing)
        {
            _isDisposed = true;
            _process.Dispose();
        }
    }

    private void OnOutput(string? line)
    {
        if (line is null) return;
        _output.Add(line);
        if (!line.StartsWith(ReadyPrefix, StringComparison.Ordinal)) return;
        var http = line.Split(' ').FirstOrDefault(part => part.StartsWith("http=", StringComparison.Ordinal));
        if (http is not null && Uri.TryCreate(http["http=".Length..], UriKind.Absolute, out var address) && address.Port != 0)
        {
            TimeToReady = _sinceStart.Elapsed;
            _ready.TrySetResult(address);
        }
        else
        {
            _ready.TrySetException(new InvalidOperationException($"not a ready line: {line}"));
        }
    }

    private void OnError(string? line)
    {
        if (line is not null) _output.Add("stderr: " + line);
    }

    private async Task WatchExitAsync()
    {
        await _process.WaitForExitAsync();
        _ready.TrySetException(new InvalidOperationException($"the server ended with {_process.ExitCode} before it was ready; output:\n{Output}"));
        // Nobody waits for the ready line of a process that was killed on purpose.
        _ = _ready.Task.Exception;
    }
}
