using EntityActors.Simulation.Tests.Damage;
using EntityActors.Simulation.Tests.Exploration;
using EntityActors.Tests.Shared;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Simulation.Tests.Tests;

/// <summary>Bits, sectors, lengths and whole files of a small store damaged, a share of all; the command tries every one.</summary>
public sealed class DamageTests(ITestOutputHelper output)
{
    private const long SearchSeed = 1;
    private const long ImagesMax = 6_000;

    [Fact]
    public void No_damage_leads_to_a_wrong_answer_or_a_silent_loss()
    {
        var seed = SeedSource.Or(SearchSeed) & 0xFFFFFF;
        var explorer = new DamageExplorer(new DamageLimits(seed, ImagesMax, TimeSpan.FromSeconds(60), Threads: Environment.ProcessorCount));
        explorer.Run();
        output.WriteLine(Report.Of(explorer));
        Assert.True(explorer.Findings.Count == 0, string.Join('\n', explorer.Findings));
        Assert.True(explorer.Images > 1000, Report.Of(explorer));
    }
}
