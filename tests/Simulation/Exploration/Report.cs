using System.Globalization;
using System.Text;
using EntityActors.Simulation.Tests.Damage;

namespace EntityActors.Simulation.Tests.Exploration;

/// <summary>What an exploration did, in a line or a few.</summary>
internal static class Report
{
    public static string Of(CrashExplorer explorer) => string.Create(CultureInfo.InvariantCulture,
        $"{explorer.States + explorer.Same} crashes at {explorer.Workloads.Sum(done => (long)done.Points)} points of {explorer.Workloads.Count} workloads: "
        + $"{explorer.States} distinct states recovered and checked ({string.Join('+', explorer.StatesByDepth)} by depth), {explorer.Same} equal to one of them, "
        + $"{explorer.Findings.Count} violations, {explorer.States / explorer.Elapsed.TotalSeconds:F0} distinct states/s");

    /// <summary>How many kinds of calls were made and crashed at in each family of workloads.</summary>
    public static string Places(CrashExplorer explorer) => string.Join('\n', explorer.Workloads.GroupBy(done => done.Family.Name).Select(family =>
    {
        var (made, crashed) = (family.SelectMany(done => done.Made).ToHashSet(), family.SelectMany(done => done.Crashed).ToHashSet());
        var missed = made.Except(crashed).Order().ToArray();
        return $"{family.Key}: crashed before {crashed.Count} of {made.Count} kinds of calls, {family.Sum(done => done.Merges)} merges{(missed.Length > 0 ? $", not before {string.Join(", ", missed)}" : "")}";
    }));

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
