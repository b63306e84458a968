using System.Globalization;
using System.Text;
using EntityActors.Simulation.Tests.Damage;

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

    /// <summary>A line for each kind of file and damage, then the sum.</summary>
    public static string Of(DamageExplorer explorer)
    {
        var text = new StringBuilder();
        foreach (var file in explorer.Counts.GroupBy(pair => (pair.Key.File, pair.Key.Kind)).OrderBy(group => group.Key))
        {
            var outcomes = string.Join(", ", file.OrderBy(pair => pair.Key.Outcome).Select(pair => $"{pair.Value} {pair.Key.Outcome}"));
            text.AppendLine(CultureInfo.InvariantCulture, $"{file.Key.File} {file.Key.Kind}: {outcomes}");
        }

        text.Append(CultureInfo.InvariantCulture, $"{explorer.Images} images of {explorer.StoreBytes} bytes, {explorer.WentOn} went on with a change and checkpoints, ");
        text.Append(CultureInfo.InvariantCulture, $"{explorer.Findings.Count} violations, {explorer.Images / explorer.Elapsed.TotalSeconds:F0} images/s");
        return text.ToString();
    }
}
