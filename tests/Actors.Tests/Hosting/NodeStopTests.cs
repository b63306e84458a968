using System.Collections.Concurrent;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Tests.Feeds;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using EntityActors.Tests.Shared.Processes;
using Xunit;

namespace EntityActors.Actors.Tests.Hosting;

/// <summary>
/// A node is stopped under load: every call is answered or refused with its reason, shards finish what they accepted, the log is closed
/// last, and the next node finds what was acknowledged and nothing of what was refused.
/// </summary>
public sealed class NodeStopTests : IDisposable
{
    private const int ClientCount = 12;
    private readonly TempDirectory _directory = new();
    private readonly HookedFileSystem _files = new(PosixFileSystem.Instance);
    private readonly ConcurrentDictionary<EntityKey, byte> _acknowledged = new();
    private readonly ConcurrentDictionary<EntityKey, byte> _refused = new();
    private int _answers;

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_node_that_stops_under_load_answers_everything_and_closes_its_log_last(bool terminatesItsActorSystem)
    {
        var node = await StartAsync();
        var clients = StartClients(node.Store);
        await using var feed = FeedFollower.Start(node.Store);
        await Eventually.HoldsAsync(() => Volatile.Read(ref _answers) >= 500, () => $"{_answers} answers");
        var terminated = node.System.WhenTerminated;
        var calls = new ConcurrentQueue<(string Path, bool AfterActors)>();
        _files.Before = (call, path) =>
        {
            if (call is FileCall.Write or FileCall.SyncData) calls.Enqueue((path, terminated.IsCompleted));
        };
        if (terminatesItsActorSystem) await node.System.Terminate().WaitAsync(TimeSpan.FromSeconds(30));
        await node.DisposeAsync();
        Assert.True(terminated.IsCompletedSuccessfully);
        AssertClosed();
        var last = calls.Last();
        Assert.True(last.AfterActors, $"the last write to {last.Path} came before the actors had ended");
        Assert.DoesNotContain(calls, call => call.AfterActors && call.Path.Contains($"{Path.DirectorySeparatorChar}shards{Path.DirectorySeparatorChar}", StringComparison.Ordinal));
        await AssertEndedAsync(clients);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => feed.EndAsync(TimeSpan.FromSeconds(1)));
        Assert.True(feed.Count > 0);
        Assert.NotEmpty(_refused);
        await AssertKeptAsync();
    }

    /// <param name="milliseconds">Shorter and longer than the client waits for its calls while it closes.</param>
    [Theory]
    [InlineData(1_000)]
    [InlineData(6_000)]
    public async Task What_is_being_written_when_a_node_stops_is_waited_for(int milliseconds)
    {
        var node = await StartAsync();
        using var held = new HeldCalls(_files, static (call, path) => call == FileCall.SyncData && path.EndsWith(".wal", StringComparison.Ordinal));
        var writes = Enumerable.Range(0, 8).SelectMany(i => NodeLoad.Keys($"held-{i}", new ShardId(i % 4), 4, 2)).ToList();
        var calls = Burst.OfWrites(node.Store, writes, "held");
        await held.Reached;
        // A state is answered behind the requests that were sent before: all of them are with their shards now.
        await Task.WhenAll(Enumerable.Range(0, 4).Select(shard => node.Store.ShardAsync(new ShardId(shard), default)));
        var stopping = Task.Run(async () => await node.DisposeAsync());
        await Task.Delay(milliseconds);
        Assert.False(stopping.IsCompleted);
        held.Release();
        Assert.Equal(writes, await calls.DoneAsync("no limit"));
        foreach (var key in writes) _acknowledged[key] = 0;
        await stopping.WaitAsync(TimeSpan.FromSeconds(30));
        AssertClosed();
        await AssertKeptAsync();
    }

    private Task<TestNode> StartAsync() => TestNode.StartAsync(_directory.Path, options => options with
    {
        Files = _files,
        // Whoever waits longer than the client by default is to be told by the node, not by a time-out.
        Client = new ClientLimits { TryTimeout = TimeSpan.FromSeconds(15) },
    });

    /// <summary>Clients that write, read and query until they are refused.</summary>
    private Task[] StartClients(IEntityStore store) => [.. Enumerable.Range(0, ClientCount).Select(client => Task.Run(async () =>
    {
        for (var i = 0; ; i++)
        {
            var key = new EntityKey("docs", $"c{client}-{i}");
            try
            {
                Assert.IsType<CommandResult.Committed>(await store.ExecuteAsync(NodeLoad.Put(key, "1"), default));
                _acknowledged[key] = 0;
                Interlocked.Increment(ref _answers);
            }
            catch (StoreException refusal) when (refusal is StoreUnavailableException or StoreBusyException)
            {
                // Anything else, an unknown outcome too, ends the client as an error.
                _refused[key] = 0;
                return;
            }

            try
            {
                Assert.NotNull(await store.GetAsync(key, null, false, default));
                var page = await store.QueryAsync(new EntityQuery(new TagQuery("docs", [], false, [], Lifecycle.Active), null, 1, null, false, false), default);
                Assert.Single(page.Items);
                Interlocked.Add(ref _answers, 2);
            }
            catch (StoreException refusal) when (refusal is StoreUnavailableException or StoreBusyException)
            {
                continue;
            }
        }
    }))];

    private static async Task AssertEndedAsync(Task[] clients)
    {
        // They were answered while the node stopped: nobody waits for a time-out of his own.
        await Task.WhenAll(clients).WaitAsync(TimeSpan.FromSeconds(1));
    }

    private void AssertClosed()
    {
        Assert.Empty(OpenFiles.Below(_directory.Path));
        foreach (var path in Directory.GetFiles(_directory.Path, "lock", SearchOption.AllDirectories))
        {
            using var held = PosixFileSystem.Instance.TryLock(path);
            Assert.True(held is not null, $"{path} is locked");
        }
    }

    private async Task AssertKeptAsync()
    {
        StoreCheck.AssertSound(_directory.Path, Enumerable.Range(0, 4).Select(shard => new ShardId(shard)), notesAllowed: false);
        _files.Before = null;
        await using var node = await StartAsync();
        Assert.NotEmpty(_acknowledged);
        foreach (var key in _acknowledged.Keys) Assert.Equal(1, (await node.Store.GetAsync(key, null, false, default))?.Head.Revision);
        foreach (var key in _refused.Keys) Assert.Null(await node.Store.GetAsync(key, null, false, default));
    }
}
