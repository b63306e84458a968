namespace EntityActors.Simulation.Tests.Owners;

/// <summary>Runs strands of code so that one of them runs at a time and who goes on at each point is decided by a schedule.</summary>
/// <remarks>
/// Each strand has a thread, since product code cannot be suspended otherwise; threads are kept for the next run. A strand that meets a
/// point decides who goes on; if it is another one, it wakes that and waits. So a run is as deterministic as one thread.
/// </remarks>
internal sealed class OwnerTurns : IDisposable
{
    /// <summary>Far above any run: a strand that waits for another one in any other way than by a point.</summary>
    private static readonly TimeSpan RunTimeMax = TimeSpan.FromSeconds(60);

    private readonly StrandThread[] _threads;
    private readonly SemaphoreSlim _ended = new(0);
    private readonly List<PassedPoint> _passed = [];
    private Func<int, int, int, Turn?> _decide = static (_, _, _) => null;
    private Action<Turn, int> _interrupt = static (_, _) => { };
    private Func<ulong> _state = static () => 0;
    private int _ready;

    public OwnerTurns(int strandsMax) =>
        _threads = [.. Enumerable.Range(0, strandsMax).Select(number => new StrandThread(number, this))];

    public IReadOnlyList<PassedPoint> Passed => _passed;

    /// <summary>Runs all strands to their ends.</summary>
    /// <param name="decide">Given point, the strand held there (-1: none) and the bit set of strands that could go on; null lets things go on.</param>
    /// <param name="interrupt">Told of a kill or a power cut, and of the strand that is held there, before anything goes on.</param>
    /// <param name="state">What tells moments apart, for <see cref="PassedPoint.State"/>.</param>
    public void Run(IReadOnlyList<Action> strands, Func<int, int, int, Turn?> decide, Action<Turn, int> interrupt, Func<ulong> state)
    {
        (_decide, _interrupt, _state, _ready) = (decide, interrupt, state, (1 << strands.Count) - 1);
        _passed.Clear();
        for (var i = 0; i < strands.Count; i++) _threads[i].Body = strands[i];
        _threads[Pass(-1)].Turn.Release();
        if (!_ended.Wait(RunTimeMax)) throw new InvalidOperationException($"no strand came to a point within {RunTimeMax}: one waits for another");
    }

    /// <summary>Called by a strand that is at a point; returns when it goes on.</summary>
    public void Point(int strand)
    {
        var next = Pass(strand);
        if (next == strand) return;
        _threads[next].Turn.Release();
        _threads[strand].Turn.Wait();
    }

    public void Dispose()
    {
        foreach (var thread in _threads) thread.Stop();
        _ended.Dispose();
    }

    private int Pass(int current)
    {
        var point = _passed.Count;
        var state = _state();
        var turn = _decide(point, current, _ready);
        if (turn is { Kind: not TurnKind.Switch } interruption) _interrupt(interruption, current);
        var next = turn switch
        {
            { Kind: TurnKind.Switch or TurnKind.Kill } => turn.Value.Next,
            _ when current >= 0 => current,
            _ => System.Numerics.BitOperations.TrailingZeroCount(_ready),
        };
        if ((_ready >> next & 1) == 0) throw new InvalidOperationException($"strand {next} has ended before point {point}");
        _passed.Add(new PassedPoint(current, next, _ready, state));
        return next;
    }

    private void End(int strand)
    {
        _ready &= ~(1 << strand);
        if (_ready == 0) _ended.Release();
        else _threads[Pass(-1)].Turn.Release();
    }

    private sealed class StrandThread
    {
        private readonly int _number;
        private readonly OwnerTurns _turns;
        private readonly Thread _thread;
        private bool _stopping;

        public StrandThread(int number, OwnerTurns turns)
        {
            (_number, _turns) = (number, turns);
            _thread = new Thread(Run) { IsBackground = true, Name = $"owner-{(char)('A' + number)}" };
            _thread.Start();
        }

        public SemaphoreSlim Turn { get; } = new(0);

        /// <summary>Lets no exception out.</summary>
        public Action Body { get; set; } = static () => { };

        public void Stop()
        {
            _stopping = true;
            Turn.Release();
            // One that hangs is left behind with its process.
            if (_thread.Join(TimeSpan.FromSeconds(1))) Turn.Dispose();
        }

        private void Run()
        {
            while (true)
            {
                Turn.Wait();
                if (_stopping) return;
                Body();
                _turns.End(_number);
            }
        }
    }
}
