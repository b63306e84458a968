using System.Globalization;
using EntityActors.Chaos;
using EntityActors.Chaos.Faults;
using EntityActors.Chaos.Reports;
using EntityActors.Tests.Shared;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests.Chaos;

/// <summary>Real nodes under load and faults; every promise to their clients is checked afterwards.</summary>
public sealed class ChaosTests(ITestOutputHelper output)
{
    private const string RunsVariable = "EA_CHAOS_RUNS";
    private const string SecondsVariable = "EA_CHAOS_SECONDS";
    private const string ReportVariable = "EA_CHAOS_REPORT";
    private const string FaultsVariable = "EA_CHAOS_FAULTS";
    private const string AllFaults = "all";
    private const int RunsDefault = 2;
    private const int SecondsDefault = 30;

    // What the machine needs no rights and no tools for.
    private static readonly FaultKind[] ProcessFaults =
        [FaultKind.Kill, FaultKind.KillOldest, FaultKind.KillAll, FaultKind.Pause, FaultKind.Terminate, FaultKind.RollingRestart];

    [Fact]
    public async Task No_fault_makes_three_nodes_break_a_promise()
    {
        var seed = SeedSource.Next();
        var (runs, seconds) = (Number(RunsVariable, RunsDefault), Number(SecondsVariable, SecondsDefault));
        output.WriteLine($"{SeedSource.Variable}={seed} {RunsVariable}={runs} {SecondsVariable}={seconds}");
        var directory = Environment.GetEnvironmentVariable(ReportVariable) ?? Path.Combine(Path.GetTempPath(), "entityactors-chaos-reports");
        var faults = new Dictionary<FaultKind, int>();
        for (var run = 0; run < runs; run++)
        {
            // Nodes with networks of their own cannot be reached by clients that are members of the cluster, so every other run goes without cuts.
            var options = new ChaosOptions { Seed = unchecked(seed + run), Load = TimeSpan.FromSeconds(seconds) };
            if (Environment.GetEnvironmentVariable(FaultsVariable) != AllFaults) options = options with { Faults = [.. ProcessFaults] };
            else if (run % 2 == 1) options = options with { Faults = [.. options.Faults.Where(static kind => kind is not (FaultKind.Cut or FaultKind.CutOneWay))] };
            var result = await ChaosRunner.RunAsync(options);
            output.WriteLine(ChaosReport.Summary(result));
            foreach (var fault in result.Faults) faults[fault.Kind] = faults.GetValueOrDefault(fault.Kind) + 1;
            if (run == 0)
            {
                foreach (var (kind, reason) in result.Skipped) output.WriteLine($"{kind}: not injected, {reason}");
            }

            Assert.True(result.AcknowledgedCount > 0, $"{SeedSource.Variable}={options.Seed}: nothing was acknowledged, so nothing was shown");
            if (result.Findings.Count == 0) continue;
            // Only a run that found something leaves files behind.
            var report = ChaosReport.Write(Path.Combine(directory, options.Seed.ToString(CultureInfo.InvariantCulture)), result);
            var kinds = Environment.GetEnvironmentVariable(FaultsVariable);
            Assert.Fail($"{SeedSource.Variable}={options.Seed} {RunsVariable}=1 {SecondsVariable}={seconds} {FaultsVariable}={kinds}: {ChaosReport.Summary(result)}; {report}\n"
                + string.Join('\n', result.Findings.Take(10)));
        }

        output.WriteLine(string.Join(", ", faults.OrderBy(static pair => pair.Key).Select(static pair => $"{pair.Value} {pair.Key}")));
        Assert.True(faults.Values.Sum() >= runs, "fewer faults than runs: not chaos");
    }

    private static int Number(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : otherwise;
}
