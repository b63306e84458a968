using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace EntityActors.Simulation.Tests.Owners;

/// <summary>Explores scenario after scenario on several threads, and puts what was run into a table.</summary>
internal static class OwnerCommand
{
    /// <summary>What the first owner, which serves, does while another one takes the shard over.</summary>
    private static readonly string[] Jobs =
        ["w1", "w1,w2", "g1", "r", "w1,r", "f", "k,k,k,f", "c", "c,t", "w1,c,t,c,t", "m,t", "x,c,t", "o", "o,w1", "i,w1", "w1,q", "s,w1,s", "w1,o,w2", "c,o,c,t", "t,w1,w2,w5,w6,w7,w8,w9"];

    /// <summary>What the one does that takes it over.</summary>
    private static readonly string[] TakeOvers = ["o", "b", "o,w1", "o,w3,r", "o,w3,c,t", "o,w3,c,t,w4,c,t", "o,c,m,t", "o,w3,k,f", "o,w3,o,w4", "b,w3,c,t", "o,x,w3,c,t,c,t", "o,o,c,t,w3,c,t", "o,p,c,t,d,w3,c,t,d"];

    /// <summary>Third owners matter where the second one's traces are what the first one's late calls meet.</summary>
    private static readonly string[] Triples =
    [
        "w1|o|o", "w1|o|o,w2", "w1|o,w2|o,w3", "r|o,w2|o,w3", "w1,r|o,w2,r|o,w3,r", "c|o,c|o,c,t", "w1,c|o,w2,c,t|o,w3,c,t", "c,t|o,c,t|o,w3,c,t,c,t",
        "w1,q|o,w2,q|o,p,c,t,d,w3,c,t,d", "c|o,c|o,w3,c,t,w4,c,t", "o,w1|o,w2|o,w3", "w1|o,w2,q|o,w3,c,t,c,t", "m,t|o,w2,c,t|o,c,t,w3,c,t", "w1|o|o,c,t,o,c,t,c,t", "o,w1|o|o,c,t,o,c,t,c,t", "o|o,w2|o,c,t,o,c,c,t",
    ];

    public static IReadOnlyList<OwnerScenario> Scenarios(int owners) => owners == 2
        ? [.. Jobs.SelectMany(job => TakeOvers.Select(takeOver => OwnerScenario.Parse($"{job}|{takeOver}")))]
        : [.. Triples.Select(OwnerScenario.Parse)];

    /// <param name="report">Told of each scenario as soon as it is done.</param>
    public static IReadOnlyList<OwnerFigures> Run(IReadOnlyList<OwnerScenario> scenarios, OwnerLimits limits, TimeSpan time, int threads, int findingsMax,
        Action<OwnerFigures> report)
    {
        var clock = Stopwatch.StartNew();
        var waiting = new ConcurrentQueue<OwnerScenario>(scenarios);
        var done = new List<OwnerFigures>();
        var workers = Enumerable.Range(0, threads).Select(_ => new Thread(() =>
        {
            while (clock.Elapsed < time && waiting.TryDequeue(out var scenario))
            {
                using var explorer = new OwnerExplorer(scenario, limits, findingsMax, () => clock.Elapsed >= time);
                var figures = explorer.Explore();
                lock (done)
                {
                    done.Add(figures);
                    report(figures);
                }
            }
        })).ToArray();
        foreach (var worker in workers) worker.Start();
        foreach (var worker in workers) worker.Join();
        return done;
    }

    public static string Describe(OwnerFigures figures) => string.Create(CultureInfo.InvariantCulture,
        $"| `{figures.Scenario.ToString().Replace("|", "` `", StringComparison.Ordinal)}` | {figures.PointsMax} of {figures.CallsMax} | {figures.Schedules} | {figures.CompletePreemptions} | "
        + $"{figures.RandomSchedules} | {figures.Kills} | {figures.Cuts} | {figures.Outcomes} | {figures.Findings.Count} |");
}
