using System.Runtime.CompilerServices;
using EntityActors.Actors.Client;
using EntityActors.Actors.Queries;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Feeds;

/// <summary>The changes of one shard or of all, each shard's in its order, without gap and without duplicate.</summary>
/// <remarks>
/// Each shard is asked for what follows the position that its last answer had, and is asked again only when that answer was consumed; a
/// shard with nothing new keeps the request until it has. So there is nothing to lose: a shard that starts again, or another owner,
/// is asked the same. Between shards there is no order but that of arrival.
/// </remarks>
internal sealed class FeedRunner(ShardCaller caller, ShardAsker shards, CallCredits places, ClientLimits limits, TimeProvider time)
{
    /// <summary>Where a feed begins; null when that is the present, which the shards have to be asked for.</summary>
    /// <exception cref="InvalidQueryException">The cursor is none of this store, or there is no such shard.</exception>
    public FeedCursor? StartOf(FeedQuery query)
    {
        if (query.Shard is { } shard && (shard.Value < 0 || shard.Value >= shards.ShardCount))
            throw new InvalidQueryException($"there is no shard {shard.Value}; the store has {shards.ShardCount}");
        return query.Since switch
        {
            FeedQuery.Beginning => FeedCursor.At(default, shards.ShardCount, query.Shard),
            FeedQuery.Now => null,
            var cursor => FeedCursor.Decode(cursor, shards.ShardCount, query.Shard),
        };
    }

    /// <exception cref="StoreBusyException">As many feeds as may are read already.</exception>
    /// <exception cref="StoreUnavailableException">A shard was away for too long, or the node stops.</exception>
    /// <exception cref="EntityCorruptedException">The next change of a shard is lost.</exception>
    /// <exception cref="CursorExpiredException">Changes behind a position were trimmed.</exception>
    public async IAsyncEnumerable<FeedItem> RunAsync(FeedQuery query, FeedCursor? start, Timestamp now,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var place = places.Take();
        var cursor = start ?? FeedCursor.At(
            (await shards.FixTimesAsync(null, now, MissingShards.None, cancellation)).RecordedAt, shards.ShardCount, query.Shard);
        yield return new FeedItem(cursor);
        var lastYield = time.GetTimestamp();
        await using var pages = new FeedPages(caller, places, limits, time, query.Filter, cancellation);
        var unheard = cursor.Shards().ToHashSet();
        foreach (var shard in unheard) pages.Ask(shard, cursor.Of(shard), waits: false);
        while (pages.IsAny)
        {
            var page = await pages.NextAsync();
            foreach (var change in page.Changes)
            {
                yield return new FeedItem(cursor, page.Shard, change);
                lastYield = time.GetTimestamp();
            }

            cursor = cursor.With(page.Shard, page.Through);
            if (page.HasMore || query.Follow) pages.Ask(page.Shard, page.Through, waits: !page.HasMore);
            // Once every shard has answered, nothing is refused any more: whoever waits for that is told, also where nothing has changed.
            var isHeard = unheard.Remove(page.Shard) && unheard.Count == 0 && pages.IsAny;
            if (!isHeard && time.GetElapsedTime(lastYield) < limits.FeedWait) continue;
            yield return new FeedItem(cursor);
            lastYield = time.GetTimestamp();
        }

        yield return new FeedItem(cursor);
    }
}
