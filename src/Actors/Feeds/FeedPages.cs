using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Feeds;

/// <summary>The requests of one feed: at most one a shard, and of those that are behind only some at once. For one reader.</summary>
/// <remarks>So a feed holds at most one answer of each shard, and a reader that is slow is all it takes to slow it down.</remarks>
internal sealed class FeedPages : IAsyncDisposable
{
    private readonly ShardCaller _caller;
    private readonly CallCredits _places;
    private readonly ClientLimits _limits;
    private readonly TimeProvider _time;
    private readonly ChangeFilter _filter;
    private readonly CancellationToken _cancellation;
    private readonly CancellationTokenSource _stop;
    private readonly Channel<Answer> _answers = Channel.CreateUnbounded<Answer>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Queue<(ShardId Shard, Timestamp After)> _behind = new();
    private readonly Dictionary<ShardId, Task> _asked = [];
    private int _behindAskedCount;

    public FeedPages(ShardCaller caller, CallCredits places, ClientLimits limits, TimeProvider time, ChangeFilter filter, CancellationToken cancellation)
    {
        (_caller, _places, _limits, _time, _filter, _cancellation) = (caller, places, limits, time, filter, cancellation);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, places.Closing);
    }

    private sealed record Answer(ShardId Shard, bool Waited, ChangesFound? Page, Exception? Failure);

    /// <summary>Whether anything was asked for that has not been taken.</summary>
    public bool IsAny => _asked.Count > 0 || _behind.Count > 0;

    /// <param name="waits">Whether the shard keeps the request until there is something.</param>
    public void Ask(ShardId shard, Timestamp after, bool waits)
    {
        if (waits) _asked.Add(shard, AnswerAsync(shard, after, waits: true));
        else _behind.Enqueue((shard, after));
        AskBehind();
    }

    /// <summary>The next answer of any shard.</summary>
    public async ValueTask<ChangesFound> NextAsync()
    {
        var answer = await _answers.Reader.ReadAsync(CancellationToken.None);
        _asked.Remove(answer.Shard);
        if (!answer.Waited) _behindAskedCount--;
        AskBehind();
        if (answer.Page is { } page) return page;
        _cancellation.ThrowIfCancellationRequested();
        if (_places.IsClosed) throw _places.Stopping();
        ExceptionDispatchInfo.Throw(answer.Failure!);
        throw new InvariantViolationException("a failure was thrown");
    }

    /// <summary>Leaves nothing behind: requests that a shard keeps are not waited for.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_asked.Values);
        _stop.Dispose();
    }

    private void AskBehind()
    {
        while (_behindAskedCount < _limits.QueryParallelMax && _behind.TryDequeue(out var next))
        {
            _behindAskedCount++;
            _asked.Add(next.Shard, AnswerAsync(next.Shard, next.After, waits: false));
        }
    }

    private async Task AnswerAsync(ShardId shard, Timestamp after, bool waits)
    {
        Answer answer;
        try
        {
            answer = new Answer(shard, waits, await CallAsync(shard, after, waits), null);
        }
        catch (Exception cause)
        {
            // Whatever it is, the reader gets it: nobody else waits for this task.
            answer = new Answer(shard, waits, null, cause);
        }

        _answers.Writer.TryWrite(answer);
    }

    /// <summary>Goes on asking while the shard is away, up to a bound.</summary>
    private async Task<ChangesFound> CallAsync(ShardId shard, Timestamp after, bool waits)
    {
        var wait = waits ? _limits.FeedWait : TimeSpan.Zero;
        var request = new GetChanges(shard, after, _filter, _limits.FeedPageChangesMax, _limits.FeedPageBytesMax, wait);
        long? failedSince = null;
        while (true)
        {
            try
            {
                var page = await _caller.CallAsync<ChangesFound>(request, null, _limits.TryTimeout + wait, _stop.Token);
                CheckPage(page, request);
                return page;
            }
            catch (StoreException cause) when (cause is StoreBusyException or StoreUnavailableException && !_places.IsClosed)
            {
                failedSince ??= _time.GetTimestamp();
                if (_time.GetElapsedTime(failedSince.Value) >= _limits.FeedOutageMax) throw;
            }

            await Task.Delay(_limits.RetryDelayMax, _time, _stop.Token);
        }
    }

    private static void CheckPage(ChangesFound page, GetChanges request)
    {
        Invariant.Check(page.Shard == request.Shard, "a page of changes comes from the shard that was asked");
        var last = request.After;
        foreach (var change in page.Changes)
        {
            Invariant.Check(change.RecordedAt > last, "changes of a shard come in the order in which they were recorded");
            last = change.RecordedAt;
        }

        Invariant.Check(page.Through >= last, "a page of changes ends behind its last one");
        Invariant.Check(!page.HasMore || page.Through > request.After, "a page of changes that ends at a limit comes further");
    }
}
