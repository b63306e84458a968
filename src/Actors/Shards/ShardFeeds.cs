using Akka.Actor;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Shards;

/// <summary>Requests for changes that found none and wait for the next event, bounded in number and time. For the shard's actor.</summary>
/// <remarks>
/// Admitted --read, nothing found--> Parked --event with a matching change--> read again --> …
/// A request is answered by the read that finds something, or by the first one after its time is over. The shard keeps nothing about
/// who follows it: a caller comes back with the position that its last answer had, to this owner or to the next one.
/// </remarks>
internal sealed class ShardFeeds(ShardLimits limits, ITimerScheduler timers)
{
    private readonly Dictionary<Ticket, Waiter> _waiters = [];

    /// <summary>The time of a request that may wait is over.</summary>
    public sealed record WaitOver(Ticket Ticket) : INoSerializationVerificationNeeded;

    private sealed class Waiter(GetChanges request)
    {
        public GetChanges Request { get; set; } = request;

        /// <summary>False while a read for it is under way.</summary>
        public bool IsParked { get; set; }
    }

    /// <summary>A request that may wait, before its first read.</summary>
    /// <returns>False when as many wait as may.</returns>
    public bool TryAdmit(Ticket ticket, GetChanges request)
    {
        if (_waiters.Count >= limits.FeedWaitingCountMax) return false;
        _waiters.Add(ticket, new Waiter(request));
        timers.StartSingleTimer(ticket, new WaitOver(ticket), request.Wait < limits.FeedWaitMax ? request.Wait : limits.FeedWaitMax);
        return true;
    }

    /// <summary>What becomes of a request that was read for.</summary>
    /// <param name="applied">Everything recorded up to here could be read now.</param>
    /// <param name="again">The request to read for once more: something was applied meanwhile.</param>
    /// <returns>False when the answer is to be sent.</returns>
    public bool TryKeep(Ticket ticket, object answer, Timestamp applied, out GetChanges? again)
    {
        again = null;
        if (!_waiters.TryGetValue(ticket, out var waiter)) return false;
        if (answer is not ChangesFound { Changes.IsEmpty: true, HasMore: false } found)
        {
            Forget(ticket);
            return false;
        }

        waiter.Request = waiter.Request with { After = found.Through };
        waiter.IsParked = found.Through >= applied;
        if (!waiter.IsParked) again = waiter.Request;
        return true;
    }

    /// <summary>Parked requests that this event has a change for; to be read for.</summary>
    public IReadOnlyList<(Ticket Ticket, GetChanges Request)> Wake(ChangeBatch applied)
    {
        if (_waiters.Count == 0) return [];
        var woken = new List<(Ticket, GetChanges)>();
        foreach (var (ticket, waiter) in _waiters)
        {
            if (!waiter.IsParked || !HoldsAny(applied, waiter.Request.Filter)) continue;
            waiter.IsParked = false;
            woken.Add((ticket, waiter.Request));
        }

        return woken;
    }

    /// <returns>The request to read for a last time; null when a read is under way, which is then the last.</returns>
    public GetChanges? TakeOver(Ticket ticket)
    {
        if (!_waiters.Remove(ticket, out var waiter)) return null;
        return waiter.IsParked ? waiter.Request : null;
    }

    /// <summary>No request waits any longer.</summary>
    /// <returns>Those that no read is under way for.</returns>
    public IReadOnlyList<Ticket> TakeAll()
    {
        var parked = new List<Ticket>();
        foreach (var (ticket, waiter) in _waiters)
        {
            timers.Cancel(ticket);
            if (waiter.IsParked) parked.Add(ticket);
        }

        _waiters.Clear();
        return parked;
    }

    private void Forget(Ticket ticket)
    {
        _waiters.Remove(ticket);
        timers.Cancel(ticket);
    }

    private static bool HoldsAny(ChangeBatch batch, ChangeFilter filter)
    {
        foreach (var change in batch.Changes)
        {
            if (filter.Matches(change)) return true;
        }

        return false;
    }
}
