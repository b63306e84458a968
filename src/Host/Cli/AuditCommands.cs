using System.CommandLine;
using EntityActors.Host.Security.Audit;
using EntityActors.Storage.Io;
using EntityActors.Storage.Shards;

namespace EntityActors.Host.Cli;

/// <summary><c>ea audit</c>: what the audit log says, and whether it was changed.</summary>
internal static class AuditCommands
{
    private static readonly Option<string?> Data = new("--data")
    {
        Description = "Data directory, also of a running store (ENTITYACTORS_DATA, default ./data)", HelpName = "dir",
    };

    private static readonly Option<string?> Node = new("--node") { Description = "Log of this node; by default of the one that is asked", HelpName = "name" };

    public static Command Create()
    {
        var command = new Command("audit", "The log of logins, denials and administrative acts");
        command.Subcommands.Add(List());
        command.Subcommands.Add(Verify());
        return command;
    }

    private static Command List()
    {
        var command = new Command("list", "Shows the log of a running store, one entry as JSON a line")
        {
            Node, StoreApi.ServerOption, StoreCredentials.DataOption,
        };
        command.SetAction(async (result, cancellation) =>
        {
            using var api = StoreApi.For(result);
            var target = "/v1/audit?limit=1000" + (result.GetValue(Node) is { } node ? $"&node={Uri.EscapeDataString(node)}" : "");
            await foreach (var page in api.PagesAsync(target, null, all: true, cancellation))
            {
                using var json = api.Parse(page);
                foreach (var entry in json.RootElement.GetProperty("items").EnumerateArray())
                    await Console.Out.WriteLineAsync(Readable.Safe(entry.GetRawText()));
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Verify()
    {
        var command = new Command("verify", "Checks the logs of all nodes of a data directory; exit code 6 when an entry was changed, lost or put in")
        {
            Data,
        };
        command.SetAction(async (result, _) =>
        {
            var directory = result.GetValue(Data) ?? new ConfigurationBuilder().AddEnvironmentVariables("ENTITYACTORS_").Build()["DATA"] ?? "./data";
            if (!File.Exists(new StoreLayout(directory).Descriptor)) throw new UsageException($"{directory} is no data directory of a store; --data names one");
            var audit = new AuditReader(PosixFileSystem.Instance, directory);
            var isWhole = true;
            foreach (var node in audit.Nodes())
            {
                var (count, findings) = audit.Verify(node);
                isWhole &= findings.Count == 0;
                foreach (var finding in findings) await Console.Out.WriteLineAsync($"DAMAGE {Readable.Safe(node)}/{Readable.Safe(finding)}");
                await Console.Out.WriteLineAsync($"{Readable.Safe(node)}: {count} entries, {findings.Count} faults");
            }

            return isWhole ? ExitCode.Ok : ExitCode.Damage;
        });
        return command;
    }
}
