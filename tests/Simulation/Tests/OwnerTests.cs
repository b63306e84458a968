using EntityActors.Simulation.Tests.Owners;
using EntityActors.Tests.Shared;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Simulation.Tests.Tests;

/// <summary>Two and three owners of one shard, held before each other's calls in every order up to a bound. Longer runs: Program.cs.</summary>
public sealed class OwnerTests(ITestOutputHelper output)
{
    private const long SearchSeed = 1;
    private const int FindingsMax = 3;
    private const int SchedulesMin = 1_000;
    private static readonly TimeSpan SearchTimeMax = TimeSpan.FromMinutes(2);

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void No_interleaving_of_owners_breaks_a_promise(int owners)
    {
        var seed = SeedSource.Or(SearchSeed) & 0xFFFFFF;
        var scenarios = OwnerCommand.Scenarios(owners);
        var done = OwnerCommand.Run(scenarios, new OwnerLimits(seed, Preemptions: 2, HasKills: true, SchedulesMax: owners == 2 ? 120 : 800, RandomSchedules: 20),
            SearchTimeMax, Environment.ProcessorCount, FindingsMax, static _ => { });
        output.WriteLine(string.Join('\n', done.Select(OwnerCommand.Describe)));
        Assert.True(done.All(figures => figures.Findings.Count == 0), string.Join('\n', done.SelectMany(figures => figures.Findings)));
        // A machine that is busy with something else may need all the time; what was tried by then must still be worth its name.
        var schedules = done.Sum(figures => figures.Schedules + figures.RandomSchedules);
        Assert.True(done.Count == scenarios.Count || schedules > SchedulesMin, $"{schedules} schedules of {done.Count} of {scenarios.Count} scenarios");
        Assert.All(done.Where(figures => figures.RandomSchedules > 0), figures => Assert.True(figures.CompletePreemptions >= 0, OwnerCommand.Describe(figures)));
    }

    [Theory]
    [InlineData("R|o,w2")]
    [InlineData("W1|o,w2")]
    public void An_owner_that_replies_too_early_is_found(string scenario)
    {
        var limits = new OwnerLimits(SearchSeed, Preemptions: 1, HasKills: false, SchedulesMax: long.MaxValue, RandomSchedules: 0);
        var done = Assert.Single(OwnerCommand.Run([OwnerScenario.Parse(scenario)], limits, SearchTimeMax, threads: 1, findingsMax: 1, static _ => { }));
        Assert.Contains("no single owner could have answered so", Assert.Single(done.Findings), StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_schedule_makes_the_same_calls()
    {
        var scenario = OwnerScenario.Parse("w1,c,t|o,w2,r|o,w3");
        var schedule = OwnerSchedule.Parse("every 9>B 40>C 55>A 120!B");
        Assert.Equal(Calls(), Calls());

        List<string> Calls()
        {
            var calls = new List<string>();
            OwnerExplorer.Replay(scenario, schedule, calls.Add);
            return calls;
        }
    }

    [Theory]
    [InlineData("w1,r|o,w2")]
    [InlineData("w1,c,t,c,t|o,x,m|o,p,d,k,f,i,q,g5,s")]
    public void A_scenario_is_read_as_it_is_written(string text) => Assert.Equal(text, OwnerScenario.Parse(text).ToString());

    [Theory]
    [InlineData("0>B 17!A 30%5")]
    [InlineData("every 3>C")]
    public void A_schedule_is_read_as_it_is_written(string text) => Assert.Equal(text, OwnerSchedule.Parse(text).ToString());
}
