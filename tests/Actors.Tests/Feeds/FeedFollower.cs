using System.Collections.Concurrent;
using EntityActors.Actors.Client;
using EntityActors.Actors.Feeds;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Tests.Hosting;
using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Actors.Tests.Feeds;

/// <summary>Follows a feed in the background and compares what it was given with the histories.</summary>
internal sealed class FeedFollower : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<(ShardId Shard, Change Change, string Cursor)> _given = new();
    private readonly Task _reading;
    private int _count;

    private FeedFollower(IEntityStore store, FeedQuery query) => _reading = Task.Run(() => ReadAsync(store, query));

    public int Count => Volatile.Read(ref _count);

    public bool HasEnded => _reading.IsCompleted;

    public static FeedQuery All(string since = FeedQuery.Beginning, bool follow = true) => new(since, default, null, follow);

    public static FeedFollower Start(IEntityStore store, FeedQuery? query = null) => new(store, query ?? All());

    /// <summary>All that a feed gives that does not follow.</summary>
    public static async Task<IReadOnlyList<(ShardId Shard, Change Change, string Cursor)>> ReadToEndAsync(IEntityStore store, FeedQuery query)
    {
        var given = new List<(ShardId, Change, string)>();
        await foreach (var item in store.ChangesAsync(query with { Follow = false }, default))
        {
            if (item.Change is { } change) given.Add((item.Shard!.Value, change, item.Cursor()));
        }

        return given;
    }

    public Task ReachAsync(int count) => Eventually.HoldsAsync(() => Count >= count || HasEnded, () => $"{Count} of {count} changes were given");

    /// <summary>The error that ended the feed.</summary>
    public Task EndAsync(TimeSpan within) => _reading.WaitAsync(within);

    /// <summary>Waits until every change of these entities was given, then checks that each was once, and each shard's in its order.</summary>
    public async Task CheckAsync(IEntityStore store, IReadOnlyCollection<EntityKey> keys)
    {
        var expected = new List<Change>();
        foreach (var key in keys)
        {
            for (var after = 0L; ;)
            {
                var page = await store.HistoryAsync(new HistoryQuery(key, null, null, after, HistoryQuery.LimitMax), default);
                expected.AddRange(page.Changes);
                if (!page.HasMore) break;
                after = page.Changes[^1].Revision;
            }
        }

        Assert.NotEmpty(expected);
        await ReachAsync(expected.Count);
        Assert.False(HasEnded, "the feed has ended");
        await AssertGivesAsync(store, expected);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await _reading;
        }
        catch (Exception cause) when (cause is OperationCanceledException or StoreException)
        {
            // Stopped, or ended with an error that the test has looked at.
        }

        _stop.Dispose();
    }

    private async Task AssertGivesAsync(IEntityStore store, List<Change> expected)
    {
        var given = _given.ToArray();
        foreach (var shard in expected.GroupBy(change => change.Key.ShardOf(store.ShardCount)))
            Assert.Equal(shard.OrderBy(change => change.RecordedAt).Select(Describe), given.Where(item => item.Shard == shard.Key).Select(item => Describe(item.Change)));
        Assert.Equal(expected.Count, given.Length);

        // From the cursor of any change comes exactly what had not been given when it was.
        foreach (var at in new[] { 0, given.Length / 3, given.Length - 1 })
        {
            var rest = await ReadToEndAsync(store, All(given[at].Cursor));
            Assert.Equal(given[(at + 1)..].Select(item => Describe(item.Change)).Order(), rest.Select(item => Describe(item.Change)).Order());
        }
    }

    private static string Describe(Change change) => $"{change.Key} {change.Revision} {change.RecordedAt} {change.Content?.Bytes.Length}";

    private async Task ReadAsync(IEntityStore store, FeedQuery query)
    {
        await foreach (var item in store.ChangesAsync(query, _stop.Token))
        {
            if (item.Change is not { } change) continue;
            _given.Enqueue((item.Shard!.Value, change, item.Cursor()));
            Interlocked.Increment(ref _count);
        }
    }
}
