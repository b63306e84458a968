using System.CommandLine;
using System.Text.Json;
using EntityActors.Storage.Integrity;
using EntityActors.Storage.Io;
using Spectre.Console;

namespace EntityActors.Host.Cli;

/// <summary><c>ea verify</c> and <c>ea inspect</c>: read a closed store from end to end and change nothing.</summary>
internal static class InspectCommands
{
    private static readonly Option<string> Data = new("--data")
    {
        Description = "Data directory of a store that no process uses", DefaultValueFactory = _ => "./data",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Result as JSON" };

    public static Command Verify()
    {
        var command = new Command("verify", "Checks every byte of a closed store; exit code 6 when damage is found") { Data, Json };
        command.SetAction(result => Run(result, isSummaryWanted: false));
        return command;
    }

    public static Command Inspect()
    {
        var command = new Command("inspect", "Says what a closed store holds, and every finding") { Data, Json };
        command.SetAction(result => Run(result, isSummaryWanted: true));
        return command;
    }

    private static int Run(ParseResult result, bool isSummaryWanted)
    {
        var findings = new List<Finding>();
        var data = result.GetValue(Data)!;
        InspectionReport? report = null;
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        console.Progress().AutoClear(true).Start(context =>
        {
            var bar = context.AddTask("shards");
            report = StoreInspector.Inspect(PosixFileSystem.Instance, data, findings.Add, new Bar(bar));
        });
        Print(result.GetValue(Json), isSummaryWanted, report!, findings);
        return report!.DamageCount == 0 ? ExitCode.Ok : ExitCode.Damage;
    }

    private static void Print(bool isJson, bool isSummaryWanted, InspectionReport report, List<Finding> findings)
    {
        if (isJson)
        {
            var shape = findings.Select(finding => new { severity = finding.Severity.ToString(), finding.Path, finding.Sentence });
            Console.Out.WriteLine(JsonSerializer.Serialize(new { report, findings = shape }, JsonSerializerOptions.Web));
            return;
        }

        foreach (var finding in findings)
        {
            if (isSummaryWanted || finding.Severity == Severity.Damage)
                Console.Out.WriteLine($"{finding.Severity.ToString().ToUpperInvariant()} {finding.Path}: {finding.Sentence}");
        }

        Console.Out.WriteLine($"{report.Shards} shards, {report.Segments} segments of {report.SegmentBytes} bytes, "
            + $"{report.Entities} entities and {report.Changes} changes under headers, {report.DamageCount} damaged places");
    }

    private sealed class Bar(ProgressTask task) : IProgress<(int Done, int Total)>
    {
        public void Report((int Done, int Total) value) => task.Value = 100.0 * value.Done / value.Total;
    }
}
