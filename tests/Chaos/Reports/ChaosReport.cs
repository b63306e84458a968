using System.Globalization;
using System.Text;
using EntityActors.Chaos.Histories;

namespace EntityActors.Chaos.Reports;

/// <summary>Writes what a run came to as a directory: report.md, timeline.svg, history.ndjson.</summary>
public static class ChaosReport
{
    public static string Write(string directory, ChaosResult result)
    {
        Directory.CreateDirectory(directory);
        var availability = new Availability(result.History, result.Load);
        Timeline.Write(Path.Combine(directory, "timeline.svg"), result, availability);
        HistoryFile.Write(Path.Combine(directory, "history.ndjson"), result);
        if (result.Output.Length > 0) File.WriteAllText(Path.Combine(directory, "output.txt"), result.Output);
        var path = Path.Combine(directory, "report.md");
        File.WriteAllText(path, Text(result, availability));
        return path;
    }

    /// <summary>One line, for a table of many runs.</summary>
    public static string Summary(ChaosResult result) => string.Create(CultureInfo.InvariantCulture,
        $"seed {result.Options.Seed}: {result.Faults.Count} faults, {result.History.Counts.Values.Sum()} operations, {result.AcknowledgedCount} acknowledged, "
        + $"{result.ChangeCount} changes, {result.OpenAppliedCount} open ones took effect ({result.RefusedAppliedCount} of them refused at a later try), "
        + $"{result.CheckedOperationCount} operations checked, {result.UnknownVerdictCount} without a verdict, {result.FeedChangeCount} changes by feeds over {result.FeedConnectionCount} connections, healed in {result.HealTime.TotalSeconds:F1} s, "
        + $"{result.Findings.Count} findings");

    private static string Text(ChaosResult result, Availability availability)
    {
        var text = new StringBuilder();
        text.AppendLine("# Chaos run").AppendLine().AppendLine(Summary(result)).AppendLine();
        text.AppendLine("![timeline](timeline.svg)").AppendLine();
        text.AppendLine("## Findings").AppendLine();
        if (result.Findings.Count == 0) text.AppendLine("none");
        foreach (var finding in result.Findings) text.AppendLine("```").AppendLine(finding).AppendLine("```");
        text.AppendLine().AppendLine("## Operations").AppendLine().AppendLine("| kind | outcome | count |").AppendLine("| --- | --- | --- |");
        foreach (var ((kind, outcome), count) in result.History.Counts.OrderBy(static pair => pair.Key.Kind, StringComparer.Ordinal)
            .ThenBy(static pair => pair.Key.Outcome, StringComparer.Ordinal))
            text.AppendLine(CultureInfo.InvariantCulture, $"| {kind} | {outcome} | {count} |");
        text.AppendLine().AppendLine("## Faults").AppendLine().AppendLine("| from s | to s | fault | longest gap of a shard, s | of the median shard, s |")
            .AppendLine("| --- | --- | --- | --- | --- |");
        foreach (var fault in result.Faults)
        {
            var gaps = availability.Shards.Select(shard => availability.LongestGap(shard, fault)).Order().ToList();
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {Second(fault.Started)} | {(fault.Ended is { } end ? Second(end) : "")} | {fault} | {gaps.LastOrDefault():F2} | {gaps.ElementAtOrDefault(gaps.Count / 2):F2} |");
        }

        foreach (var (kind, reason) in result.Skipped) text.AppendLine(CultureInfo.InvariantCulture, $"| | | {kind}: not injected, {reason} | | |");
        text.AppendLine().AppendLine("## Longest gap of each shard").AppendLine().AppendLine("| shard | s |").AppendLine("| --- | --- |");
        foreach (var shard in availability.Shards) text.AppendLine(CultureInfo.InvariantCulture, $"| {shard} | {availability.LongestGap(shard):F2} |");
        text.AppendLine().AppendLine("## Events").AppendLine();
        foreach (var (at, what) in result.Events) text.AppendLine(CultureInfo.InvariantCulture, $"- {Second(at)} s: {what}");
        return text.ToString();

        string Second(long ticks) => ChaosClock.Seconds(ticks - result.Load.From).ToString("F1", CultureInfo.InvariantCulture);
    }
}
