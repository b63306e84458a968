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
/// because the trim before is not carried out yet is tried again by a later pass.
/// </remarks>
internal sealed class HistoryTrimmer(IEntityStore store, RetentionPolicy policy)
{
    /// <summary>Steps of a horizon within the age of a policy.</summary>
    private const int StepsPerAge = 16;

    private readonly Timestamp[] _looked = new Timestamp[store.ShardCount];
    private int _shard;
    private uint _from;
    private Timestamp _before;
    private TrimmedCount _found;

    /// <summary>Whether every shard was looked at.</summary>
    public bool IsDone => policy.HistoryAge is null || _shard == store.ShardCount;

    /// <summary>The next pass begins with the first shard again.</summary>
    public void Restart() => (_shard, _from, _found) = (0, 0, default);

    /// <summary>Looks at one page of one shard, and trims it when that was its last one.</summary>
    /// <param name="stepMin">A horizon does not move by less, and nothing is looked at sooner again; null is any step.</param>
    /// <returns>What went, or would go.</returns>
    public async Task<TrimmedCount> PageAsync(Timestamp now, TimeSpan? stepMin, bool dryRun, CancellationToken cancellation)
    {
        var age = policy.HistoryAge!.Value;
        if (_from == 0) _before = new Timestamp(now.Nanoseconds - (age.Ticks * 100));
        var shard = new ShardId(_shard);
        if (_before.Nanoseconds < 1 || !IsStep(_looked[_shard])) return Next(default);
        var keep = policy.KeepChanges ?? 1;
        var found = await store.LookAtHistoryAsync(new LookAtHistory(shard, policy.Dataset, _before, keep, _from, LookAtHistory.LimitMax), cancellation);
        if (!IsStep(found.Horizon)) return Next(default);
        _found += new TrimmedCount(found.Entities, found.Changes);
        if (found.Next is { } next)
        {
            _from = next;
            return default;
        }

        if (!dryRun) _looked[_shard] = _before;
        if (_found.Changes == 0 || dryRun) return Next(_found);
        var command = HistoryTrim.Command(policy.Dataset, shard, store.ShardCount, _before, keep, CommandId.New(), RetentionPass.Author);
        var isTrimmed = await store.ExecuteAsync(command, cancellation) is CommandResult.Committed;
        // Refused while the trim before is carried out: the next pass looks again.
        if (!isTrimmed) _looked[_shard] = default;
        return Next(isTrimmed ? _found : default);

        bool IsStep(Timestamp from) =>
            stepMin is not { } step || _before >= from.Plus(age / StepsPerAge > step ? age / StepsPerAge : step);
    }

    private TrimmedCount Next(TrimmedCount gone)
    {
        (_shard, _from, _found) = (_shard + 1, 0, default);
        return gone;
    }
}
