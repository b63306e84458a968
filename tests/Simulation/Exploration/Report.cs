using System.Globalization;

namespace EntityActors.Simulation.Tests.Exploration;

/// <summary>One line on what an exploration did.</summary>
internal static class Report
{
    public static string Of(CrashExplorer explorer) => string.Create(CultureInfo.InvariantCulture,
        $"{explorer.States} crash states ({string.Join('+', explorer.StatesByDepth)} by depth) at {explorer.Points} points of "
        + $"{explorer.Workloads} workloads, {explorer.Same} equal to another, {explorer.Findings.Count} violations, "
        + $"{explorer.States / explorer.Elapsed.TotalSeconds:F0} states/s");

    public static string Of(FaultExplorer explorer) => string.Create(CultureInfo.InvariantCulture,
        $"{explorer.Faults} faults in {explorer.Workloads} workloads, {explorer.Crashes} crash states after them, {explorer.Findings.Count} violations, "
        + $"{explorer.Faults / explorer.Elapsed.TotalSeconds:F0} faults/s");
}
