using System.Globalization;

namespace EntityActors.Simulation.Tests.Exploration;

/// <summary>One crash: before which call of its process, and which outcome for what was not synced.</summary>
internal readonly record struct CrashStep(int Point, int Outcome)
{
    public override string ToString() => $"{Point}.{Outcome}";
}

/// <summary>Crashes that follow each other: each in the recovery from the one before. With the seed it replays alone.</summary>
internal sealed record CrashPath(IReadOnlyList<CrashStep> Steps)
{
    public static readonly CrashPath None = new([]);

    public CrashPath Then(int point, int outcome) => new([.. Steps, new CrashStep(point, outcome)]);

    /// <summary>A generator that depends on the whole path and on nothing else.</summary>
    public Random RandomFor(long seed, int purpose)
    {
        var mixed = (ulong)seed ^ ((ulong)purpose << 56);
        foreach (var step in Steps)
        {
            mixed = (mixed ^ (((ulong)step.Point << 8) + (ulong)step.Outcome + 1)) * 0xBF58476D1CE4E5B9;
            mixed ^= mixed >> 31;
        }

        mixed *= 0x94D049BB133111EB;
        return new Random((int)(mixed >> 32) ^ (int)mixed);
    }

    public override string ToString() => string.Join('/', Steps);

    /// <exception cref="FormatException">The text is not what <see cref="ToString"/> writes.</exception>
    public static CrashPath Parse(string text) => new(
    [
        .. text.Split('/', StringSplitOptions.RemoveEmptyEntries).Select(step => step.Split('.') is [var point, var outcome]
            ? new CrashStep(int.Parse(point, CultureInfo.InvariantCulture), int.Parse(outcome, CultureInfo.InvariantCulture))
            : throw new FormatException($"'{step}' is not point.outcome")),
    ]);
}
