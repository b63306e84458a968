using EntityActors.Simulation.Tests.Mutants;
using Xunit;

namespace EntityActors.Simulation.Tests.Tests;

/// <summary>The command <c>mutants</c> builds and searches for each of them; that its mutants still fit the source is checked at each run.</summary>
public sealed class MutantTests
{
    [Fact]
    public void Every_mutant_finds_the_protection_that_it_takes_out()
    {
        var repository = MutantRun.FindRepository();
        Assert.Equal([], MutantTable.All.Select(Problem).OfType<string>());
        Assert.Distinct(MutantTable.All.Select(mutant => mutant.Name));

        string? Problem(Mutant mutant)
        {
            var before = File.ReadAllText(Path.Combine(repository, mutant.Root, mutant.File));
            try
            {
                return mutant.Apply(before) == before ? $"mutant '{mutant.Name}' changes nothing" : null;
            }
            catch (InvalidOperationException cause)
            {
                return cause.Message;
            }
        }
    }
}
