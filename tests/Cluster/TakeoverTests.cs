using System.Diagnostics;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests;

/// <summary>Real processes of one cluster that are killed or frozen: death is proved by the lock of the process, and nothing else is taken for it.</summary>
public sealed class TakeoverTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int ShardCount = 16;
    private const int EntityCount = 100;
    private const int Downed = 7;
    private const string Dataset = "zombie";
    private const string Dead = "is dead: the lock that only the end of its process releases is free";
    private const string NotProved = "which does not prove it dead: nothing is done";

    /// <summary>Far below what the settings of these tests let time-outs take, far above what a busy machine needs.</summary>
    private static readonly TimeSpan ProofTime = TimeSpan.FromSeconds(55);

    private readonly TempDirectory _directory = new();
    private ClusterUnderTest _cluster = null!;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _cluster.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task The_shards_of_killed_processes_move_on_proof_where_time_outs_would_take_minutes()
    {
        await StartAsync("""
            akka.cluster.failure-detector.acceptable-heartbeat-pause = 600s
            akka.cluster.split-brain-resolver.stable-after = 600s
            """);
        var acknowledged = new AcknowledgedWrites(_cluster);
        await acknowledged.WriteAsync(0, EntityCount);
        // The second one leaves a single node, which is no majority of two: proof needs none.
        int[] left = [0, 1, 2];
        for (var kill = 0; kill < 2; kill++)
        {
            // First the oldest one, where the coordinator of the shards runs.
            var dead = left[0];
            left = left[1..];
            _cluster.Kill(dead);
            var since = Stopwatch.StartNew();
            foreach (var node in left) await _cluster.WaitReadyAsync(node);
            output.WriteLine($"{left.Length} nodes serve all shards {since.Elapsed} after node {dead} was killed");
            Assert.True(since.Elapsed < ProofTime, $"{since.Elapsed}\n{_cluster.Output}");
            foreach (var node in left) await acknowledged.AssertAllThereAsync(node);
            await acknowledged.WriteAsync(left[0], EntityCount);
            Assert.Contains(left, node => SaysOf(node, Dead, dead));
        }
    }

    [Fact]
    public async Task A_frozen_process_is_never_taken_for_dead_and_is_replaced_at_once_when_it_is_killed_while_it_is_frozen()
    {
        await StartAsync("akka.cluster.split-brain-resolver.stable-after = 600s");
        var acknowledged = new AcknowledgedWrites(_cluster);
        await acknowledged.WriteAsync(0, EntityCount);
        var before = await _cluster.MembersAsync(0);
        _cluster.Pause(2);
        await SaidAsync(NotProved, 2);
        // Looks go on while it is frozen; several of them show the same.
        await Task.Delay(TimeSpan.FromSeconds(4));
        var seen = await _cluster.MembersAsync(0);
        Assert.Equal(before.Select(member => (member.Uid, "up")), seen.Select(member => (member.Uid, member.Status)));
        Assert.DoesNotContain(Dead, _cluster.Output, StringComparison.Ordinal);

        _cluster.Resume(2);
        foreach (var node in new[] { 0, 1, 2 }) await _cluster.WaitReadyAsync(node);
        await acknowledged.AssertAllThereAsync(2);
        Assert.Equal(before.Select(member => member.Uid), (await _cluster.MembersAsync(2)).Select(member => member.Uid));

        _cluster.Pause(2);
        // Long enough for the failure detector.
        await Task.Delay(TimeSpan.FromSeconds(5));
        _cluster.Kill(2);
        var since = Stopwatch.StartNew();
        foreach (var node in new[] { 0, 1 }) await _cluster.WaitReadyAsync(node);
        output.WriteLine($"all shards are served {since.Elapsed} after the frozen node was killed");
        Assert.True(since.Elapsed < ProofTime, $"{since.Elapsed}\n{_cluster.Output}");
        await SaidAsync(Dead, 2);
        foreach (var node in new[] { 0, 1 }) await acknowledged.AssertAllThereAsync(node);
    }

    [Fact]
    public async Task A_zombie_that_wakes_up_acknowledges_nothing_and_answers_no_read_of_a_shard_that_it_has_lost()
    {
        await StartAsync("");
        const int zombie = 2;
        var owned = (await _cluster.OwnersAsync(0))[_cluster.NameOf(zombie)].ToHashSet();
        Assert.NotEmpty(owned);
        using var other = new StoreHttp(_cluster.Http(0));
        using var asleep = new StoreHttp(_cluster.Http(zombie), ServerProcess.StopTimeout);
        var ids = new List<string>();
        for (var i = 0; ids.Count < 20; i++)
        {
            var commit = (await other.PutAsync(Dataset, $"e{i}", ["state:old"], $"{i}")).Commit!;
            if (owned.Contains(commit.Shard)) ids.Add($"e{i}");
        }

        _cluster.Pause(zombie);
        // The system takes these for it while it is frozen; they are the first thing that it finds.
        var writes = ids.Select(id => AnswerAsync(() => asleep.PutAsync(Dataset, id, ["state:zombie"], "0"))).ToList();
        var reads = ids.Select(id => AnswerAsync(() => asleep.GetAsync(Dataset, id))).ToList();
        foreach (var node in new[] { 0, 1 }) await _cluster.WaitReadyAsync(node);
        foreach (var id in ids) Assert.Equal(2, (await other.PutAsync(Dataset, id, ["state:new"], "1")).Commit!.Revision);

        _cluster.Resume(zombie);
        var written = await Task.WhenAll(writes);
        var read = await Task.WhenAll(reads);
        Assert.Equal(Downed, await _cluster.Node(zombie).WaitExitAsync(ServerProcess.StopTimeout));
        output.WriteLine($"writes: {Summary(written.Select(answer => answer?.Status))}; reads: {read.Count(answer => answer is not null)} answered");
        Assert.DoesNotContain(written, answer => answer?.Commit is not null);
        Assert.DoesNotContain(read, answer => answer is not null);
        foreach (var id in ids)
        {
            var entity = await other.GetAsync(Dataset, id);
            Assert.Equal((2L, "state:new"), (entity!.Revision, Assert.Single(entity.Tags)));
        }
    }

    private static string Summary(IEnumerable<int?> answers) =>
        string.Join(", ", answers.GroupBy(answer => answer).Select(group => $"{group.Count()} × {group.Key?.ToString() ?? "none"}"));

    /// <summary>Null when it ended without an answer, or with one that is an error.</summary>
    private static async Task<T?> AnswerAsync<T>(Func<Task<T>> request)
        where T : class?
    {
        try
        {
            return await request();
        }
        catch (Exception cause) when (cause is HttpRequestException or IOException or TaskCanceledException)
        {
            return null;
        }
    }

    private async Task StartAsync(string settings)
    {
        var hocon = _directory.File("test.hocon");
        await File.WriteAllTextAsync(hocon, settings);
        _cluster = new ClusterUnderTest(_directory.File("data"), nodeCount: 3, ShardCount, [hocon]);
        await _cluster.StartNodeAsync(0);
        await Task.WhenAll(_cluster.StartNodeAsync(1), _cluster.StartNodeAsync(2));
        // Rebalanced, so that every node has something to lose and nothing is on its way.
        await _cluster.WaitBalancedAsync();
    }

    private bool SaysOf(int node, string sentence, int of) => _cluster.Node(node).Output.Split('\n')
        .Any(line => line.Contains(sentence, StringComparison.Ordinal) && line.Contains(_cluster.AddressOf(of), StringComparison.Ordinal));

    private async Task SaidAsync(string sentence, int of)
    {
        var deadline = DateTime.UtcNow + ProofTime;
        while (!Enumerable.Range(0, _cluster.NodeCount).Where(node => node != of).Any(node => SaysOf(node, sentence, of)))
        {
            Assert.True(DateTime.UtcNow < deadline, $"nobody says of node {of} that it {sentence}\n{_cluster.Output}");
            await Task.Delay(50);
        }
    }
}
