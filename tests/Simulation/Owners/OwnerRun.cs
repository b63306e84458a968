using EntityActors.Simulation.Tests.Disk;
using EntityActors.Simulation.Tests.Exploration;
using EntityActors.Simulation.Tests.Stores;

namespace EntityActors.Simulation.Tests.Owners;

/// <summary>A scenario under one schedule: processes are started, their calls interleaved, and what is left is given to a last owner.</summary>
/// <remarks>The same scenario under the same schedule makes the same calls in the same order.</remarks>
internal sealed class OwnerRun
{
    // The second process's clock is behind the first one's reservation, the third one's ahead of both.
    private static readonly int[] ClockOffsets = [0, -300, 250];

    private static readonly Lazy<(DiskState Disk, string Labels)> Before = new(MakeStore);

    private readonly OwnerScenario _scenario;
    private readonly OwnerDisk _disk = new(Before.Value.Disk);
    private readonly OwnerHistory _history = new();
    private readonly OwnerProcess[] _processes;
    private readonly CausalOrder _order;
    private readonly string _before;
    private DiskState? _cut;
    private string? _failure;

    private OwnerRun(OwnerScenario scenario)
    {
        _scenario = scenario;
        _order = new CausalOrder(scenario.Owners.Count);
        var setUp = new OwnerHistory();
        _processes = [.. scenario.Owners.Select((_, number) => Process(number, number == 0 ? setUp : _history))];
        var first = _processes[0];
        first.Open(OwnerProcess.Contested);
        first.Open(OwnerProcess.Other);
        var labels = new List<string> { Before.Value.Labels };
        foreach (var label in (string[])["a1", "a2"])
        {
            first.Write(OwnerProcess.Contested, label);
            first.Checkpoint(force: true);
            first.Trim();
            labels.Add(label);
        }

        foreach (var label in (string[])["a3", "a4"])
        {
            first.Write(OwnerProcess.Contested, label);
            labels.Add(label);
        }

        // So that a read as of now is answered for a time that nothing was stamped at.
        foreach (var process in _processes) process.Wait(TimeSpan.FromMilliseconds(20));
        _before = OwnerHistory.Join(labels);
        first.Observe(_history);
    }

    /// <summary>What each process touches, call by call, when nobody is interrupted.</summary>
    public static IReadOnlySet<CallResource> FindShared(OwnerScenario scenario, OwnerTurns turns)
    {
        var touched = new Dictionary<CallResource, (int Strands, bool IsChanged)>();
        var count = scenario.Owners.Count;
        // Each strand first once, and last once: so a later one meets what the earlier ones did, both ways.
        for (var first = 0; first < count; first++)
        {
            var run = new OwnerRun(scenario);
            var order = Enumerable.Range(0, count).Select(i => (first + i) % count).ToArray();
            run.Interleave(turns, (process, call) =>
            {
                foreach (var (resource, isChange) in CallResource.Of(call))
                {
                    var (strands, isChanged) = touched.GetValueOrDefault(resource);
                    touched[resource] = (strands | 1 << process.Strand, isChanged || isChange);
                }

                return false;
            }, (_, current, ready) => new Turn(0, TurnKind.Switch, current >= 0 ? current : order.First(strand => (ready >> strand & 1) != 0)));
        }

        return touched.Where(pair => pair.Value.IsChanged && System.Numerics.BitOperations.PopCount((uint)pair.Value.Strands) > 1)
            .Select(pair => pair.Key).ToHashSet();
    }

    /// <summary>Runs the scenario to its end under a schedule.</summary>
    /// <param name="shared">What a call must touch to be a point of the schedule; null: every call is one.</param>
    /// <param name="trace">Told of each point and its call.</param>
    public static OwnerOutcome Run(OwnerScenario scenario, IReadOnlySet<CallResource>? shared, OwnerTurns turns,
        Func<int, int, int, Turn?> decide, Action<string>? trace = null)
    {
        var run = new OwnerRun(scenario);
        run.Interleave(turns, (process, call) =>
        {
            var isPoint = shared is null || CallResource.Of(call).Any(touched => shared.Contains(touched.Resource));
            trace?.Invoke($"{(isPoint ? turns.Passed.Count : ""),5} {(char)('A' + process.Strand)} {call}");
            return isPoint;
        }, decide);
        trace?.Invoke(string.Join('\n', run._history.All));
        return new OwnerOutcome(run._cut ?? run._disk.Files.State, run._history, run._before, [.. turns.Passed],
            run._processes.Sum(process => process.OtherAcknowledged), run._cut is not null, run._failure);
    }

    private void Interleave(OwnerTurns turns, Func<OwnerFileSystem, OwnerCall, bool> isPoint, Func<int, int, int, Turn?> decide)
    {
        _disk.BeforeCall = (process, call) =>
        {
            if (!isPoint(process, call)) return;
            turns.Point(process.Strand);
            _order.Add(process.Strand, call);
        };
        _history.Told = owner => _order.AddEvent(owner[0] - 'a');
        turns.Run([.. _processes.Select((process, number) => (Action)(() => Live(process, _scenario.Owners[number])))], decide, Interrupt, () => _order.State);
        (_disk.BeforeCall, _history.Told) = (null, null);
    }

    private void Live(OwnerProcess process, IReadOnlyList<OwnerStep> steps)
    {
        try
        {
            foreach (var step in steps) process.Do(step);
            if (process.IsOtherFenced && !_scenario.ContestsOther) _failure ??= $"{process.Name} lost the shard that nobody else wanted";
        }
        catch (OwnerKilledException)
        {
            return;
        }
        catch (Exception failure)
        {
            // What unwinds after a kill may fail in any way: nobody is there to see it.
            if (!process.Files.IsDead) _failure ??= $"{process.Name}: {failure}";
        }
    }

    private void Interrupt(Turn turn, int current)
    {
        if (turn.Kind == TurnKind.Kill)
        {
            _disk.Kill(_processes[current].Files);
            _order.AddKill(current);
            return;
        }

        _cut = turn.Next == CrashChoice.Kill ? _disk.Files.State
            : _disk.Files.State.Cut(CrashChoice.Of(turn.Next, CrashPath.None.Then(turn.Point, turn.Next).RandomFor(1, purpose: 20)));
        foreach (var process in _processes) _disk.Kill(process.Files);
    }

    private OwnerProcess Process(int number, OwnerHistory history) => new(((char)('a' + number)).ToString(), new OwnerFileSystem(_disk, number), history,
        SimulationOptions.Start + TimeSpan.FromSeconds(2) + TimeSpan.FromMilliseconds(ClockOffsets[number]), 1 + number);

    /// <summary>A store with headers, segments and a log that a killed process left.</summary>
    private static (DiskState, string) MakeStore()
    {
        var disk = new OwnerDisk(DiskState.Empty);
        var process = new OwnerProcess("p", new OwnerFileSystem(disk, 0), new OwnerHistory(), SimulationOptions.Start, 100);
        process.Open(OwnerProcess.Contested);
        process.Open(OwnerProcess.Other);
        process.Write(OwnerProcess.Other, "q1");
        var labels = new[] { "p1", "p2", "p3" };
        foreach (var label in labels)
        {
            process.Write(OwnerProcess.Contested, label);
            if (label == labels[^1]) break;
            process.Checkpoint(force: true);
            process.Trim();
        }

        return (disk.Files.State, OwnerHistory.Join(labels));
    }
}

/// <summary>What a run left.</summary>
/// <param name="Before">The commands that made the contested entity before the run.</param>
/// <param name="OtherAcknowledged">Acknowledged writes of the shard that nobody contests.</param>
/// <param name="Failure">What an owner met that no owner may meet, fenced or not; null when all went well.</param>
internal sealed record OwnerOutcome(DiskState Disk, OwnerHistory History, string Before, IReadOnlyList<PassedPoint> Points,
    int OtherAcknowledged, bool IsCut, string? Failure)
{
    /// <summary>Equal for runs that left the same bytes and told the same to the same clients.</summary>
    public (ulong Disk, int History) Signature
    {
        get
        {
            var hash = new HashCode();
            History.AddTo(ref hash);
            hash.Add(OtherAcknowledged);
            return (Disk.Digest(), hash.ToHashCode());
        }
    }
}
