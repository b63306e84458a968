using System.CommandLine;
using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json;
using Spectre.Console;

namespace EntityActors.Host.Cli;

/// <summary><c>ea import</c>: sends a file of changes to a running store, in order, and says what became of them.</summary>
internal static class ImportCommand
{
    private const int ChunkLines = 5_000;

    private static readonly Argument<FileInfo> File = new("file") { Description = "Changes, one JSON object a line; .gz is unpacked" };

    private static readonly Option<string> Dataset = new("--dataset") { Description = "Dataset to import to", DefaultValueFactory = _ => "default" };

    private static readonly Option<Uri> Server = new("--server")
    {
        Description = "Address of the store",
        DefaultValueFactory = _ => new Uri("http://127.0.0.1:8085"),
        CustomParser = result =>
        {
            if (Uri.TryCreate(result.Tokens[0].Value, UriKind.Absolute, out var address)) return address;
            result.AddError($"--server is an address like http://127.0.0.1:8085, not '{result.Tokens[0].Value}'");
            return null!;
        },
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Result as JSON" };

    public static Command Create()
    {
        var command = new Command("import", "Imports changes with their own times") { File, Dataset, Server, Json };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        var file = result.GetValue(File)!;
        if (!file.Exists) throw new UsageException($"there is no file {file}");
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        var totals = new Totals();
        using var http = new HttpClient { BaseAddress = result.GetValue(Server), Timeout = TimeSpan.FromMinutes(5) };
        var target = $"/v1/datasets/{Uri.EscapeDataString(result.GetValue(Dataset)!)}/import";
        try
        {
            await console.Progress().AutoClear(true).Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(),
                new RemainingTimeColumn())
                .StartAsync(context => SendAsync(http, target, file, totals, context.AddTask("import", maxValue: file.Length), cancellation));
        }
        catch (HttpRequestException failure)
        {
            await Console.Error.WriteLineAsync($"ea: {http.BaseAddress}: {failure.Message}");
            return failure.StatusCode is HttpStatusCode.BadRequest ? ExitCode.Usage : ExitCode.Unavailable;
        }

        await Console.Out.WriteLineAsync(result.GetValue(Json)
            ? JsonSerializer.Serialize(totals, JsonSerializerOptions.Web)
            : $"{totals.Applied} applied, {totals.Duplicate} duplicate, {totals.Rejected.Count} rejected");
        if (!result.GetValue(Json))
        {
            foreach (var rejected in totals.Rejected) await Console.Error.WriteLineAsync($"line {rejected.Line}: {rejected.Code}: {rejected.Detail}");
        }

        return totals.Rejected.Count == 0 ? ExitCode.Ok : ExitCode.Conflict;
    }

    private static async Task SendAsync(HttpClient http, string target, FileInfo file, Totals totals, ProgressTask bar, CancellationToken cancellation)
    {
        await using var raw = file.OpenRead();
        await using Stream stream = file.Extension == ".gz" ? new GZipStream(raw, CompressionMode.Decompress) : raw;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var chunk = new StringBuilder();
        var (line, first) = (0L, 1L);
        while (true)
        {
            var text = await reader.ReadLineAsync(cancellation);
            if (text is not null)
            {
                line++;
                chunk.Append(text).Append('\n');
            }

            if (text is not null && line - first + 1 < ChunkLines) continue;
            if (chunk.Length > 0) totals.Add(await PostAsync(http, target, chunk.ToString(), cancellation), first - 1);
            chunk.Clear();
            first = line + 1;
            bar.Value = raw.Position;
            if (text is null) return;
        }
    }

    private static async Task<Totals> PostAsync(HttpClient http, string target, string chunk, CancellationToken cancellation)
    {
        using var body = new StringContent(chunk, Encoding.UTF8, "application/x-ndjson");
        using var answer = await http.PostAsync(new Uri(target, UriKind.Relative), body, cancellation);
        var text = await answer.Content.ReadAsStringAsync(cancellation);
        if (!answer.IsSuccessStatusCode) throw new HttpRequestException(text, null, answer.StatusCode);
        return JsonSerializer.Deserialize<Totals>(text, JsonSerializerOptions.Web)!;
    }

    private sealed class Totals
    {
        public long Applied { get; set; }

        public long Duplicate { get; set; }

        public List<Rejection> Rejected { get; init; } = [];

        public void Add(Totals chunk, long linesBefore)
        {
            Applied += chunk.Applied;
            Duplicate += chunk.Duplicate;
            foreach (var rejection in chunk.Rejected) Rejected.Add(rejection with { Line = rejection.Line + linesBefore });
        }
    }

    private sealed record Rejection(long Line, string Code, string Detail);
}
