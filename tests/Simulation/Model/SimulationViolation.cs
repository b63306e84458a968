using System.Runtime.CompilerServices;

namespace EntityActors.Simulation.Tests.Model;

/// <summary>The store broke a promise, as a sentence.</summary>
internal sealed class SimulationViolation(string sentence) : Exception(sentence)
{
    /// <summary>The sentence is put together only when it is needed: hundreds of facts are checked for each crash state.</summary>
    public static void Unless(bool holds, [InterpolatedStringHandlerArgument(nameof(holds))] ViolationSentence sentence)
    {
        if (!holds) throw new SimulationViolation(sentence.ToString());
    }
}

/// <summary>A text that is not formatted as long as the fact holds.</summary>
[InterpolatedStringHandler]
internal ref struct ViolationSentence
{
    private DefaultInterpolatedStringHandler _text;

    public ViolationSentence(int literalLength, int formattedCount, bool holds, out bool isNeeded)
    {
        isNeeded = !holds;
        if (isNeeded) _text = new DefaultInterpolatedStringHandler(literalLength, formattedCount);
    }

    public void AppendLiteral(string text) => _text.AppendLiteral(text);

    public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

    public override string ToString() => _text.ToStringAndClear();
}
