using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using EntityActors.Tests.Shared.Processes;

namespace EntityActors.Cluster.Tests.Feeds;

/// <summary><c>ea watch --json</c> as a process. Killed on dispose.</summary>
internal sealed class WatchProcess : IDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly ConcurrentQueue<string> _messages = new();

    public WatchProcess(Uri server, string dataset)
    {
        _process = Process.Start(EaCommand.StartInfo(["watch", "--dataset", dataset, "--from", "beginning", "--json", "--server", server.ToString()]))!;
        _process.StandardInput.Close();
        _process.OutputDataReceived += (_, line) => Add(_lines, line.Data);
        _process.ErrorDataReceived += (_, line) => Add(_messages, line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public int Count => _lines.Count;

    public bool HasExited => _process.HasExited;

    public string Messages => string.Join('\n', _messages);

    public IReadOnlyCollection<FeedLine> Given()
    {
        var given = new List<FeedLine>();
        foreach (var line in _lines)
        {
            using var json = JsonDocument.Parse(line);
            given.Add(FeedLine.OfFeed(json.RootElement));
        }

        return given;
    }

    /// <summary>Ctrl-C; returns the exit code.</summary>
    public async Task<int> InterruptAsync(TimeSpan timeout)
    {
        PosixSignals.Kill(_process.Id, PosixSignals.Interrupt);
        using var limit = new CancellationTokenSource(timeout);
        await _process.WaitForExitAsync(limit.Token);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
    }

    private static void Add(ConcurrentQueue<string> lines, string? line)
    {
        if (line is not null) lines.Enqueue(line);
    }
}
