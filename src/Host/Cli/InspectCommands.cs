using System.CommandLine;
using System.Text.Json;
using EntityActors.Storage.Integrity;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using Spectre.Console;

namespace EntityActors.Host.Cli;

/// <summary><c>ea verify</c> and <c>ea inspect</c>: read a closed store from end to end and change nothing; verify asks a running one too.</summary>
internal static class InspectCommands
{
    private static readonly Option<string?> Data = new("--data")
    {
        Description = "Data directory of a store that no process uses (ENTITYACTORS_DATA, default ./data)", HelpName = "dir",
    };

    private static readonly Option<string?> Server = new("--server")
    {
        Description = "Verifies a running store through its HTTP interface instead: what every shard rests on", HelpName = "url",
    };

    private static readonly Option<bool> Repair = new("--repair")
    {
        Description = "Mends what is found: damaged blocks from parity; headers and log by starting the shards from what stands in for them and two "
            + "checkpoints each. What nothing rebuilds stays as it is and is named",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Result as JSON" };

    public static Command Verify()
    {
        var command = new Command("verify", "Checks every byte of a store; exit code 6 when damage is there at the end") { Data, Server, Repair, Json };
        command.SetAction(async (result, cancellation) =>
        {
            if (result.GetValue(Server) is not { } server)
            {
                return result.GetValue(Repair)
                    ? await ClosedRepair.RunAsync(DataDirectory(result), result.GetValue(Json), cancellation)
                    : Run(result, isSummaryWanted: false, cancellation);
            }

            if (result.GetValue(Data) is not null) throw new UsageException("--data and --server exclude each other");
            return await VerifyRunningAsync(server, StoreCredentials.From(result), result.GetValue(Repair), result.GetValue(Json), cancellation);
        });
        return command;
    }

    public static Command Inspect()
    {
        var command = new Command("inspect", "Says what a closed store holds, and every finding") { Data, Json };
        command.SetAction((result, cancellation) => Task.FromResult(Run(result, isSummaryWanted: true, cancellation)));
        return command;
    }

    private static int Run(ParseResult result, bool isSummaryWanted, CancellationToken cancellation)
    {
        var findings = new List<Finding>();
        var report = Inspect(DataDirectory(result), findings.Add, repairs: false, cancellation);
        Print(result.GetValue(Json), isSummaryWanted, report, findings);
        return report.DamageCount == 0 ? ExitCode.Ok : ExitCode.Damage;
    }

    /// <summary>Reads a closed store, with a bar on standard error.</summary>
    /// <exception cref="StoreUnusableException">There is none, or it is in use.</exception>
    internal static InspectionReport Inspect(string data, Action<Finding> found, bool repairs, CancellationToken cancellation)
    {
        InspectionReport? report = null;
        try
        {
            Progress(bar => report = StoreInspector.Inspect(PosixFileSystem.Instance, data, found, new Bar(bar, cancellation), repairs));
            return report!;
        }
        catch (StoreUnusableException problem) when (problem.Reason == StoreUnusableReason.InUse)
        {
            throw new StoreUnusableException(problem.Reason,
                $"{problem.Message}: stop it first, or verify through it with 'ea verify --server http://127.0.0.1:8085'", problem);
        }
    }

    private static string DataDirectory(ParseResult result) =>
        result.GetValue(Data) ?? new ConfigurationBuilder().AddEnvironmentVariables("ENTITYACTORS_").Build()["DATA"] ?? "./data";

    private static async Task<int> VerifyRunningAsync(string server, StoreCredentials credentials, bool repairs, bool isJson, CancellationToken cancellation)
    {
        using var api = StoreApi.At(server, credentials);
        int shards;
        using (var list = api.Parse(await api.GetAsync("/v1/shards", cancellation))) shards = list.RootElement.GetProperty("items").GetArrayLength();
        var findings = new List<(int Shard, string Sentence)>();
        var repaired = new List<(int Shard, string Sentence)>();
        var bytesChecked = 0L;
        await ErrorConsole().Progress().AutoClear(true).StartAsync(async context =>
        {
            var bar = context.AddTask("shards", maxValue: shards);
            for (var shard = 0; shard < shards; shard++)
            {
                var path = $"/v1/shards/{shard}/verify{(repairs ? "?repair=true" : "")}";
                using var outcome = api.Parse(await api.SendAsync(HttpMethod.Post, path, null, [], cancellation));
                bytesChecked += outcome.RootElement.GetProperty("bytesChecked").GetInt64();
                foreach (var finding in outcome.RootElement.GetProperty("findings").EnumerateArray()) findings.Add((shard, finding.GetString()!));
                bar.Increment(1);
                if (!repairs) continue;
                foreach (var mended in outcome.RootElement.GetProperty("repaired").EnumerateArray()) repaired.Add((shard, mended.GetString()!));
            }
        });
        if (isJson)
        {
            var shape = findings.Select(finding => new { finding.Shard, finding.Sentence });
            var mended = repaired.Select(finding => new { finding.Shard, finding.Sentence });
            await Console.Out.WriteLineAsync(
                JsonSerializer.Serialize(new { shards, bytesChecked, findings = shape, repaired = mended }, JsonSerializerOptions.Web));
        }
        else
        {
            foreach (var (shard, sentence) in repaired) await Console.Out.WriteLineAsync($"REPAIRED shard {shard}: {Readable.Safe(sentence)}");
            foreach (var (shard, sentence) in findings) await Console.Out.WriteLineAsync($"DAMAGE shard {shard}: {Readable.Safe(sentence)}");
            await Console.Out.WriteLineAsync($"{shards} shards, {bytesChecked} bytes of headers and segments, "
                + $"{(repairs ? $"{repaired.Count} places repaired, " : "")}{findings.Count} damaged places");
        }

        return findings.Count == 0 ? ExitCode.Ok : ExitCode.Damage;
    }

    internal static void Print(bool isJson, bool isSummaryWanted, InspectionReport report, List<Finding> findings)
    {
        if (isJson)
        {
            var shape = findings.Select(finding => new { severity = finding.Severity.ToString(), finding.Path, finding.Sentence });
            Console.Out.WriteLine(JsonSerializer.Serialize(new { report, findings = shape }, JsonSerializerOptions.Web));
            return;
        }

        foreach (var finding in findings)
        {
            if (isSummaryWanted || finding.Severity != Severity.Note)
                Console.Out.WriteLine($"{finding.Severity.ToString().ToUpperInvariant()} {finding.Path}: {finding.Sentence}");
        }

        Console.Out.WriteLine($"{report.Shards} shards, {report.Segments} segments of {report.SegmentBytes} bytes, "
            + $"{report.Entities} entities and {report.Changes} changes under headers, {report.DamageCount} damaged places");
    }

    /// <summary>Without a terminal there is no bar: its lines would stand among the messages.</summary>
    private static void Progress(Action<ProgressTask?> work)
    {
        if (Console.IsErrorRedirected) work(null);
        else ErrorConsole().Progress().AutoClear(true).Start(context => work(context.AddTask("shards")));
    }

    private static IAnsiConsole ErrorConsole() => AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });

    /// <summary>Shows how far it is; the interruption of a command reaches the inspection here, between two shards.</summary>
    private sealed class Bar(ProgressTask? task, CancellationToken cancellation) : IProgress<(int Done, int Total)>
    {
        public void Report((int Done, int Total) value)
        {
            cancellation.ThrowIfCancellationRequested();
            if (task is not null) task.Value = 100.0 * value.Done / value.Total;
        }
    }
}
