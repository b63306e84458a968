using EntityActors.Simulation.Tests.Disk;
using EntityActors.Simulation.Tests.Model;

namespace EntityActors.Simulation.Tests.Owners;

/// <param name="Preemptions">Turns taken from a strand that could have gone on, kills included: all schedules with so many are run.</param>
/// <param name="HasKills">Whether one process may be killed where it is held.</param>
/// <param name="SchedulesMax">Beyond so many the rest of the schedules within the bound is left out, which the figures say.</param>
/// <param name="RandomSchedules">Schedules beyond the bound, drawn from the seed, held at every call.</param>
internal sealed record OwnerLimits(long Seed, int Preemptions, bool HasKills, long SchedulesMax, int RandomSchedules);

/// <summary>What was run of one scenario.</summary>
internal sealed class OwnerFigures(OwnerScenario scenario)
{
    public OwnerScenario Scenario { get; } = scenario;

    /// <summary>Schedules within the bound that were run.</summary>
    public long Schedules { get; set; }

    public long RandomSchedules { get; set; }

    public long Kills { get; set; }

    public long Cuts { get; set; }

    /// <summary>Every schedule with up to so many preemptions was run; -1: not even those without any.</summary>
    public int CompletePreemptions { get; set; }

    /// <summary>Points of the longest run.</summary>
    public int PointsMax { get; set; }

    /// <summary>Calls of the longest of the drawn runs.</summary>
    public int CallsMax { get; set; }

    /// <summary>Different outcomes: bytes left and replies given.</summary>
    public long Outcomes { get; set; }

    public List<string> Findings { get; } = [];
}

/// <summary>Runs one scenario under all schedules within a bound of preemptions, then under drawn ones.</summary>
/// <remarks>
/// Stateless model checking as in CHESS (Musuvathi and Qadeer, 2007): a schedule is a run from the start, and the runs that follow from it
/// differ by one turn more, after its last. A strand is held only before calls on what another process touches, too; the others commute
/// with everything that the others do, so the order among them makes no difference. A moment at which every strand has the past that it had
/// at an earlier one is not gone on from again. Drawn schedules hold at every call.
/// </remarks>
internal sealed class OwnerExplorer(OwnerScenario scenario, OwnerLimits limits, int findingsMax, Func<bool> isTimeOver) : IDisposable
{
    private readonly OwnerTurns _turns = new(scenario.Owners.Count);
    private readonly HashSet<(ulong, int, bool)> _checked = [];
    private readonly OwnerFigures _figures = new(scenario);

    // Those with few preemptions first, since these find most; among equals in a drawn order, so that a limit cuts off no part of them.
    private readonly PriorityQueue<(OwnerSchedule Schedule, int Preemptions), (int, int)> _open = new();
    private readonly Random _drawn = new((int)limits.Seed);
    private readonly Dictionary<(ulong State, int Current), int> _expanded = [];
    private IReadOnlySet<CallResource> _shared = new HashSet<CallResource>();

    public OwnerFigures Explore()
    {
        _shared = OwnerRun.FindShared(scenario, _turns);
        _open.Enqueue((OwnerSchedule.Serial, 0), (0, 0));
        while (_open.TryPeek(out var next, out _) && _figures.Schedules < limits.SchedulesMax && !IsOver())
        {
            _open.Dequeue();
            _figures.Schedules++;
            if (next.Schedule.Turns.Any(turn => turn.Kind == TurnKind.Kill)) _figures.Kills++;
            if (Try(next.Schedule) is { } outcome) AddFollowing(next.Schedule, next.Preemptions, outcome.Points);
        }

        _figures.CompletePreemptions = _open.TryPeek(out var left, out _) ? left.Preemptions - 1 : limits.Preemptions;
        for (var i = 0; i < limits.RandomSchedules && !IsOver(); i++) TryDrawn(i);
        _figures.Outcomes = _checked.Count;
        return _figures;
    }

    /// <summary>One schedule alone, told call by call.</summary>
    /// <exception cref="SimulationViolation">A promise was broken.</exception>
    public static void Replay(OwnerScenario scenario, OwnerSchedule schedule, Action<string> trace)
    {
        using var turns = new OwnerTurns(scenario.Owners.Count);
        var shared = schedule.CountsEveryCall ? null : OwnerRun.FindShared(scenario, turns);
        Check(scenario, OwnerRun.Run(scenario, shared, turns, Decider(schedule), trace), bothWays: true);
    }

    public void Dispose() => _turns.Dispose();

    private static Func<int, int, int, Turn?> Decider(OwnerSchedule schedule)
    {
        var next = 0;
        return (point, _, _) => next < schedule.Turns.Count && schedule.Turns[next].Point == point ? schedule.Turns[next++] : null;
    }

    private static void Check(OwnerScenario scenario, OwnerOutcome outcome, bool bothWays)
    {
        if (outcome.Failure is not null) throw new SimulationViolation(outcome.Failure);
        OwnerVerification.Check(scenario, outcome, outcome.Disk);
        if (!bothWays || outcome.IsCut) return;
        // The power goes when all is done: what was told to anybody must be on the disk.
        try
        {
            OwnerVerification.Check(scenario, outcome, outcome.Disk.Cut(CrashChoice.Of(1, new Random(1))));
        }
        catch (Exception failure)
        {
            throw new SimulationViolation($"after a power cut in the end: {failure.Message}");
        }
    }

    private bool IsOver() => _figures.Findings.Count >= findingsMax || isTimeOver();

    private OwnerOutcome? Try(OwnerSchedule schedule) => Try(Decider(schedule), schedule.CountsEveryCall ? null : _shared, () => schedule);

    private OwnerOutcome? Try(Func<int, int, int, Turn?> decide, IReadOnlySet<CallResource>? shared, Func<OwnerSchedule> schedule)
    {
        try
        {
            var outcome = OwnerRun.Run(scenario, shared, _turns, decide);
            if (shared is not null) _figures.PointsMax = Math.Max(_figures.PointsMax, outcome.Points.Count);
            else _figures.CallsMax = Math.Max(_figures.CallsMax, outcome.Points.Count);
            var (disk, history) = outcome.Signature;
            if (outcome.Failure is not null || _checked.Add((disk, history, outcome.IsCut))) Check(scenario, outcome, bothWays: true);
            return outcome;
        }
        catch (Exception failure)
        {
            _figures.Findings.Add($"--scenario \"{scenario}\" --schedule \"{schedule()}\": {failure.Message}");
            return null;
        }
    }

    /// <summary>Every schedule that takes one turn more than this one, later than all of its turns.</summary>
    private void AddFollowing(OwnerSchedule schedule, int preemptions, IReadOnlyList<PassedPoint> points)
    {
        var first = schedule.Turns.Count == 0 ? 0 : schedule.Turns[^1].Point + 1;
        var isKilled = schedule.Turns.Any(turn => turn.Kind == TurnKind.Kill);
        var dead = 0;
        foreach (var turn in schedule.Turns)
        {
            if (turn.Kind == TurnKind.Kill) dead |= 1 << points[turn.Point].Current;
        }

        for (var point = first; point < points.Count; point++)
        {
            var (current, chosen, _, state) = points[point];
            // Another run came here with the same past of every strand, and all that can follow was added then.
            if (_expanded.TryGetValue((state, current), out var before) && before <= preemptions) break;
            _expanded[(state, current)] = preemptions;
            var cost = preemptions + (current >= 0 ? 1 : 0);
            if (cost > limits.Preemptions) continue;
            for (var strand = 0; strand < scenario.Owners.Count; strand++)
            {
                if (strand == chosen || !points[point].IsReady(strand) || (dead >> strand & 1) != 0) continue;
                Add(new Turn(point, TurnKind.Switch, strand), cost);
                if (current >= 0 && limits.HasKills && !isKilled) Add(new Turn(point, TurnKind.Kill, strand), cost);
            }
        }

        void Add(Turn turn, int cost) => _open.Enqueue((schedule.Then(turn), cost), (cost, _drawn.Next()));
    }

    private void TryDrawn(int number)
    {
        var random = new Random(HashCode.Combine(limits.Seed, number, 7));
        var turns = new List<Turn>();
        // Some change strands at every second call, others hardly ever.
        var rate = Math.Pow(2, -1 - random.Next(6));
        var killsLeft = random.Next(3) == 0 ? 1 : 0;
        var cutAt = random.Next(3) == 0 ? random.Next(4 * Math.Max(_figures.PointsMax, 1)) : -1;
        var dead = 0;
        var isCut = false;
        Try(Decide, shared: null, () => new OwnerSchedule(turns, CountsEveryCall: true));
        _figures.RandomSchedules++;
        if (isCut) _figures.Cuts++;
        if (dead != 0) _figures.Kills++;

        Turn? Decide(int point, int current, int ready)
        {
            if (isCut) return null;
            if (point == cutAt && current >= 0)
            {
                isCut = true;
                return Add(new Turn(point, TurnKind.Cut, random.Next(CrashChoice.FirstDrawn + 8)));
            }

            if (current >= 0 && random.NextDouble() >= rate) return null;
            var others = Enumerable.Range(0, scenario.Owners.Count).Where(strand => strand != current && (ready >> strand & 1) != 0 && (dead >> strand & 1) == 0).ToArray();
            if (others.Length == 0) return null;
            var next = others[random.Next(others.Length)];
            if (current >= 0 && killsLeft > 0 && random.Next(8) == 0)
            {
                (killsLeft, dead) = (0, dead | 1 << current);
                return Add(new Turn(point, TurnKind.Kill, next));
            }

            return Add(new Turn(point, TurnKind.Switch, next));
        }

        Turn Add(Turn turn)
        {
            turns.Add(turn);
            return turn;
        }
    }
}
