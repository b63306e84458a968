namespace EntityActors.Simulation.Tests.Mutants;

/// <summary>How a mutant is looked for.</summary>
internal enum MutantSuite
{
    /// <summary>The search of crash states, until its first finding.</summary>
    Crashes = 1,

    /// <summary>The search of failing calls, until its first finding.</summary>
    Faults,

    /// <summary>Tests of the storage layer.</summary>
    StorageTests,
}

/// <summary>One protection taken out of the store: a text of a source file, which must stand there exactly once, and what takes its place.</summary>
/// <param name="Name">What is missing.</param>
/// <param name="File">Path under src/Storage.</param>
/// <param name="Filter">Tests that are meant to fail; null where a search is.</param>
internal sealed record Mutant(string Name, string File, string Before, string After, MutantSuite Suite, string? Filter = null)
{
    /// <exception cref="InvalidOperationException">The source has changed: the mutant must be written anew.</exception>
    public string Apply(string source)
    {
        var at = source.IndexOf(Before, StringComparison.Ordinal);
        if (at < 0 || source.IndexOf(Before, at + 1, StringComparison.Ordinal) >= 0)
            throw new InvalidOperationException($"mutant '{Name}': src/Storage/{File} does not hold this text exactly once: {Before}");
        return source[..at] + After + source[(at + Before.Length)..];
    }
}
