using EntityActors.Chaos.Faults;
using EntityActors.Chaos.Histories;
using EntityActors.Tests.Shared.Model;

namespace EntityActors.Chaos.Reports;

/// <summary>When each shard answered: moments of acknowledged writes and of answered reads of its entities.</summary>
internal sealed class Availability
{
    /// <summary>How long after its end a fault is still taken for the cause of a gap.</summary>
    private static readonly long AftermathTicks = ChaosClock.Ticks(TimeSpan.FromSeconds(15));

    private readonly SortedDictionary<int, List<long>> _answers = [];
    private readonly (long From, long To) _load;

    public Availability(ChaosHistory history, (long From, long To) load)
    {
        _load = load;
        foreach (var write in history.Writes)
        {
            if (write.Operation is { Outcome: OperationOutcome.Acknowledged, Commit: { } commit }) Add(commit.Shard, write.Operation.EndedTicks);
        }

        foreach (var read in history.Reads)
        {
            if (history.Shards.TryGetValue(read.Id, out var shard)) Add(shard, read.Returned);
        }

        foreach (var moments in _answers.Values) moments.Sort();
    }

    public IEnumerable<int> Shards => _answers.Keys;

    /// <summary>Longest time without an answer of a shard that overlaps a fault or its aftermath, in seconds.</summary>
    public double LongestGap(int shard, FaultRecord fault)
    {
        var end = (fault.Ended ?? _load.To) + AftermathTicks;
        return Gaps(shard).Where(gap => gap.From <= end && gap.To >= fault.Started).Select(static gap => ChaosClock.Seconds(gap.To - gap.From))
            .DefaultIfEmpty().Max();
    }

    public double LongestGap(int shard) => Gaps(shard).Select(static gap => ChaosClock.Seconds(gap.To - gap.From)).DefaultIfEmpty().Max();

    /// <summary>Times between neighbouring answers within the load.</summary>
    public IEnumerable<(long From, long To)> Gaps(int shard)
    {
        var last = _load.From;
        foreach (var moment in _answers[shard])
        {
            if (moment >= _load.To) break;
            if (moment > last) yield return (last, moment);
            last = Math.Max(last, moment);
        }

        yield return (last, _load.To);
    }

    /// <summary>Answers per second, in steps of <paramref name="step"/>.</summary>
    public IEnumerable<(double Second, double Rate)> Rates(TimeSpan step)
    {
        var ticks = ChaosClock.Ticks(step);
        var counts = new int[((_load.To - _load.From) / ticks) + 1];
        foreach (var moment in _answers.Values.SelectMany(static moments => moments))
        {
            if (moment >= _load.From && moment < _load.To) counts[(moment - _load.From) / ticks]++;
        }

        for (var i = 0; i < counts.Length; i++) yield return (i * step.TotalSeconds, counts[i] / step.TotalSeconds);
    }

    private void Add(int shard, long moment)
    {
        if (!_answers.TryGetValue(shard, out var moments)) _answers[shard] = moments = [];
        moments.Add(moment);
    }
}
