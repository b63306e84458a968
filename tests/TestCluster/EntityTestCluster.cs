using System.Collections.Immutable;
using EntityActors.Actors.Client;
using EntityActors.Actors.Hosting;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using EntityActors.TestCluster.Disk;
using EntityActors.TestCluster.Network;
using EntityActors.TestCluster.Nodes;
using EntityActors.TestCluster.Pausing;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Processes;
using Microsoft.Extensions.DependencyInjection;

namespace EntityActors.TestCluster;

/// <summary>Several nodes of one cluster in this process, over one data directory, that a test kills, freezes, cuts off and hands bad disks.</summary>
/// <remarks>
/// <para>Each node is composed as <c>ea serve</c> composes it, without HTTP: an actor system of its own, a loopback address of its own, real TCP
/// between them, real files and real locks. Kernel locks belong to an open file, not to a process, so nodes of one process exclude each other, and
/// closing the files of one releases its locks: that is how a killed node is proved dead here too.</para>
/// <para>What differs from processes: all nodes share one runtime, so a collection of garbage or a busy thread pool holds up all of them; memory that a
/// killed node has leaked stays; nothing can be killed within a call to the disk.</para>
/// <para>Methods that act are for one caller at a time. Clients, <see cref="Nodes"/> and everything that only asks may be used from any thread.</para>
/// </remarks>
public sealed class EntityTestCluster : IAsyncDisposable
{
    private const int NodeCountMax = 100;
    private const int ThreadsPerNode = 8;
    private const string LocalDispatchers = "entityactors";
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(1);

    /// <summary>All that the actors of a node run on, beside the store's own.</summary>
    private static readonly string[] AkkaDispatchers =
    [
        "akka.actor.default-dispatcher", "akka.actor.internal-dispatcher", "akka.actor.default-blocking-io-dispatcher",
        "akka.remote.default-remote-dispatcher", "akka.remote.backoff-remote-dispatcher", "akka.persistence.dispatchers.default-plugin-dispatcher",
        "akka.persistence.dispatchers.default-replay-dispatcher", "akka.persistence.dispatchers.default-stream-dispatcher",
    ];

    private readonly EntityTestClusterOptions _options;
    private readonly TempDirectory? _temporary;
    private readonly TestNetwork _network;
    private readonly ImmutableArray<MemberOptions> _members;

    private EntityTestCluster(EntityTestClusterOptions options)
    {
        _options = options;
        _temporary = options.DataDirectory is null ? new TempDirectory("entityactors-cluster-") : null;
        DataDirectory = options.DataDirectory ?? _temporary!.File("data");
        _members = [.. ClusterUnderTest.Members(options.NodeCount)];
        _network = new TestNetwork([.. _members.Select(member => member.Address)]);
        Nodes = [.. _members.Select((member, i) => new EntityTestNode(i, member.Node!, member.Address, options.ShardCount))];
    }

    public ImmutableArray<EntityTestNode> Nodes { get; }

    /// <summary>Shared by all nodes.</summary>
    public string DataDirectory { get; }

    /// <summary>Starts all nodes at once and waits until each of them answers for every shard.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A number of the options is out of its range.</exception>
    /// <exception cref="StoreUnusableException">The data directory cannot be used.</exception>
    /// <exception cref="InvalidOperationException">A node was so slow that the others removed it before it was ready.</exception>
    public static async Task<EntityTestCluster> StartAsync(EntityTestClusterOptions? options = null)
    {
        options ??= EntityTestClusterOptions.Default;
        ArgumentOutOfRangeException.ThrowIfLessThan(options.NodeCount, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.NodeCount, NodeCountMax);
        RaiseThreads(options.NodeCount);
        var cluster = new EntityTestCluster(options);
        try
        {
            await Task.WhenAll(cluster.Nodes.Select(cluster.StartNodeAsync));
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// The store as somebody outside sees it who calls this node, over all its restarts. While the node stands still calls wait. When it is killed, writes end
    /// with <see cref="OutcomeUnknownException"/> and reads with <see cref="StoreUnavailableException"/>, which any call to a node gets that has ended.
    /// </summary>
    public IEntityStore Client(int node) => Nodes[node].Client;

    /// <summary>The node that serves a shard, as another node hears from it; null when nobody answers for it within a second.</summary>
    /// <param name="asked">Index of the node that is asked; the first one that runs when null.</param>
    /// <exception cref="InvalidOperationException">No node runs.</exception>
    public async Task<int?> OwnerAsync(ShardId shard, int? asked = null)
    {
        var client = asked is { } node ? Client(node) : FirstRunning().Client;
        using var timeout = new CancellationTokenSource(AnswerTimeout);
        try
        {
            var state = await client.ShardAsync(shard, timeout.Token);
            return Nodes.FirstOrDefault(candidate => candidate.Name == state.Node)?.Index;
        }
        catch (Exception cause) when (cause is OperationCanceledException or StoreUnavailableException)
        {
            return null;
        }
    }

    /// <summary>The node that serves the shard of an entity; see the other one.</summary>
    public Task<int?> OwnerAsync(EntityKey key, int? asked = null) => OwnerAsync(key.ShardOf(_options.ShardCount), asked);

    /// <summary>Shards that a node believes to serve. One that stands still or is cut off may be wrong.</summary>
    /// <exception cref="InvalidOperationException">The node does not run.</exception>
    public IReadOnlyList<ShardId> ServedBy(int node) => Nodes[node].Living.Readiness.Serving();

    /// <summary>Waits until a node answers for every shard, whoever serves it.</summary>
    /// <exception cref="TimeoutException">It did not within <see cref="EntityTestClusterOptions.WaitTimeout"/>.</exception>
    public async Task WaitReadyAsync(int node)
    {
        var readiness = Nodes[node].Services.GetRequiredService<StoreReadiness>();
        await UntilAsync(async () => (await readiness.LookAsync(AnswerTimeout, CancellationToken.None)).IsReady, () => $"node {node} is not ready: {Summary()}");
    }

    /// <summary>Waits until every shard is served by exactly one running node, and none serves more than one more than another.</summary>
    /// <exception cref="TimeoutException">They were not within <see cref="EntityTestClusterOptions.WaitTimeout"/>.</exception>
    public Task WaitBalancedAsync() => UntilAsync(() =>
    {
        var served = Nodes.Where(node => node.State == TestNodeState.Running).Select(node => ServedBy(node.Index)).ToList();
        var counts = served.Select(shards => shards.Count).ToList();
        return Task.FromResult(counts.Max() - counts.Min() <= 1 && counts.Sum() == _options.ShardCount
            && served.SelectMany(shards => shards).Distinct().Count() == _options.ShardCount);
    }, () => $"the shards are not balanced: {Summary()}");

    /// <summary>Waits until a node has ended by itself and nothing of it is left, and returns why.</summary>
    /// <exception cref="TimeoutException">It has not within <see cref="EntityTestClusterOptions.WaitTimeout"/>.</exception>
    public async Task<string> WaitEndedAsync(int node)
    {
        if (Nodes[node].Life is { } life) await life.Ended.WaitAsync(_options.WaitTimeout);
        return Nodes[node].EndReason!;
    }

    /// <summary>
    /// Ends a node as <c>kill -9</c> ends a process: nobody hears a goodbye from it, nothing of it reaches the disk any more (what it had written but not
    /// synced stays, as with a process), its locks are released, its connections end. It completes when that has happened; actors and threads
    /// of the node go a moment later.
    /// </summary>
    /// <exception cref="InvalidOperationException">The node does not run.</exception>
    public Task KillAsync(int node) => Nodes[node].Living.KillAsync();

    /// <summary>Ends a node in order, as SIGTERM does: its shards are handed over before it goes.</summary>
    /// <exception cref="InvalidOperationException">The node does not run.</exception>
    public Task StopAsync(int node) => Nodes[node].Living.EndAsync("it was stopped");

    /// <summary>Starts a node that has ended, with its old name and address and a healthy disk, and waits until it answers for every shard.</summary>
    /// <exception cref="InvalidOperationException">The node runs.</exception>
    public async Task RestartAsync(int node)
    {
        if (Nodes[node].State != TestNodeState.Ended) throw new InvalidOperationException($"node {Nodes[node]} runs");
        if (Nodes[node].Life is { } life) await life.Ended.WaitAsync(_options.WaitTimeout);
        await StartNodeAsync(Nodes[node]);
    }

    /// <summary>
    /// Freezes a node until it is resumed: it starts no actor's turn, no call to the disk begins or returns, nothing that others send arrives, nothing that it
    /// sends leaves, calls to its client wait. Its locks and connections stay. The others take its shards over when they have waited long enough.
    /// </summary>
    /// <remarks>
    /// Unlike a process that got SIGSTOP, what is being computed at that moment goes on up to the end of the actor's turn (up to 50 messages) or to its next call
    /// to the disk, and the timers of its actors go on: what they would have sent in the meantime is found when it wakes up, once for each
    /// time, where a frozen process finds it once.
    /// </remarks>
    /// <exception cref="InvalidOperationException">The node does not run.</exception>
    public Task PauseAsync(int node)
    {
        Nodes[node].Living.Pause();
        return Task.CompletedTask;
    }

    /// <summary>Lets a frozen node go on. When the others have removed it meanwhile, it ends: see <see cref="WaitEndedAsync"/>.</summary>
    /// <exception cref="InvalidOperationException">The node does not run.</exception>
    public Task ResumeAsync(int node)
    {
        Nodes[node].Living.Resume();
        return Task.CompletedTask;
    }

    /// <summary>Cuts the network between two groups of nodes, in addition to what is cut already. The disk they share is not cut.</summary>
    /// <param name="isOneWay">Only what <paramref name="a"/> sends to <paramref name="b"/> is lost; the other direction stays.</param>
    /// <remarks>
    /// Connections stay, as those of TCP do: what is sent waits (up to 16 MiB a connection, then the sender waits) and arrives when the network is healed. A node
    /// that is killed behind a cut is noticed by its peers at once, since its connections end.
    /// </remarks>
    public Task PartitionAsync(IReadOnlyCollection<int> a, IReadOnlyCollection<int> b, bool isOneWay = false)
    {
        _network.Cut(a, b);
        if (!isOneWay) _network.Cut(b, a);
        return Task.CompletedTask;
    }

    /// <summary>Heals every cut of the network.</summary>
    public Task HealAsync()
    {
        _network.Heal();
        return Task.CompletedTask;
    }

    /// <summary>Makes each sync of a node's files and directories take this much longer, from the next one on; zero ends it.</summary>
    /// <exception cref="InvalidOperationException">The node does not run.</exception>
    public void SetDiskDelay(int node, TimeSpan sync)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sync, TimeSpan.Zero);
        Nodes[node].Living.Disk.SetSyncDelay(sync);
    }

    /// <summary>Lets every call of a node that would change something on its disk fail, syncs too, until <see cref="HealDisk"/>. Reads go on.</summary>
    /// <param name="errorNumber">errno of Linux: 5 is an I/O error, 28 a full disk, 30 one that is read-only.</param>
    /// <exception cref="InvalidOperationException">The node does not run.</exception>
    public void FailDisk(int node, int errorNumber)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(errorNumber, 1);
        Nodes[node].Living.Disk.SetError(errorNumber);
    }

    /// <summary>Ends what <see cref="FailDisk"/> and <see cref="SetDiskDelay"/> did to a node.</summary>
    /// <exception cref="InvalidOperationException">The node does not run.</exception>
    public void HealDisk(int node)
    {
        Nodes[node].Living.Disk.SetError(0);
        Nodes[node].Living.Disk.SetSyncDelay(TimeSpan.Zero);
    }

    /// <summary>Kills all nodes, waits until nothing of them is left, and deletes the data directory if it is a temporary one.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var life in Nodes.Select(node => node.Life).OfType<NodeLife>()) await life.KillAsync();
        foreach (var life in Nodes.Select(node => node.Life).OfType<NodeLife>()) await life.Ended;
        _temporary?.Dispose();
    }

    private EntityTestNode FirstRunning() => Nodes.FirstOrDefault(node => node.State == TestNodeState.Running)
        ?? throw new InvalidOperationException($"no node runs: {Summary()}");

    private string Summary() => string.Join(", ", Nodes.Select(node =>
        $"{node}{(node.Life is { HasEnded: false } life ? $" serves {life.Readiness.ServingCount} shards" : $": {node.EndReason}")}"));

    private async Task StartNodeAsync(EntityTestNode node)
    {
        var disk = new NodeDisk(PosixFileSystem.Instance);
        var parts = new NodeParts(node.Index, _network);
        try
        {
            var options = OptionsOf(node, parts, disk);
            node.Life = new NodeLife(await TestNode.StartAsync(options, _options.Logs, new PausableTime(parts.Gate)), parts, disk);
        }
        catch
        {
            parts.Dispose();
            throw;
        }
    }

    private EntityActorsOptions OptionsOf(EntityTestNode node, NodeParts parts, NodeDisk disk)
    {
        var member = _members[node.Index];
        var options = new EntityActorsOptions
        {
            Store = new NodeStoreOptions { DataDirectory = DataDirectory, Node = node.Name, ShardCount = _options.ShardCount },
            Files = disk.Files,
            Cluster = new ClusterOptions(member.Host, member.Port, member.Seeds),
            HoconTexts =
            [
                $"akka.loglevel = {(_options.Logs is null ? "OFF" : "WARNING")}, akka.stdout-loglevel = OFF",
                $"akka.cluster.failure-detector.acceptable-heartbeat-pause = {_options.HeartbeatPause.TotalMilliseconds:0}ms",
                _options.Hocon,
                parts.Hocon,
                NodeTransportProvider.Hocon,
                .. AkkaDispatchers.Concat(StoreDispatchers()).Select(PausableExecutor.Hocon),
            ],
        };
        return _options.Change?.Invoke(options) ?? options;
    }

    /// <summary>Nodes that start keep threads of the pool waiting, which by itself grows by one or two a second only: processes have a pool each.</summary>
    private static void RaiseThreads(int nodeCount)
    {
        ThreadPool.GetMinThreads(out var workers, out var completions);
        ThreadPool.SetMinThreads(Math.Max(workers, ThreadsPerNode * nodeCount), completions);
    }

    private static IEnumerable<string> StoreDispatchers() => StoreHocon.BuiltIn().GetConfig(LocalDispatchers).AsEnumerable()
        .Where(setting => setting.Value.IsObject() && setting.Key.EndsWith("-dispatcher", StringComparison.Ordinal))
        .Select(setting => $"{LocalDispatchers}.{setting.Key}");

    private async Task UntilAsync(Func<Task<bool>> condition, Func<string> state)
    {
        for (var deadline = Environment.TickCount64 + (long)_options.WaitTimeout.TotalMilliseconds; !await condition();)
        {
            if (Environment.TickCount64 > deadline) throw new TimeoutException(state());
            await Task.Delay(LookInterval);
        }
    }
}
