using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;
using Xunit;

namespace EntityActors.Cluster.Tests;

public sealed class UpTests : IDisposable
{
    private const string Dataset = "up";

    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Up_starts_a_cluster_says_where_each_node_is_and_ends_all_of_them_in_order()
    {
        var data = _directory.File("data");
        await using var up = ServerProcess.Launch(EaCommand.StartInfo(["up", "--nodes", "3", "--data", data, "--http", "http://127.0.0.1:0", "--shards", "8"]));
        var addresses = await ReadyAsync(up, 3);
        using (var first = new StoreHttp(addresses[0])) Assert.NotNull((await first.PutAsync(Dataset, "a", ["kind:test"], "1")).Commit);
        using (var last = new StoreHttp(addresses[2])) Assert.NotNull(await last.GetAsync(Dataset, "a"));
        Assert.Equal(0, await up.TerminateAsync());
        var verified = await EaCommand.RunAsync(TimeSpan.FromMinutes(1), "verify", "--data", data);
        Assert.True(verified.ExitCode == 0, verified.ToString());
    }

    [Fact]
    public async Task Nodes_do_not_outlive_the_command_that_started_them()
    {
        var data = _directory.File("data");
        await using var up = ServerProcess.Launch(EaCommand.StartInfo(["up", "--nodes", "2", "--data", data, "--http", "http://127.0.0.1:0", "--shards", "8"]));
        await ReadyAsync(up, 2);
        // To it alone, as the system's out-of-memory killer would.
        up.Signal(PosixSignals.KillNow);
        var deadline = DateTime.UtcNow + ServerProcess.StopTimeout;
        while (true)
        {
            // A store in use is refused with exit code 1.
            var verified = await EaCommand.RunAsync(TimeSpan.FromMinutes(1), "verify", "--data", data);
            if (verified.ExitCode == 0) return;
            Assert.True(verified.ExitCode == 1 && DateTime.UtcNow < deadline, verified.ToString());
        }
    }

    private static async Task<List<Uri>> ReadyAsync(ServerProcess up, int count)
    {
        var deadline = DateTime.UtcNow + ServerProcess.ReadyTimeout;
        while (true)
        {
            var addresses = up.Output.Split('\n').Where(line => line.StartsWith("ready http=", StringComparison.Ordinal))
                .Select(line => new Uri(line.Split(' ')[1]["http=".Length..])).ToList();
            if (addresses.Count == count) return addresses;
            Assert.True(DateTime.UtcNow < deadline && !up.HasExited, up.Output);
            await Task.Delay(50);
        }
    }
}
