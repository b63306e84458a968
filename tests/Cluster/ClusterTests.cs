using System.Diagnostics;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Processes;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests;

/// <summary>Several processes that are one cluster over one data directory.</summary>
public sealed class ClusterTests : IAsyncLifetime
{
    private const int ShardCount = 16;
    private const int EntityCount = 200;
    private const int Downed = 7;

    private readonly ITestOutputHelper _output;
    private readonly TempDirectory _directory = new();
    private readonly ClusterUnderTest _cluster;
    private readonly AcknowledgedWrites _acknowledged;

    public ClusterTests(ITestOutputHelper output)
    {
        _output = output;
        _cluster = new ClusterUnderTest(_directory.File("data"), nodeCount: 3, ShardCount);
        _acknowledged = new AcknowledgedWrites(_cluster);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _cluster.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task What_one_node_acknowledged_every_node_answers_and_a_killed_node_takes_nothing_with_it()
    {
        await _cluster.StartAsync();
        await _acknowledged.WriteAsync(0, EntityCount);
        for (var node = 0; node < _cluster.NodeCount; node++) await _acknowledged.AssertAllThereAsync(node);
        var dead = await OwnerAsync();
        _cluster.Kill(dead);
        foreach (var node in Others(dead))
        {
            await _cluster.WaitReadyAsync(node);
            await _acknowledged.AssertAllThereAsync(node);
        }

        await _cluster.StartNodeAsync(dead);
        await _acknowledged.AssertAllThereAsync(dead);
        Assert.Equal(3, (await _cluster.MembersAsync(dead)).Count(member => member.Status == "up"));
        await StopAllAsync();
        var verified = await EaCommand.RunAsync(TimeSpan.FromMinutes(1), "verify", "--data", _cluster.DataDirectory);
        Assert.True(verified.ExitCode == 0, verified.ToString());
    }

    [Fact]
    public async Task A_node_with_another_data_directory_is_given_nothing_and_ends_and_says_why()
    {
        await _cluster.StartNodeAsync(0);
        await _acknowledged.WriteAsync(0, EntityCount);
        foreach (var attempt in new[] { "new", "again" })
        {
            var stranger = await EaCommand.RunAsync(TimeSpan.FromMinutes(2), "serve", "--data", _directory.File("other"), "--shards", $"{ShardCount}",
                "--http", "http://127.0.0.1:0", "--cluster-port", "0", "--seed", _cluster.AddressOf(0));
            Assert.True(stranger.ExitCode == Downed && stranger.Error.Contains("serves another store"), $"{attempt}: {stranger}");
            Assert.DoesNotContain("ready", stranger.Output, StringComparison.Ordinal);
            await _acknowledged.AssertAllThereAsync(0);
        }

        await _cluster.StartNodeAsync(1);
        for (var node = 0; node < 2; node++) await _acknowledged.AssertAllThereAsync(node);
        Assert.False(Directory.Exists(_directory.File("other/shards/0000")));
    }

    [Fact]
    public async Task A_node_that_waits_for_its_cluster_ends_as_soon_as_it_is_told_to_and_never_says_that_it_is_ready()
    {
        await using var waiting = ServerProcess.Launch(EaCommand.StartInfo(["serve", "--data", _cluster.DataDirectory, "--http", "http://127.0.0.1:0",
            "--cluster-port", "0", "--seed", _cluster.AddressOf(0)]));
        while (!waiting.Output.Contains("Couldn't join seed nodes", StringComparison.Ordinal))
        {
            Assert.False(waiting.HasExited, waiting.Output);
            await Task.Delay(100);
        }

        Assert.Equal(0, await waiting.TerminateAsync());
        Assert.DoesNotContain("ready http=", waiting.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_node_that_stands_still_for_two_seconds_stays_a_member_and_keeps_its_shards()
    {
        await _cluster.StartAsync();
        await _acknowledged.WriteAsync(0, EntityCount);
        var before = await _cluster.MembersAsync(0);
        for (var node = 0; node < _cluster.NodeCount; node++)
        {
            _cluster.Pause(node);
            await Task.Delay(TimeSpan.FromSeconds(2));
            _cluster.Resume(node);
        }

        // Past every time at which one of the freezes could still lead to a decision.
        await Task.Delay(TimeSpan.FromSeconds(8));
        for (var node = 0; node < _cluster.NodeCount; node++)
        {
            Assert.Equal(before.Select(member => (member.Uid, "up", true)),
                (await _cluster.MembersAsync(node)).Select(member => (member.Uid, member.Status, member.Reachable)));
            await _acknowledged.AssertAllThereAsync(node);
        }
    }

    [Fact]
    public async Task A_frozen_node_is_replaced_and_ends_when_it_wakes_up_and_says_why()
    {
        await _cluster.StartAsync();
        await _acknowledged.WriteAsync(0, EntityCount);
        var frozen = await OwnerAsync();
        _cluster.Pause(frozen);
        var since = Stopwatch.StartNew();
        foreach (var node in Others(frozen)) await _cluster.WaitReadyAsync(node);
        _output.WriteLine($"taken over after {since.Elapsed}");
        foreach (var node in Others(frozen)) await _acknowledged.AssertAllThereAsync(node);
        _cluster.Resume(frozen);
        since.Restart();
        Assert.Equal(Downed, await _cluster.Node(frozen).WaitExitAsync(ServerProcess.StopTimeout));
        _output.WriteLine($"ended {since.Elapsed} after it woke up");
        Assert.Contains($"node {_cluster.NameOf(frozen)} ended, because the cluster goes on without it", _cluster.Node(frozen).Output,
            StringComparison.Ordinal);
        // Told by another member, not found out when its own failure detector had given up on everybody.
        Assert.Contains("has removed it from the cluster", _cluster.Node(frozen).Output, StringComparison.Ordinal);
        await _cluster.StartNodeAsync(frozen);
        await _acknowledged.AssertAllThereAsync(frozen);
    }

    [Fact]
    public async Task After_all_were_killed_any_nodes_begin_the_cluster_again_and_the_rest_join_it()
    {
        await _cluster.StartAsync();
        await _acknowledged.WriteAsync(0, EntityCount);
        for (var node = 0; node < _cluster.NodeCount; node++) _cluster.Kill(node);
        // Without the first seed.
        await Task.WhenAll(_cluster.StartNodeAsync(1), _cluster.StartNodeAsync(2));
        await _acknowledged.AssertAllThereAsync(1);
        await _cluster.StartNodeAsync(0);
        await _acknowledged.AssertAllThereAsync(0);
        for (var node = 0; node < _cluster.NodeCount; node++)
            Assert.Equal(3, (await _cluster.MembersAsync(node)).Count(member => member.Status == "up"));
    }

    [Fact]
    public async Task A_node_that_starts_while_all_members_stand_still_waits_for_them_and_begins_no_second_cluster()
    {
        await _cluster.StartAsync();
        await _acknowledged.WriteAsync(0, EntityCount);
        _cluster.Kill(0);
        _cluster.Pause(1);
        _cluster.Pause(2);
        await _cluster.LaunchAsync(0);
        // Longer than any time after which a node without an answer might think that it is alone.
        await Task.Delay(TimeSpan.FromSeconds(8));
        Assert.False(_cluster.IsReady(0));
        _cluster.Resume(1);
        _cluster.Resume(2);
        await _cluster.WaitStartedAsync(0);
        for (var node = 0; node < _cluster.NodeCount; node++)
        {
            await _cluster.WaitReadyAsync(node);
            await _acknowledged.AssertAllThereAsync(node);
            Assert.Equal(3, (await _cluster.MembersAsync(node)).Count(member => member.Status == "up"));
        }
    }

    [Fact]
    public async Task A_directory_that_a_cluster_uses_is_refused_to_everybody_else()
    {
        await _cluster.StartAsync();
        await AssertRefusedAsync("is in use by another process", "serve", "--http", "http://127.0.0.1:0");
        await AssertRefusedAsync("is in use by another process", "verify");
        await AssertRefusedAsync("joins them with --seed", "serve", "--http", "http://127.0.0.1:0", "--cluster-port", "0");
        await AssertRefusedAsync($"a node named {_cluster.NameOf(1)} runs", "serve", "--http", "http://127.0.0.1:0", "--cluster-port", "0",
            "--seed", _cluster.AddressOf(0), "--node", _cluster.NameOf(1));
    }

    private async Task AssertRefusedAsync(string expected, params string[] arguments)
    {
        var outcome = await EaCommand.RunAsync(TimeSpan.FromMinutes(1), [.. arguments, "--data", _cluster.DataDirectory]);
        Assert.True(outcome.ExitCode == 1 && outcome.ErrorLines is [var line] && line.Contains(expected, StringComparison.Ordinal), outcome.ToString());
    }

    private IEnumerable<int> Others(int node) => Enumerable.Range(0, _cluster.NodeCount).Where(other => other != node);

    /// <summary>A node that serves shards.</summary>
    private async Task<int> OwnerAsync()
    {
        var owners = await _cluster.OwnersAsync(0);
        return Enumerable.Range(0, _cluster.NodeCount).MaxBy(node => owners[_cluster.NameOf(node)].Count());
    }

    private async Task StopAllAsync()
    {
        for (var node = 0; node < _cluster.NodeCount; node++)
        {
            var exit = await _cluster.TerminateAsync(node);
            Assert.True(exit == 0, $"node {node} ended with {exit}\n{_cluster.Output}");
        }
    }
}
