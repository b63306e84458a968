using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;
using Xunit;

namespace EntityActors.Cluster.Tests;

public sealed class ShutdownTests
{
    private const string Dataset = "shutdown";
    private const int ClientCount = 16;
    private const int AcknowledgedBefore = 500;

    [Theory]
    [InlineData(PosixSignals.Terminate)]
    [InlineData(PosixSignals.Interrupt)]
    public async Task A_signal_ends_a_quiet_server_with_exit_code_0_and_it_said_one_line(int signal)
    {
        using var directory = new TempDirectory();
        await using var server = await ServerProcess.StartAsync(new ServerOptions(directory.File("data"), TinyThresholds.ShardCount));
        Assert.Equal(0, PosixSignals.Kill(server.ProcessId, signal));
        var exit = await server.WaitExitAsync(ServerProcess.StopTimeout);
        Assert.True(exit == 0, $"exit {exit}; output:\n{server.Output}");
        Assert.StartsWith("ready http=", Assert.Single(Said(server)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task SIGTERM_during_the_start_ends_it_in_order()
    {
        using var directory = new TempDirectory();
        var data = directory.File("data");
        await using var server = ServerProcess.Launch(new ServerOptions(data, TinyThresholds.ShardCount));
        var deadline = DateTime.UtcNow + ServerProcess.ReadyTimeout;
        while (!File.Exists(Path.Combine(data, "store.json")))
        {
            Assert.True(DateTime.UtcNow < deadline && !server.HasExited, $"no store was made; output:\n{server.Output}");
            await Task.Delay(5);
        }

        Assert.Equal(0, await server.TerminateAsync());
        Assert.DoesNotContain(Said(server), static line => line.StartsWith("stderr", StringComparison.Ordinal));
        var verified = await EaCommand.RunAsync(TimeSpan.FromMinutes(1), "verify", "--data", data);
        Assert.True(verified.ExitCode == 0, verified.ToString());
    }

    [Fact]
    public async Task SIGTERM_under_load_exits_0_and_keeps_every_acknowledged_change()
    {
        using var directory = new TempDirectory();
        var options = new ServerOptions(directory.File("data"), TinyThresholds.ShardCount, [TinyThresholds.WriteTo(directory.Path)]);
        var acknowledged = new System.Collections.Concurrent.ConcurrentDictionary<string, CommitShape>();
        await using (var server = await ServerProcess.StartAsync(options))
        {
            using var http = new StoreHttp(server.BaseAddress, TimeSpan.FromSeconds(15));
            using var ended = new CancellationTokenSource();
            var enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var clients = Enumerable.Range(0, ClientCount).Select(client => WriteUntilRefusedAsync(client)).ToList();
            await enough.Task.WaitAsync(TimeSpan.FromSeconds(60));
            var exit = await server.TerminateAsync();
            await ended.CancelAsync();
            await Task.WhenAll(clients);
            Assert.True(exit == 0, $"exit {exit}; output:\n{server.Output}");

            async Task WriteUntilRefusedAsync(int client)
            {
                for (var i = 0; !ended.IsCancellationRequested; i++)
                {
                    var id = $"c{client}-{i}";
                    try
                    {
                        var answer = await http.PutAsync(Dataset, id, [$"client:{client}"], null);
                        if (answer.Commit is null) return;
                        acknowledged[id] = answer.Commit;
                        if (acknowledged.Count >= AcknowledgedBefore) enough.TrySetResult();
                    }
                    catch (Exception cause) when (cause is HttpRequestException or IOException or TaskCanceledException)
                    {
                        return;
                    }
                }
            }
        }

        var verified = await EaCommand.RunAsync(TimeSpan.FromMinutes(1), "verify", "--data", options.DataDirectory);
        Assert.True(verified.ExitCode == 0, verified.ToString());
        await using var again = await ServerProcess.StartAsync(options);
        using var reader = new StoreHttp(again.BaseAddress);
        await Parallel.ForEachAsync(acknowledged.Values, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (commit, _) =>
        {
            var entity = await reader.GetAsync(Dataset, commit.Id);
            Assert.True(entity?.Revision == commit.Revision && entity.UpdatedAt == commit.At, $"{commit} is {entity}");
        });
    }

    /// <summary>Lines of the program, but the one that every start without authentication gives.</summary>
    private static IEnumerable<string> Said(ServerProcess server) => server.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Where(static line => !line.StartsWith("stderr: ea: authentication is off", StringComparison.Ordinal));
}
