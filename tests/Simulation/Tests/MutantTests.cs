using EntityActors.Simulation.Tests.Mutants;
using Xunit;

namespace EntityActors.Simulation.Tests.Tests;

/// <summary>The command <c>mutants</c> builds and searches for each of them; that its mutants still fit the source is checked at each run.</summary>
public sealed class MutantTests
{
    [Fact]
    public void Every_mutant_finds_the_protection_that_it_takes_out()
    {
        var source = Path.Combine(MutantRun.FindRepository(), "src", "Storage");
        foreach (var mutant in MutantTable.All)
        {
            var before = File.ReadAllText(Path.Combine(source, mutant.File));
            Assert.NotEqual(before, mutant.Apply(before));
        }

        Assert.Distinct(MutantTable.All.Select(mutant => mutant.Name));
    }
}
