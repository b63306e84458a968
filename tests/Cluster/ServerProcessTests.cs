using System.Diagnostics;
using EntityActors.Tests.Shared.Processes;
using Xunit;

namespace EntityActors.Cluster.Tests;

/// <summary>The process harness against shell scripts that behave and misbehave.</summary>
public sealed class ServerProcessTests
{
    [Fact]
    public async Task The_ready_line_tells_the_address()
    {
        await using var server = Launch("echo starting; echo 'ready http=http://127.0.0.1:4321 node=n1 shards=8'; sleep 60");
        Assert.Equal(new Uri("http://127.0.0.1:4321"), await server.WaitReadyAsync(TimeSpan.FromSeconds(20)));
        await server.KillAsync();
        Assert.True(server.HasExited);
    }

    [Fact]
    public async Task A_server_that_ends_before_it_is_ready_fails_with_what_it_said()
    {
        await using var server = Launch("echo the disk is on fire >&2; exit 3");
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => server.WaitReadyAsync(TimeSpan.FromSeconds(20)));
        Assert.Contains("ended with 3", failure.Message, StringComparison.Ordinal);
        Assert.Contains("the disk is on fire", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_never_gets_ready_fails_with_what_it_said()
    {
        await using var server = Launch("echo still thinking; sleep 60");
        var failure = await Assert.ThrowsAsync<TimeoutException>(() => server.WaitReadyAsync(TimeSpan.FromSeconds(1)));
        Assert.Contains("still thinking", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SIGTERM_reaches_the_process_and_its_exit_code_comes_back()
    {
        await using var server = Launch("trap 'exit 7' TERM; echo 'ready http=http://127.0.0.1:1'; while true; do sleep 0.05; done");
        await server.WaitReadyAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(7, await server.TerminateAsync());
    }

    private static ServerProcess Launch(string script)
    {
        var info = new ProcessStartInfo("bash")
        {
            UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true, RedirectStandardInput = true,
        };
        info.ArgumentList.Add("-c");
        info.ArgumentList.Add(script);
        return ServerProcess.Launch(info);
    }
}
