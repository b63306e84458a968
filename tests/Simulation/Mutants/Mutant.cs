namespace EntityActors.Simulation.Tests.Mutants;

/// <summary>How a mutant is looked for.</summary>
internal enum MutantSuite
{
    /// <summary>The search of crash states, until its first finding.</summary>
    Crashes = 1,

    /// <summary>The search of failing calls, until its first finding.</summary>
    Faults,

    /// <summary>Tests on the simulated disk.</summary>
    SimulationTests,

    /// <summary>Tests of the storage layer.</summary>
    StorageTests,

    /// <summary>The interleaved owners of one scenario, until the first finding.</summary>
    Owners,

    /// <summary>Tests of the program, most of them over HTTP.</summary>
    HostTests,
}

/// <summary>One protection taken out: a text of a source file, which must stand there exactly once, and what takes its place.</summary>
/// <param name="Name">What is missing.</param>
/// <param name="File">Path under <see cref="Root"/>.</param>
/// <param name="Filter">Tests that are meant to fail, or the scenario of owners; null where another search is.</param>
internal sealed record Mutant(string Name, string File, string Before, string After, MutantSuite Suite, string? Filter = null)
{
    /// <summary>Another text of the same file, where one is not enough.</summary>
    public (string Before, string After)? Also { get; init; }

    /// <summary>Folder of the source that is changed.</summary>
    public string Root => Suite == MutantSuite.HostTests ? "src/Host" : "src/Storage";

    /// <exception cref="InvalidOperationException">The source has changed: the mutant must be written anew.</exception>
    public string Apply(string source)
    {
        var changed = Replace(source, Before, After);
        return Also is { } also ? Replace(changed, also.Before, also.After) : changed;
    }

    private string Replace(string source, string before, string after)
    {
        var at = source.IndexOf(before, StringComparison.Ordinal);
        if (at < 0 || source.IndexOf(before, at + 1, StringComparison.Ordinal) >= 0)
            throw new InvalidOperationException($"mutant '{Name}': {Root}/{File} does not hold this text exactly once: {before}");
        return source[..at] + after + source[(at + before.Length)..];
    }
}
