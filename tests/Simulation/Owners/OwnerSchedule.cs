using System.Globalization;

namespace EntityActors.Simulation.Tests.Owners;

/// <summary>What happens at a point of a schedule instead of what would: another strand goes on, and perhaps the one held there is killed.</summary>
internal enum TurnKind
{
    /// <summary>The strand waits there until it is its turn again.</summary>
    Switch = 1,

    /// <summary>Its process is killed there: its locks are free, its written bytes stay.</summary>
    Kill,

    /// <summary>The power of the machine is cut: all processes end, and of what was not synced an outcome decides.</summary>
    Cut,
}

/// <param name="Point">Counted over all strands; 0 is before the first call.</param>
/// <param name="Next">The strand that goes on; of a power cut the number of its outcome.</param>
internal readonly record struct Turn(int Point, TurnKind Kind, int Next)
{
    private const string Signs = " >!%";

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Point}{Signs[(int)Kind]}{(Kind == TurnKind.Cut ? Next.ToString(CultureInfo.InvariantCulture) : ((char)('A' + Next)).ToString())}");

    /// <exception cref="FormatException">The text is not what <see cref="ToString"/> writes.</exception>
    public static Turn Parse(string text)
    {
        var at = text.IndexOfAny(['>', '!', '%']);
        if (at < 1 || at + 1 >= text.Length) throw new FormatException($"'{text}' is no turn");
        var kind = (TurnKind)Signs.IndexOf(text[at], StringComparison.Ordinal);
        var next = kind == TurnKind.Cut ? int.Parse(text[(at + 1)..], CultureInfo.InvariantCulture) : text[at + 1] - 'A';
        return new Turn(int.Parse(text[..at], CultureInfo.InvariantCulture), kind, next);
    }
}

/// <summary>One interleaving: the turns that differ from "whoever runs goes on, and after it the first one that is left".</summary>
/// <param name="CountsEveryCall">Whether every call is a point, or only those on what several processes touch.</param>
internal sealed record OwnerSchedule(IReadOnlyList<Turn> Turns, bool CountsEveryCall = false)
{
    private const string EveryCall = "every";

    public static readonly OwnerSchedule Serial = new([]);

    public OwnerSchedule Then(Turn turn) => this with { Turns = [.. Turns, turn] };

    public override string ToString() => string.Join(' ', Turns.Select(turn => turn.ToString()).Prepend(CountsEveryCall ? EveryCall : "").Where(text => text.Length > 0));

    /// <exception cref="FormatException">The text is not what <see cref="ToString"/> writes.</exception>
    public static OwnerSchedule Parse(string text)
    {
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return new OwnerSchedule([.. words.Where(word => word != EveryCall).Select(Turn.Parse)], words.Contains(EveryCall));
    }
}

/// <summary>A point that a run passed: who was held there and who could have gone on.</summary>
/// <param name="Current">The strand held there; -1 when the one before it had ended, and at the start.</param>
/// <param name="Chosen">The strand that went on.</param>
/// <param name="Ready">Bit set of the strands that had not ended.</param>
/// <param name="State">Equal where the same has happened to all strands, in whatever order what commutes came.</param>
internal readonly record struct PassedPoint(int Current, int Chosen, int Ready, ulong State)
{
    public bool IsReady(int strand) => (Ready >> strand & 1) != 0;
}
