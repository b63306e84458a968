using System.Globalization;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Retention;

/// <summary>What a policy lets go of histories.</summary>
public readonly record struct TrimmedCount(long Entities, long Changes)
{
    public static TrimmedCount operator +(TrimmedCount left, TrimmedCount right) => new(left.Entities + right.Entities, left.Changes + right.Changes);
}

/// <summary>Moves the horizons of a dataset, shard by shard, for one policy. For one caller.</summary>
/// <remarks>
/// A shard is looked at page by page first, and its horizon moves only when something goes: a policy that finds nothing writes nothing. What a shard refuses
/// because the trim before is not carried out yet is sent again by later passes, without another look.
/// </remarks>
internal sealed class HistoryTrimmer(IEntityStore store, RetentionPolicy policy)
{
    /// <summary>Steps of a horizon within the age of a policy.</summary>
    private const int StepsPerAge = 16;

    /// <summary>Segments are written anew for this part of a dataset's changes, or once in <see cref="RestMax"/> for fewer.</summary>
    private const int ShareMin = 16;

    private static readonly TimeSpan RestMax = TimeSpan.FromHours(1);

    private readonly Timestamp[] _looked = new Timestamp[store.ShardCount];
    private readonly Wanted?[] _wanted = new Wanted?[store.ShardCount];
    private int _shard;
    private uint _from;
    private Timestamp _before;
    private TrimmedCount _found;
    private long _all;
    private StoreException? _failure;

    /// <summary>A trim that a shard has not taken yet.</summary>
    private sealed record Wanted(Timestamp Before, TrimmedCount Found);

    /// <summary>The shard that is looked at next; the number of shards at the end.</summary>
    public int Shard => IsDone ? store.ShardCount : _shard;

    /// <summary>Whether every shard was looked at.</summary>
    public bool IsDone => policy.HistoryAge is null || _shard == store.ShardCount;

    /// <summary>Whether a part of a shard was looked at.</summary>
    public bool IsWithinShard => _from > 0;

    /// <summary>Requests sent to shards so far.</summary>
    public long AskedCount { get; private set; }

    /// <summary>Begins with the first shard again.</summary>
    public void Restart()
    {
        _shard = 0;
        Forget();
    }

    /// <summary>Begins with a shard by its number, or with none at the end.</summary>
    /// <returns>Whether there is such a one.</returns>
    public bool TryResume(string shard) =>
        int.TryParse(shard, NumberStyles.None, CultureInfo.InvariantCulture, out _shard) && _shard <= store.ShardCount;

    /// <returns>The first failure since the last time; null when there was none.</returns>
    public StoreException? TakeFailure()
    {
        var failure = _failure;
        _failure = null;
        return failure;
    }

    /// <summary>Looks at one page of one shard, and trims it when that was its last one. A shard that fails is left to the next pass.</summary>
    /// <param name="stepMin">A horizon does not move by less, and nothing is looked at sooner again; null is any step.</param>
    /// <returns>What went, or would go.</returns>
    public async Task<TrimmedCount> PageAsync(Timestamp now, TimeSpan? stepMin, bool dryRun, CancellationToken cancellation)
    {
        try
        {
            if (!dryRun && _wanted[_shard] is { } wanted) return Next(await TrimAsync(wanted, cancellation));
            return await LookAsync(now, stepMin, dryRun, cancellation);
        }
        catch (StoreException failure)
        {
            _failure ??= failure;
            return Next(default);
        }
    }

    private async Task<TrimmedCount> LookAsync(Timestamp now, TimeSpan? stepMin, bool dryRun, CancellationToken cancellation)
    {
        var age = policy.HistoryAge!.Value;
        if (_from == 0) _before = new Timestamp(now.Nanoseconds - (age.Ticks * 100));
        if (_before.Nanoseconds < 1 || !IsStep(_looked[_shard])) return Next(default);
        AskedCount++;
        var found = await store.LookAtHistoryAsync(
            new LookAtHistory(new ShardId(_shard), policy.Dataset, _before, KeepChanges, _from, LookAtHistory.LimitMax), cancellation);
        if (!IsStep(found.Horizon))
        {
            _looked[_shard] = found.Horizon;
            return Next(default);
        }

        (_found, _all) = (_found + new TrimmedCount(found.Entities, found.Changes), _all + found.All);
        if (found.Next is { } next)
        {
            _from = next;
            return default;
        }

        if (dryRun) return Next(_found);
        _looked[_shard] = _before;
        var isWorthIt = stepMin is null || _found.Changes * ShareMin >= _all || _before >= found.Horizon.Plus(RestMax);
        return Next(_found.Changes > 0 && isWorthIt ? await TrimAsync(new Wanted(_before, _found), cancellation) : default);

        bool IsStep(Timestamp from) =>
            stepMin is not { } step || _before >= from.Plus(age / StepsPerAge > step ? age / StepsPerAge : step);
    }

    private long KeepChanges => policy.KeepChanges ?? 1;

    /// <returns>What went.</returns>
    private async Task<TrimmedCount> TrimAsync(Wanted wanted, CancellationToken cancellation)
    {
        _wanted[_shard] = wanted;
        AskedCount++;
        var trim = new TrimHistory(new ShardId(_shard), policy.Dataset, wanted.Before, KeepChanges, CommandId.New(), RetentionPass.Author);
        var result = await store.TrimHistoryAsync(trim, cancellation);
        if (result is CommandResult.Refused { Refusal.Code: RefusalCode.PreconditionFailed }) return default;
        _wanted[_shard] = null;
        return result is CommandResult.Committed ? wanted.Found : default;
    }

    private TrimmedCount Next(TrimmedCount gone)
    {
        _shard++;
        Forget();
        return gone;
    }

    private void Forget() => (_from, _found, _all) = (0, default, 0);
}
