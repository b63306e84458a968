using EntityActors.Tests.Shared.Processes;

namespace EntityActors.Cluster.Tests.Kill;

/// <summary>The real program on one data directory.</summary>
internal sealed class ServerUnderTest(ServerOptions options) : IStoreUnderTest
{
    private static readonly TimeSpan VerifyTimeout = TimeSpan.FromMinutes(2);
    private ServerProcess? _server;

    public string Output => _server?.Output ?? "";

    public async Task<Uri> StartAsync()
    {
        await DisposeServerAsync();
        _server = await ServerProcess.StartAsync(options);
        return _server.BaseAddress;
    }

    public async Task StartAndKillAsync(TimeSpan after)
    {
        await DisposeServerAsync();
        _server = ServerProcess.Launch(options);
        await Task.Delay(after);
        if (_server.HasExited) throw new InvalidOperationException($"the server ended by itself; output:\n{Output}");
        await _server.KillAsync();
    }

    public Task KillAsync() => _server!.KillAsync();

    public async Task StopAsync()
    {
        var exit = await _server!.TerminateAsync();
        if (exit != 0) throw new InvalidOperationException($"SIGTERM ended with {exit}; output:\n{Output}");
    }

    public async Task VerifyStoppedAsync()
    {
        var outcome = await EaCommand.RunAsync(VerifyTimeout, "verify", "--data", options.DataDirectory);
        if (outcome.ExitCode != 0) throw new InvalidOperationException($"ea verify: {outcome}");
    }

    public ValueTask DisposeAsync() => DisposeServerAsync();

    private async ValueTask DisposeServerAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
    }
}
