using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using EntityActors.Chaos.Clients;
using EntityActors.Chaos.Histories;
using EntityActors.Host.Cli;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Networks;
using EntityActors.Tests.Shared.Processes;

namespace EntityActors.Chaos.Nodes;

/// <summary>A node that is the real program. When it ends by itself it is started again, as a service manager would.</summary>
internal sealed class NodeProcess(NodeSettings settings, string dataset, ChaosClock clock, ConcurrentQueue<(long At, string What)> events,
    ConcurrentQueue<string> findings) : IChaosNode, IAsyncDisposable
{
    /// <summary>How long a client waits for one answer.</summary>
    private static readonly TimeSpan AnswerMax = TimeSpan.FromSeconds(4);

    /// <summary>How long a node may take to end after SIGTERM: hand-offs wait for a cluster that may just have lost other nodes.</summary>
    private static readonly TimeSpan StopMax = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan RestartDelay = TimeSpan.FromSeconds(1);
    private const int KilledBySignal = 128;

    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly ConcurrentQueue<HttpConnection> _retired = new();
    private ServerProcess? _server;
    private volatile HttpConnection? _connection;
    private volatile bool _isWanted;
    private bool _isPaused;
    private bool _isDisposed;

    public string Name => settings.Name;

    public IStoreConnection? Connection => _connection;

    /// <summary>For checks after the load: a client of the node with more patience. The caller disposes it.</summary>
    public StoreHttp? NewHttp(TimeSpan timeout) =>
        _connection is null || _server is not { HasExited: false } server ? null : new StoreHttp(server.BaseAddress, timeout, Connect());

    public bool IsRunning => _isWanted && _server is { HasExited: false };

    public long StartedAt { get; private set; }

    public int? ProcessId => _server is { HasExited: false } server ? server.ProcessId : null;

    public string Output => _server?.Output ?? "";

    public async Task LaunchAsync()
    {
        await _gate.WaitAsync();
        try
        {
            if (_isDisposed) return;
            _isWanted = true;
            if (_server is { HasExited: false }) return;
            if (_server is not null) await _server.DisposeAsync();
            _isPaused = false;
            StartedAt = clock.Now();
            _server = ServerProcess.Launch(StartInfo());
            _ = FollowAsync(_server);
        }
        finally
        {
            _gate.Release();
        }
    }

    public async Task<bool> WaitReadyAsync(TimeSpan timeout, CancellationToken cancellation)
    {
        var started = Stopwatch.GetTimestamp();
        while (_connection is null && Stopwatch.GetElapsedTime(started) < timeout && !cancellation.IsCancellationRequested)
            await Task.Delay(20, CancellationToken.None);
        return _connection is not null;
    }

    public async Task KillAsync()
    {
        await _gate.WaitAsync();
        try
        {
            (_isWanted, _isPaused) = (false, false);
            Retire();
            if (_server is not null) await _server.KillAsync();
        }
        finally
        {
            _gate.Release();
        }
    }

    public async Task<int> TerminateAsync(bool mayBeRemoved = false)
    {
        await _gate.WaitAsync();
        try
        {
            _isWanted = false;
            if (_server is null) return 0;
            // Clients go on sending to it: a node that stops in order has to answer or refuse them.
            try
            {
                var started = Stopwatch.GetTimestamp();
                var exit = await _server.TerminateAsync(StopMax);
                events.Enqueue((clock.Now(), string.Create(CultureInfo.InvariantCulture,
                    $"{Name} ended with {exit} {Stopwatch.GetElapsedTime(started).TotalSeconds:F2} s after SIGTERM")));
                if (exit != ExitCode.Ok && !(mayBeRemoved && exit == ExitCode.Downed)) findings.Enqueue($"{Name}: SIGTERM ended with {exit}; output:\n{Output}");
                return exit;
            }
            catch (TimeoutException late)
            {
                findings.Enqueue($"{Name}: SIGTERM did not end it in time: {late.Message}");
                return -1;
            }
            finally
            {
                Retire();
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Pause()
    {
        if (ProcessId is not { } process) return;
        _isPaused = true;
        _ = PosixSignals.Kill(process, PosixSignals.Stop);
    }

    public void Resume()
    {
        if (!_isPaused || ProcessId is not { } process) return;
        _isPaused = false;
        _ = PosixSignals.Kill(process, PosixSignals.Continue);
    }

    public async ValueTask DisposeAsync()
    {
        _isDisposed = true;
        await KillAsync();
        if (_server is not null) await _server.DisposeAsync();
        while (_retired.TryDequeue(out var connection)) connection.Dispose();
    }

    /// <summary>Makes the node reachable once it is ready, and starts it again when it ends by itself.</summary>
    private async Task FollowAsync(ServerProcess server)
    {
        try
        {
            var address = await server.WaitReadyAsync(ServerProcess.ReadyTimeout * 2);
            if (server == _server && _isWanted) _connection = new HttpConnection(new StoreHttp(address, AnswerMax, Connect()), dataset);
        }
        catch (Exception cause) when (cause is TimeoutException or InvalidOperationException)
        {
            // It ended, or it cannot join: what matters is whether it serves in the end, which is checked then.
            if (server == _server && _isWanted) events.Enqueue((clock.Now(), $"{Name} did not get ready: {FirstLine(cause.Message)}"));
        }

        var exit = await server.WaitExitAsync(Timeout.InfiniteTimeSpan);
        if (server != _server || !_isWanted) return;
        events.Enqueue((clock.Now(), $"{Name} ended by itself with {exit}"));
        if (exit >= KilledBySignal) findings.Enqueue($"{Name} crashed with {exit}; output:\n{server.Output}");
        Retire();
        await Task.Delay(RestartDelay);
        if (server == _server && _isWanted) await LaunchAsync();
    }

    private void Retire()
    {
        // Calls of clients may still be under way in it.
        if (_connection is { } connection) _retired.Enqueue(connection);
        _connection = null;
    }

    private ProcessStartInfo StartInfo()
    {
        var info = EaCommand.StartInfo(settings.Arguments);
        foreach (var (name, value) in settings.Environment) info.Environment[name] = value;
        return settings.NetworkNamespace is { } network ? NetworkNamespace.Inside(network, info) : info;
    }

    private Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>>? Connect() =>
        settings.NetworkNamespace is { } network ? NetworkNamespace.Connector(network) : null;

    private static string FirstLine(string text) => text.Split('\n')[0];
}
