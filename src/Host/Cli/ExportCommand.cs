using System.CommandLine;
using System.IO.Compression;
using Spectre.Console;

namespace EntityActors.Host.Cli;

/// <summary><c>ea export</c>: writes a dataset of a running store to a file that <c>ea import</c> takes.</summary>
/// <remarks>The file gets its name when it is whole: one that was broken off is called <c>….part</c> and goes.</remarks>
internal static class ExportCommand
{
    private const int LineBytesMax = 32 * 1024 * 1024;
    private const int ProgressLines = 1_000;
    private static readonly TimeSpan SilenceMax = TimeSpan.FromMinutes(2);

    private static readonly Argument<string> Target = new("file")
    {
        Description = "File to write, one JSON object a line; .gz is packed; '-' is standard output",
    };

    private static readonly Option<bool> History = new("--history")
    {
        Description = "Every change of every entity, instead of the active entities",
    };

    private static readonly Option<string?> AsOf = new("--as-of")
    {
        Description = "As of this moment: RFC 3339, or ns since 1970", HelpName = "time",
    };

    public static Command Create()
    {
        var command = new Command("export", "Writes a dataset of a running store as lines that an import takes")
        {
            Target, History, AsOf, StoreApi.DatasetOption, StoreApi.ServerOption, StoreCredentials.DataOption,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        var path = result.GetRequiredValue(Target);
        var query = StoreApi.DatasetPath(result) + "/export?history=" + (result.GetValue(History) ? "true" : "false")
            + (result.GetValue(AsOf) is { } moment ? "&asOf=" + Uri.EscapeDataString(moment) : "");
        using var api = StoreApi.For(result);
        var count = 0L;
        if (path == "-")
        {
            await using var output = Console.OpenStandardOutput();
            count = await CopyAsync(api, query, output, static _ => { }, cancellation);
        }
        else
        {
            await WithProgressAsync(async tell => count = await WriteFileAsync(api, query, path, tell, cancellation));
        }

        await Console.Error.WriteLineAsync($"{count} lines");
        return ExitCode.Ok;
    }

    private static Task WithProgressAsync(Func<Action<long>, Task> run)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Status().StartAsync("export", context => run(lines => context.Status($"export: {lines} lines")));
    }

    private static async Task<long> WriteFileAsync(StoreApi api, string query, string path, Action<long> tell, CancellationToken cancellation)
    {
        var part = path + ".part";
        try
        {
            long count;
            await using (var file = File.Create(part))
            await using (var output = Path.GetExtension(path) == ".gz" ? new GZipStream(file, CompressionLevel.Fastest) : (Stream)file)
                count = await CopyAsync(api, query, output, tell, cancellation);
            File.Move(part, path, overwrite: true);
            return count;
        }
        finally
        {
            File.Delete(part);
        }
    }

    private static async Task<long> CopyAsync(StoreApi api, string query, Stream output, Action<long> tell, CancellationToken cancellation)
    {
        var (count, end) = (0L, "\n"u8.ToArray());
        await foreach (var line in api.LinesAsync(query, LineBytesMax, SilenceMax, cancellation))
        {
            await output.WriteAsync(line, cancellation);
            await output.WriteAsync(end, cancellation);
            if (++count % ProgressLines == 0) tell(count);
        }

        return count;
    }
}
