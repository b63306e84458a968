using System.Diagnostics.CodeAnalysis;

namespace EntityActors.Storage.Model;

/// <summary>A fact that the program itself guarantees. On in Release: a shard that breaks one stops rather than write on.</summary>
public static class Invariant
{
    /// <exception cref="InvariantViolationException">The fact does not hold: a defect of this program, not of its input.</exception>
    public static void Check([DoesNotReturnIf(false)] bool holds, string fact)
    {
        if (!holds) throw new InvariantViolationException(fact);
    }
}

/// <summary>A defect of this program was found before it could harm stored data.</summary>
public sealed class InvariantViolationException(string fact) : Exception($"invariant violated: {fact}");
