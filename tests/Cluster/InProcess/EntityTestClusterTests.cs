using System.Diagnostics;
using System.Globalization;
using System.Text;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.TestCluster;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests.InProcess;

/// <summary>Nodes of one cluster in this process: what happens to them is what happens to processes.</summary>
public sealed class EntityTestClusterTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int EntityCount = 60;

    /// <summary>Whoever wants a balanced cluster does not want to wait for it.</summary>
    private const string QuickRebalance = "akka.cluster.sharding.rebalance-interval = 500ms";

    /// <summary>Nothing but a proof may remove a member.</summary>
    private const string NoTimeouts = """
        akka.cluster.failure-detector.acceptable-heartbeat-pause = 600s
        akka.cluster.split-brain-resolver.stable-after = 600s
        """;

    private static readonly TimeSpan SyncDelay = TimeSpan.FromMilliseconds(500);

    private EntityTestCluster? _cluster;

    private EntityTestCluster Cluster => _cluster!;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        if (_cluster is not null) await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task What_a_killed_node_acknowledged_is_read_from_the_others_on_proof_of_its_death_and_from_itself_when_it_is_back()
    {
        await StartAsync(NoTimeouts);
        var acknowledged = await WriteAsync(0, "e", EntityCount);
        var since = Stopwatch.StartNew();
        await Cluster.KillAsync(0);
        Assert.Equal((TestNodeState.Ended, "it was killed"), (Cluster.Nodes[0].State, Cluster.Nodes[0].EndReason));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => Cluster.Client(0).GetAsync(acknowledged[0].Key, null, false, default));
        foreach (var node in new[] { 1, 2 })
        {
            await Cluster.WaitReadyAsync(node);
            await AssertThereAsync(node, acknowledged);
        }

        output.WriteLine($"taken over and read after {since.Elapsed}");
        await Cluster.RestartAsync(0);
        await AssertThereAsync(0, acknowledged);
    }

    [Fact]
    public async Task A_write_that_waits_for_its_sync_when_its_node_is_killed_has_no_outcome_and_takes_effect_once_when_it_is_sent_again()
    {
        await StartAsync();
        var keys = KeysOf(owner: 1, count: 4);
        Cluster.SetDiskDelay(1, TimeSpan.FromMinutes(1));
        var puts = keys.Select(key => Put(key.Id, "x")).ToList();
        var calls = puts.Select(put => Cluster.Client(1).ExecuteAsync(put, default)).ToList();
        await Task.Delay(200);
        await Cluster.KillAsync(1);
        for (var i = 0; i < calls.Count; i++)
            Assert.Equal(puts[i].Id, (await Assert.ThrowsAsync<OutcomeUnknownException>(() => calls[i])).Command);
        foreach (var put in puts)
        {
            await Cluster.WaitReadyAsync(0);
            Assert.Equal(1, Assert.IsType<CommandResult.Committed>(await Cluster.Client(0).ExecuteAsync(put, default)).Commit.Revision);
            Assert.Single((await Cluster.Client(2).HistoryAsync(new HistoryQuery(put.Key, null, null, 0, 10), default)).Changes);
        }
    }

    [Fact]
    public async Task A_paused_node_is_replaced_and_answers_nothing_when_it_wakes_up_but_ends()
    {
        await StartAsync();
        var keys = KeysOf(owner: 2, count: 20);
        // Of other shards: a read behind a write that is refused would not be answered anyway.
        var unread = keys.Where(key => ShardOf(key) == ShardOf(keys[0])).ToList();
        foreach (var key in keys) Assert.Equal(1, await RevisionOfPutAsync(0, key, "old"));
        await Cluster.PauseAsync(2);
        Assert.Equal(TestNodeState.Paused, Cluster.Nodes[2].State);
        // They wait where it would find them first.
        var writes = unread.Select(key => AnswerAsync(() => Cluster.Client(2).ExecuteAsync(Put(key.Id, "zombie"), default))).ToList();
        var reads = keys.Except(unread).Select(key => AnswerAsync(() => Cluster.Client(2).GetAsync(key, null, false, default))).ToList();
        foreach (var node in new[] { 0, 1 }) await Cluster.WaitReadyAsync(node);
        foreach (var key in keys) Assert.Equal(2, await RevisionOfPutAsync(0, key, "new"));
        Assert.All(writes, write => Assert.False(write.IsCompleted));
        Assert.All(reads, read => Assert.False(read.IsCompleted));
        Assert.DoesNotContain(2, await OwnersAsync(keys));

        await Cluster.ResumeAsync(2);
        var reason = await Cluster.WaitEndedAsync(2);
        output.WriteLine(reason);
        Assert.DoesNotContain(await Task.WhenAll(writes), answer => answer is CommandResult.Committed);
        Assert.All(await Task.WhenAll(reads), Assert.Null);
        Assert.Equal(TestNodeState.Ended, Cluster.Nodes[2].State);
        Assert.Equal(0, Environment.ExitCode);
        await Cluster.RestartAsync(2);
        foreach (var key in keys) Assert.Equal(2, (await Cluster.Client(2).GetAsync(key, null, false, default))?.Head.Revision);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_side_without_the_majority_ends_and_the_other_one_serves_everything(bool isOneWay)
    {
        await StartAsync();
        var acknowledged = await WriteAsync(0, "e", EntityCount);
        await Cluster.PartitionAsync([0], [1, 2], isOneWay);
        output.WriteLine(await Cluster.WaitEndedAsync(0));
        foreach (var node in new[] { 1, 2 }) await Cluster.WaitReadyAsync(node);
        await AssertThereAsync(1, acknowledged);
        acknowledged.AddRange(await WriteAsync(2, "f", EntityCount));
        await Cluster.HealAsync();
        await Cluster.RestartAsync(0);
        await AssertThereAsync(0, acknowledged);
        Assert.Equal(TestNodeState.Running, Cluster.Nodes[1].State);
        Assert.Equal(TestNodeState.Running, Cluster.Nodes[2].State);
    }

    [Fact]
    public async Task What_is_sent_while_the_network_is_cut_arrives_when_it_is_healed()
    {
        await StartAsync(NoTimeouts);
        var keys = KeysOf(owner: 1, count: 4);
        await Cluster.PartitionAsync([0], [1, 2]);
        var puts = keys.Select(key => Cluster.Client(0).ExecuteAsync(Put(key.Id, "x"), default)).ToList();
        var local = KeysOf(owner: 0, count: 4);
        foreach (var key in local) Assert.Equal(1, await RevisionOfPutAsync(0, key, "x"));
        await Task.Delay(TimeSpan.FromSeconds(1));
        Assert.All(puts, put => Assert.False(put.IsCompleted));
        await Cluster.HealAsync();
        foreach (var put in puts) Assert.Equal(1, Assert.IsType<CommandResult.Committed>(await put).Commit.Revision);
        Assert.All(Cluster.Nodes, node => Assert.Equal(TestNodeState.Running, node.State));
        foreach (var key in keys.Concat(local)) Assert.Equal(1, (await Cluster.Client(2).GetAsync(key, null, false, default))?.Head.Revision);
    }

    [Fact]
    public async Task A_slow_disk_delays_what_is_acknowledged_and_breaks_nothing()
    {
        await StartAsync();
        var slow = KeysOf(owner: 1, count: 8);
        foreach (var key in slow) Assert.Equal(1, await RevisionOfPutAsync(0, key, "quick"));
        Cluster.SetDiskDelay(1, SyncDelay);
        var since = Stopwatch.StartNew();
        var puts = slow.Select(key => RevisionOfPutAsync(0, key, "slow")).ToList();
        // Acknowledged by nobody before it is synced; read as it was until then.
        var first = await Task.WhenAny(puts);
        Assert.True(since.Elapsed >= SyncDelay, $"acknowledged after {since.Elapsed}");
        Assert.Equal(2, await first);
        Assert.All(await Task.WhenAll(puts), revision => Assert.Equal(2, revision));
        output.WriteLine($"all acknowledged after {since.Elapsed}");
        Cluster.SetDiskDelay(1, TimeSpan.Zero);
        foreach (var key in slow) Assert.Equal(3, await RevisionOfPutAsync(2, key, "quick"));
        Assert.All(Cluster.Nodes, node => Assert.Equal(TestNodeState.Running, node.State));
        Assert.All(await OwnersAsync(slow), owner => Assert.Equal(1, owner));
    }

    [Fact]
    public async Task A_failing_disk_acknowledges_nothing_and_its_node_serves_again_once_it_is_healed()
    {
        await StartAsync();
        var keys = KeysOf(owner: 1, count: 4);
        foreach (var key in keys) Assert.Equal(1, await RevisionOfPutAsync(0, key, "x"));
        Cluster.FailDisk(1, errorNumber: 5);
        var puts = keys.Select(key => Put(key.Id, "y")).ToList();
        var answers = await Task.WhenAll(puts.Select(put => AnswerAsync(() => Cluster.Client(0).ExecuteAsync(put, default))));
        Assert.All(answers, Assert.Null);
        Cluster.HealDisk(1);
        foreach (var node in new[] { 0, 1, 2 }) await Cluster.WaitReadyAsync(node);
        foreach (var put in puts)
            Assert.Equal(2, Assert.IsType<CommandResult.Committed>(await Cluster.Client(2).ExecuteAsync(put, default)).Commit.Revision);
        Assert.All(Cluster.Nodes, node => Assert.Equal(TestNodeState.Running, node.State));
    }

    [Fact]
    public async Task A_node_that_is_stopped_hands_its_shards_over_and_nothing_fails_meanwhile()
    {
        await StartAsync();
        var acknowledged = await WriteAsync(0, "e", EntityCount);
        await Cluster.StopAsync(2);
        Assert.Equal("it was stopped", await Cluster.WaitEndedAsync(2));
        acknowledged.AddRange(await WriteAsync(1, "f", EntityCount));
        await AssertThereAsync(0, acknowledged);
        await Assert.ThrowsAsync<InvalidOperationException>(() => Cluster.PauseAsync(2));
        await Assert.ThrowsAsync<InvalidOperationException>(() => Cluster.RestartAsync(1));
    }

    private async Task StartAsync(string hocon = "")
    {
        var since = Stopwatch.StartNew();
        _cluster = await EntityTestCluster.StartAsync(new EntityTestClusterOptions { Hocon = $"{QuickRebalance}\n{hocon}" });
        output.WriteLine($"started after {since.Elapsed}");
        await Cluster.WaitBalancedAsync();
        output.WriteLine($"balanced after {since.Elapsed}");
    }

    private static PutEntity Put(string id, string content) => new(new EntityKey("docs", id), CommandId.New(), "me", null, default,
        TagSet.Normalize([new Tag($"is:{content}")]), new Content("text/plain", Encoding.UTF8.GetBytes(content)));

    private async Task<long> RevisionOfPutAsync(int node, EntityKey key, string content) =>
        Assert.IsType<CommandResult.Committed>(await Cluster.Client(node).ExecuteAsync(Put(key.Id, content), default)).Commit.Revision;

    private async Task<List<Commit>> WriteAsync(int node, string prefix, int count)
    {
        var results = await Task.WhenAll(Enumerable.Range(0, count)
            .Select(i => Cluster.Client(node).ExecuteAsync(Put($"{prefix}{i.ToString(CultureInfo.InvariantCulture)}", "x"), default)));
        return [.. results.Select(result => Assert.IsType<CommandResult.Committed>(result).Commit)];
    }

    private async Task AssertThereAsync(int node, IEnumerable<Commit> acknowledged)
    {
        foreach (var commit in acknowledged)
            Assert.Equal(commit.Revision, (await Cluster.Client(node).GetAsync(commit.Key, null, false, default))?.Head.Revision);
    }

    /// <summary>New keys of shards that a node serves.</summary>
    private List<EntityKey> KeysOf(int owner, int count)
    {
        var served = Cluster.ServedBy(owner);
        return [.. Enumerable.Range(0, int.MaxValue).Select(i => new EntityKey("docs", $"of-{owner}-{i}"))
            .Where(key => served.Contains(ShardOf(key))).Take(count)];
    }

    private ShardId ShardOf(EntityKey key) => key.ShardOf(Cluster.Client(0).ShardCount);

    private async Task<int?[]> OwnersAsync(IEnumerable<EntityKey> keys) => await Task.WhenAll(keys.Select(key => Cluster.OwnerAsync(key)));

    /// <summary>Null when it ended with an error of the store.</summary>
    private static async Task<T?> AnswerAsync<T>(Func<Task<T>> call)
        where T : class?
    {
        try
        {
            return await call();
        }
        catch (StoreException)
        {
            return null;
        }
    }
}
