using System.Collections.Concurrent;
using EntityActors.Chaos.Histories;
using EntityActors.Chaos.Nodes;

namespace EntityActors.Chaos.Faults;

/// <summary>Where faults are injected: the nodes, each under one fault at a time, and the record of what was done.</summary>
internal sealed class FaultSite(IChaosFleet fleet, Random random)
{
    private readonly Lock _gate = new();
    private readonly HashSet<IChaosNode> _taken = [];
    private readonly ConcurrentQueue<FaultRecord> _records = new();

    public IChaosFleet Fleet => fleet;

    public ChaosClock Clock => fleet.Clock;

    public IReadOnlyCollection<FaultRecord> Records => _records;

    /// <summary>A random number from the run's seed. Thread-safe.</summary>
    public int Draw(int min, int max)
    {
        lock (_gate) return random.Next(min, max);
    }

    /// <summary>A duration, short ones more often: uniform in its logarithm.</summary>
    public TimeSpan DrawDuration(TimeSpan min, TimeSpan max)
    {
        lock (_gate) return min * Math.Pow(Math.Max(1, max / min), random.NextDouble());
    }

    /// <summary>A pause or cut: as often a short one, which nobody may notice, as one long enough for others to take over.</summary>
    public TimeSpan DrawSilence(TimeSpan min, TimeSpan max)
    {
        if (Draw(0, 2) == 0) return DrawDuration(min, max);
        lock (_gate) return max * ((1 + random.NextDouble()) / 2);
    }

    /// <summary>A running node that is under no fault; null when there is none.</summary>
    public IChaosNode? TryTake(Func<IReadOnlyList<IChaosNode>, IChaosNode?>? choose = null)
    {
        lock (_gate)
        {
            var free = fleet.Nodes.Where(node => node.IsRunning && !_taken.Contains(node)).ToList();
            var node = free.Count == 0 ? null : choose is null ? free[random.Next(free.Count)] : choose(free);
            if (node is not null) _taken.Add(node);
            return node;
        }
    }

    public bool TryTakeAll()
    {
        lock (_gate)
        {
            if (_taken.Count > 0) return false;
            _taken.UnionWith(fleet.Nodes);
            return true;
        }
    }

    public void Give(IChaosNode node)
    {
        lock (_gate) _taken.Remove(node);
    }

    public void GiveAll()
    {
        lock (_gate) _taken.Clear();
    }

    /// <summary>
    /// Whether the others may have removed the node since its process began: it fell silent, or two others did or ended, so that it was alone.
    /// </summary>
    public bool MayBeRemoved(IChaosNode node)
    {
        var silent = _records.Where(record => record.MakesSilent && record.Started > node.StartedAt).Select(static record => record.Target).Distinct().ToList();
        return silent.Contains(node.Name) || silent.Count > 1;
    }

    public FaultRecord Begin(FaultKind kind, string target, string detail = "")
    {
        var record = new FaultRecord(kind, target, detail, Clock.Now());
        _records.Enqueue(record);
        return record;
    }

    public void End(FaultRecord record) => record.Ended = Clock.Now();

    /// <summary>Waits, or returns early when the run ends.</summary>
    public static Task WaitAsync(TimeSpan time, CancellationToken end) => Task.Delay(time, end).ContinueWith(static _ => { }, TaskScheduler.Default);
}
