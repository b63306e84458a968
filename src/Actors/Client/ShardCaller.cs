using Akka.Actor;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Client;

/// <summary>Sends one request to a shard until it is answered, the tries are used up, or the time is over. Thread-safe.</summary>
/// <remarks>
/// A write keeps its command id over all tries, so it takes effect once. Once a try of it went unanswered, "busy" and "unavailable" of later tries say
/// nothing about the first one: the call then ends in <see cref="OutcomeUnknownException"/>, never in a claim that nothing was applied.
///
/// What was on its way to a node that has died is lost without a word. A region sends the rest elsewhere, so a call that was under way when a member
/// went is sent again at once, and does not wait until its try is over. That is no further try: there are as many of them as there are changes.
/// </remarks>
internal sealed class ShardCaller(ICanTell region, RouteChanges routes, CallCredits credits, ClientLimits limits, TimeProvider time, Random random)
{
    private readonly Lock _randomLock = new();

    /// <param name="command">Of a write; null for a read.</param>
    /// <returns>The answer, of the one type that this request has.</returns>
    public async Task<T> CallAsync<T>(IShardRequest request, CommandId? command, TimeSpan tryTimeout, CancellationToken cancellation)
        where T : class =>
        (T)await CallAsync<object>(request, command, tryTimeout, static answer => answer is T, cancellation);

    /// <summary>A read that its caller can do without: it is waited for no longer than this, over all tries.</summary>
    public async Task<T> CallAsync<T>(IShardRequest request, TimeSpan callTimeout, CancellationToken cancellation)
        where T : class =>
        (T)await CallAsync<object>(request, null, limits.TryTimeout, callTimeout, static answer => answer is T, cancellation);

    /// <param name="isAnswer">Tells an answer from a fault.</param>
    public Task<T> CallAsync<T>(IShardRequest request, CommandId? command, TimeSpan tryTimeout, Func<object, bool> isAnswer,
        CancellationToken cancellation)
        where T : class =>
        CallAsync<T>(request, command, tryTimeout, tryTimeout > limits.CallTimeout ? tryTimeout : limits.CallTimeout, isAnswer, cancellation);

    private async Task<T> CallAsync<T>(IShardRequest request, CommandId? command, TimeSpan tryTimeout, TimeSpan callTimeout,
        Func<object, bool> isAnswer, CancellationToken cancellation)
        where T : class
    {
        var started = time.GetTimestamp();
        var isUnknown = false;
        for (var attempt = 1; ; attempt++)
        {
            var left = callTimeout - time.GetElapsedTime(started);
            var route = routes.Next;
            var answer = left > TimeSpan.Zero
                ? await TryAsync(request, tryTimeout < left ? tryTimeout : left, command, route, cancellation)
                : null;
            isUnknown |= answer is null or ShardFault.OutcomeUnknown;
            switch (answer)
            {
                case T wanted when isAnswer(wanted):
                    return wanted;
                // Of this try only; an earlier one may have been applied.
                case ShardFault.Corrupted or ShardFault.InvalidQuery when isUnknown && command is { } id:
                    throw new OutcomeUnknownException(id);
                case ShardFault.Corrupted corrupted:
                    throw new EntityCorruptedException(corrupted.Shard, corrupted.Detail);
                case ShardFault.InvalidQuery invalid:
                    throw new InvalidQueryException(invalid.Detail);
                case ShardFault.HistoryTrimmed trimmed:
                    throw new HistoryTrimmedException(trimmed.Earliest);
                case ShardFault.CursorExpired expired:
                    throw new CursorExpiredException(expired.Earliest);
                case null or ShardFault:
                    break;
                default:
                    throw new InvariantViolationException($"{answer.GetType()} answers {request.GetType()}");
            }

            if (answer is null && route.IsCancellationRequested && !credits.IsClosed && time.GetElapsedTime(started) < callTimeout)
            {
                attempt--;
                continue;
            }

            var delay = Delay(attempt);
            if (credits.IsClosed || attempt >= limits.TryCountMax || time.GetElapsedTime(started) + delay >= callTimeout)
                throw Failure(request.Shard, answer as ShardFault, isUnknown ? command : null);
            await WaitAsync(delay, isUnknown ? command : null, cancellation);
        }
    }

    /// <param name="route">Cancelled when the request may have gone to a node that is gone.</param>
    /// <returns>The answer, or null when none came in time.</returns>
    private async Task<object?> TryAsync(
        IShardRequest request, TimeSpan timeout, CommandId? command, CancellationToken route, CancellationToken cancellation)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(route, cancellation);
        var started = time.GetTimestamp();
        try
        {
            var answer = await AskAsync(ShardCall.For(request), timeout, either.Token);
            if (answer is not ShardAnswer) return answer;
            // What is left of the try's time is for fetching it.
            var left = timeout - time.GetElapsedTime(started);
            either.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
            return await ShardAnswer.WholeAsync(answer, either.Token);
        }
        catch (AskTimeoutException)
        {
            return null;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return null;
        }
        catch (OperationCanceledException) when (command is { } id)
        {
            // Sent and not waited for: the caller must not take this for "not applied".
            throw new OutcomeUnknownException(id);
        }
    }

    /// <summary>Asks, and once more when no answer has come for a while: a region drops what it holds back when a shard changes its owner.</summary>
    /// <remarks>The first one counts on: a fault of one says nothing about the other, which may be what was applied.</remarks>
    private async Task<object> AskAsync(IShardRequest request, TimeSpan timeout, CancellationToken stop)
    {
        var first = region.Ask<object>(request, timeout, stop);
        // What takes longer by its nature is not asked twice.
        if (timeout <= limits.ResendDelay || timeout > limits.TryTimeout) return await first;
        await ((Task)first.WaitAsync(limits.ResendDelay, time, stop)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (first.IsCompleted || stop.IsCancellationRequested) return await first;
        var second = region.Ask<object>(request, timeout - limits.ResendDelay, stop);
        var earlier = await Task.WhenAny(first, second);
        var answer = await earlier;
        var other = earlier == first ? second : first;
        if (!IsFinal(request, answer)) return await other;
        _ = IgnoreAsync(other);
        return answer;
    }

    /// <summary>Whether an answer to one sending settles the call while another one is under way.</summary>
    /// <remarks>A refused command leaves no trace: the other sending of it is decided anew, maybe on another revision, and may be applied.</remarks>
    private static bool IsFinal(IShardRequest request, object answer) =>
        request is ExecuteCommand or ExecuteTransaction or TrimHistory
            ? answer is CommandCommitted or TransactionCommitted
            : answer is not (ShardFault.Busy or ShardFault.Unavailable);

    /// <summary>Nobody waits for it any more, however it ends.</summary>
    private static async Task IgnoreAsync(Task<object> call)
    {
        try
        {
            _ = await call;
        }
        catch (Exception end) when (end is AskTimeoutException or OperationCanceledException)
        {
            return;
        }
    }

    private async Task WaitAsync(TimeSpan delay, CommandId? unknown, CancellationToken cancellation)
    {
        try
        {
            await Task.Delay(delay, time, cancellation);
        }
        catch (OperationCanceledException) when (unknown is { } id)
        {
            throw new OutcomeUnknownException(id);
        }
    }

    private TimeSpan Delay(int attempt)
    {
        var doubled = limits.RetryDelayMin * Math.Pow(2, Math.Min(attempt - 1, 20));
        var bounded = doubled < limits.RetryDelayMax ? doubled : limits.RetryDelayMax;
        lock (_randomLock) return bounded * (0.5 + (0.5 * random.NextDouble()));
    }

    private StoreException Failure(ShardId shard, ShardFault? last, CommandId? unknown)
    {
        if (unknown is { } id) return new OutcomeUnknownException(id);
        if (credits.IsClosed) return credits.Stopping();
        return last switch
        {
            ShardFault.Busy busy => new StoreBusyException(busy.What, busy.RetryAfter),
            ShardFault.Unavailable away => new StoreUnavailableException(
                shard, away.Node is null ? away.Reason : $"{away.Reason} (node {away.Node})", away.IsStorageFull, away.RetryAfter),
            _ => new StoreUnavailableException(shard, "no answer in time", isStorageFull: false, limits.RetryDelayMax),
        };
    }
}
