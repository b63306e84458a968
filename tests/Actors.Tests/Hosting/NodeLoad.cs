using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Actors.Tests.Hosting;

/// <summary>Clients that write and read without a pause, each on its own entities, and check every answer against what they know.</summary>
/// <remarks>
/// A client that tolerates typed errors sends the same command again until it is answered, as a real one would; a wrong answer is
/// always an error. Every entity has one writer, so its history is known exactly: revision n has content n.
/// </remarks>
internal sealed class NodeLoad
{
    private readonly ConcurrentQueue<Exception> _errors = new();
    private readonly ConcurrentDictionary<EntityKey, long> _acknowledged = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly IEntityStore _store;
    private readonly bool _isTolerant;
    private readonly Task[] _clients;
    private long _operations;
    private long _tolerated;
    private long _longestTicks;

    private NodeLoad(IEntityStore store, bool isTolerant, IEnumerable<EntityKey> keys)
    {
        (_store, _isTolerant) = (store, isTolerant);
        _clients = [.. keys.Select(key => Task.Run(() => RunAsync(key)))];
    }

    public IReadOnlyCollection<Exception> Errors => _errors;

    /// <summary>Reads and writes that were answered.</summary>
    public long OperationCount => Interlocked.Read(ref _operations);

    /// <summary>Typed errors after which the same request was sent again.</summary>
    public long ToleratedCount => Interlocked.Read(ref _tolerated);

    /// <summary>The longest that one call took.</summary>
    public TimeSpan Longest => TimeSpan.FromTicks(Interlocked.Read(ref _longestTicks));

    /// <summary>One client for each of this many new entities of a shard.</summary>
    /// <param name="isTolerant">Whether typed errors are met by trying again; otherwise each counts.</param>
    public static NodeLoad Start(IEntityStore store, string prefix, ShardId shard, int clients, bool isTolerant = false) =>
        new(store, isTolerant, Keys(prefix, shard, store.ShardCount, clients));

    /// <summary>Ids of one shard, in a stable order.</summary>
    public static IEnumerable<EntityKey> Keys(string prefix, ShardId shard, int shardCount, int count) =>
        Enumerable.Range(0, int.MaxValue).Select(i => new EntityKey("docs", $"{prefix}-{i}")).Where(key => key.ShardOf(shardCount) == shard).Take(count);

    public static PutEntity Put(EntityKey key, string content, CommandId? id = null) => new(key, id ?? CommandId.New(), "me", null, default,
        TagSet.Normalize([new Tag($"last:{content}"), new Tag("kind:load")]), new Content("text/plain", Encoding.UTF8.GetBytes(content)));

    /// <summary>Waits until this many further operations were answered, so that a phase of a test really had load.</summary>
    public async Task ProgressAsync(int operations)
    {
        var target = OperationCount + operations;
        for (var deadline = Environment.TickCount64 + 30_000; OperationCount < target;)
        {
            Assert.True(Environment.TickCount64 < deadline, $"no progress; {string.Join("; ", _errors.Select(error => error.Message))}");
            Assert.False(_clients.All(client => client.IsCompleted), string.Join("; ", _errors.Select(error => error.ToString())));
            await Task.Delay(5);
        }
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_clients);
    }

    /// <summary>Every acknowledged change is there, once and with its content.</summary>
    public async Task CheckAsync(IEntityStore store)
    {
        Assert.NotEmpty(_acknowledged);
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
            var now = await store.GetAsync(key, null, true, default);
            Assert.Equal(last, now!.Head.Revision);
        }
    }

    private async Task RunAsync(EntityKey key)
    {
        try
        {
            for (var revision = 1L; !_stop.IsCancellationRequested; revision++)
            {
                var text = revision.ToString(CultureInfo.InvariantCulture);
                var put = Put(key, text);
                var result = await AskAsync(() => _store.ExecuteAsync(put, default));
                Assert.Equal(revision, Assert.IsType<CommandResult.Committed>(result).Commit.Revision);
                _acknowledged[key] = revision;
                var found = await AskAsync(() => _store.GetAsync(key, null, true, default));
                Assert.Equal(text, Encoding.UTF8.GetString(found!.Content!.Bytes.Span));
            }
        }
        catch (Exception error)
        {
            // The client's task must not end the test run; the test asserts that there are no errors.
            _errors.Enqueue(error);
        }
    }

    private async Task<T> AskAsync<T>(Func<Task<T>> ask)
    {
        while (true)
        {
            var started = TimeProvider.System.GetTimestamp();
            try
            {
                var answer = await ask();
                Interlocked.Increment(ref _operations);
                return answer;
            }
            catch (StoreException error) when (_isTolerant
                && error is StoreBusyException or StoreUnavailableException or OutcomeUnknownException)
            {
                Interlocked.Increment(ref _tolerated);
                await Task.Delay(5);
            }
            finally
            {
                var took = TimeProvider.System.GetElapsedTime(started).Ticks;
                for (var longest = Interlocked.Read(ref _longestTicks); took > longest;)
                    longest = Interlocked.CompareExchange(ref _longestTicks, took, longest) is var seen && seen == longest ? took : seen;
            }
        }
    }
}
