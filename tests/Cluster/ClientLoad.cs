using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared.Processes;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests;

/// <summary>
/// Writers over a client of the store, each on an entity of its own: write n has content n and must become revision n. A command whose outcome is not
/// known, or that was not applied, is sent again under its id.
/// </summary>
internal sealed class ClientLoad
{
    private const string Dataset = "load";
    private readonly ConcurrentDictionary<EntityKey, long> _acknowledged = new();
    private readonly ConcurrentQueue<Exception> _errors = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly IEntityStore _store;
    private readonly Task[] _writers;
    private long _count;
    private long _again;

    private ClientLoad(IEntityStore store, int writers)
    {
        _store = store;
        _writers = [.. Enumerable.Range(0, writers).Select(i => Task.Run(() => WriteAsync(new EntityKey(Dataset, $"e{i}"))))];
    }

    /// <summary>Acknowledged writes.</summary>
    public long Count => Interlocked.Read(ref _count);

    /// <summary>Commands sent again after a typed error.</summary>
    public long AgainCount => Interlocked.Read(ref _again);

    public static ClientLoad Start(IEntityStore store, int writers) => new(store, writers);

    /// <summary>Writes while each node in turn is killed and started again; nothing may be lost, applied twice or missing in a query.</summary>
    public static async Task RunThroughKillsAsync(IEntityStore store, ClusterUnderTest cluster, ITestOutputHelper output)
    {
        var load = Start(store, 12);
        await load.ProgressAsync(() => cluster.Output);
        for (var node = 0; node < cluster.NodeCount; node++)
        {
            cluster.Kill(node);
            await load.ProgressAsync(() => cluster.Output);
            await cluster.StartNodeAsync(node);
            await load.ProgressAsync(() => cluster.Output);
        }

        await load.StopAsync();
        output.WriteLine($"{load.Count} writes acknowledged, {load.AgainCount} commands sent again by the test");
        await load.CheckAsync(store);
        var query = new TagQuery(Dataset, [], false, [], Lifecycle.Active);
        var found = await store.QueryAsync(new EntityQuery(query, null, 100, null, true, false), default);
        Assert.Equal((12, 12L), (found.Items.Length, found.Total));
    }

    /// <summary>Waits until every writer was acknowledged again, so that each has lived through what happened before the call.</summary>
    public async Task ProgressAsync(Func<string> state)
    {
        var before = _acknowledged.ToDictionary();
        for (var deadline = Environment.TickCount64 + 90_000;
             _acknowledged.Count < _writers.Length || _acknowledged.Any(pair => pair.Value < before.GetValueOrDefault(pair.Key) + 3);)
        {
            Assert.Empty(_errors);
            Assert.True(Environment.TickCount64 < deadline, $"no progress\n{state()}");
            await Task.Delay(10);
        }
    }

    /// <summary>Stops, and lets what is open be answered: nothing stays unknown.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_writers).WaitAsync(TimeSpan.FromSeconds(90));
        Assert.Empty(_errors);
    }

    /// <summary>Every write is there once, with its content, and nothing else.</summary>
    /// <param name="store">Any client.</param>
    public async Task CheckAsync(IEntityStore store)
    {
        Assert.Equal(_writers.Length, _acknowledged.Count);
        foreach (var (key, last) in _acknowledged)
        {
            var seen = 0L;
            HistoryPage page;
            do
            {
                page = await store.HistoryAsync(new HistoryQuery(key, null, null, seen, HistoryQuery.LimitMax), default);
                foreach (var change in page.Changes)
                {
                    Assert.Equal(++seen, change.Revision);
                    Assert.Equal(seen.ToString(CultureInfo.InvariantCulture), Encoding.UTF8.GetString(change.Content!.Bytes.Span));
                }
            }
            while (page.HasMore);
            Assert.Equal(last, seen);
        }
    }

    private async Task WriteAsync(EntityKey key)
    {
        try
        {
            for (var revision = 1L; !_stop.IsCancellationRequested; revision++)
            {
                var text = revision.ToString(CultureInfo.InvariantCulture);
                var put = new PutEntity(key, CommandId.New(), "load", null, default, [], new Content("text/plain", Encoding.UTF8.GetBytes(text)));
                var result = await ExecuteAsync(put);
                Assert.Equal(revision, Assert.IsType<CommandResult.Committed>(result).Commit.Revision);
                _acknowledged[key] = revision;
                Interlocked.Increment(ref _count);
                await Task.Delay(5);
            }
        }
        catch (Exception error)
        {
            // A writer's task must not end the run; the test asserts that there are no errors.
            _errors.Enqueue(error);
        }
    }

    private async Task<CommandResult> ExecuteAsync(PutEntity put)
    {
        while (true)
        {
            try
            {
                return await _store.ExecuteAsync(put, default);
            }
            catch (StoreException error) when (error is StoreBusyException or StoreUnavailableException or OutcomeUnknownException)
            {
                Interlocked.Increment(ref _again);
                await Task.Delay(20);
            }
        }
    }
}
